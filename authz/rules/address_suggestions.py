# SPDX-License-Identifier: Apache-2.0
"""Hints for addresses and networks that cannot be read: how they are written.

A hint never changes what is accepted; it may be wrong about what was meant, never about the form.
"""

from __future__ import annotations

import re
from ipaddress import ip_interface


def hint_for_item(text: str) -> str | None:
    """For an item of a list of addresses that is none."""
    if re.fullmatch(r"[0-9.]+/[0-9]+|[0-9]+(?:\.[0-9]+){3}", text):
        address, slash, prefix = text.partition("/")
        numbers = [str(int(number)) for number in re.findall(r"[0-9]+", address)]
        plain = f"{'.'.join((numbers + ['0'] * 3)[:4])}{slash}{prefix}"
        return f"write {plain}, without leading zeros" if _is_network(plain) else None
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+){0,2}\.?", text):
        octets = text.rstrip(".").split(".")
        network = f"{'.'.join(octets + ['0'] * (4 - len(octets)))}/{8 * len(octets)}"
        if _is_network(network):
            return f"write {network} for the network; an address has four numbers"
    if match := re.fullmatch(r"((?:[0-9]+\.){1,3})\*(?:\.\*){0,2}", text):
        octets = match[1].rstrip(".").split(".")
        return f"write {'.'.join(octets + ['0'] * (4 - len(octets)))}/{8 * len(octets)}"
    if match := re.fullmatch(r"([0-9a-fA-F.:]+) ?- ?([0-9a-fA-F.:]+)", text):
        return f"write {match[1]}..{match[2]}"
    return "an address has no port" if re.fullmatch(r"[0-9.]+:[0-9]+|\[.*\]:[0-9]+", text) else None


def _is_network(text: str) -> bool:
    try:
        ip_interface(text)
    except ValueError:
        return False
    return True


def network_hint(text: str) -> str | None:
    """The network that an address with host bits set belongs to."""
    try:
        return f"write {ip_interface(text).network}"
    except ValueError:
        return None
