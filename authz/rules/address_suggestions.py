# SPDX-License-Identifier: Apache-2.0
"""Hints for addresses and networks that cannot be read: how they are written.

A hint never changes what is accepted; it may be wrong about what was meant, never about the form.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_interface, ip_network

_STARS = re.compile(r"((?:[0-9]+\.){1,3})\*(?:\.\*){0,2}")


def hint_for_item(text: str) -> str | None:
    """For an item of a list of addresses that is none."""
    if re.fullmatch(r"[0-9.]+/[0-9]+|[0-9]+(?:\.[0-9]+){3}", text):
        address, slash, prefix = text.partition("/")
        numbers = [str(int(number)) for number in re.findall(r"[0-9]+", address)]
        plain = f"{'.'.join((numbers + ['0'] * 3)[:4])}{slash}{prefix}"
        return f"write {plain}, without leading zeros" if _is_network(plain) else None
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+){0,2}\.?", text) and (network := _network(text)):
        return f"write {network} for the network; an address has four numbers"
    if (match := _STARS.fullmatch(text)) and (network := _network(match[1])):
        return f"write {network}"
    if match := re.fullmatch(r"([0-9a-fA-F.:]+) ?- ?([0-9a-fA-F.:]+)", text):
        item = set_item(f"{match[1]}..{match[2]}")
        return f"write {item}" if item else None
    return "an address has no port" if re.fullmatch(r"[0-9.]+:[0-9]+|\[.*\]:[0-9]+", text) else None


def set_item(text: str) -> str | None:
    """How an address, a network or a range is written in a set, None if the text is none."""
    if match := _STARS.fullmatch(text):
        return _network(match[1])
    try:
        if ".." in text:
            first, last = (int(ip_address(end)) for end in text.split(".."))
            families = {":" in end for end in text.split("..")}
            return text if len(families) == 1 and first <= last else None
        return str(ip_network(text, strict=False)) if "/" in text else str(ip_address(text))
    except ValueError:
        return None


def network_of(text: str) -> str | None:
    """The same for a network or a range, which stand in sets only; None for an address, too."""
    item = set_item(text)
    return item if item and ("/" in item or ".." in item) else None


def _network(octets: str) -> str | None:
    """The network of an IPv4 address that is cut short, as in "10.1."."""
    numbers = octets.rstrip(".").split(".")
    network = f"{'.'.join(numbers + ['0'] * (4 - len(numbers)))}/{8 * len(numbers)}"
    return network if _is_network(network) else None


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
