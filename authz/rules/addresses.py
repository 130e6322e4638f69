# SPDX-License-Identifier: Apache-2.0
"""Sets of IP addresses, read from a list's items or an expression's set (packed.intervals).

An item is an address, a network without host bits, or `first..last`. A network may be cut short on
the right as in a set (`10/8`, surprise 36): a prefix length leaves no doubt. An address may not: a
set reads `10.1` as 10.1.0.0, other programs as 10.0.0.1. Nor may numbers have leading zeros. A
million items of any of these forms are read in about a second, which is why they are not left to
ipaddress: it takes several microseconds for each.
"""

from __future__ import annotations

import re
import socket
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from authz.packed import IntervalSet, pack_intervals
from authz.rules.address_suggestions import hint_for_item, network_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.rules.types import Address

# Canonical octets only: 010 could be meant as 8 or as 10.
_OCTETS: Final = {str(number): number for number in range(256)}
_NO_PARTS: Final = ["0"] * 3
_PREFIX: Final = re.compile(r"[0-9]{1,3}")


def _host_masks(width: int) -> dict[str, int]:
    """Prefix length, however it is written behind an address, to the mask of the host bits."""
    return {
        f"{bits:0{digits}}": 2 ** (width - bits) - 1
        for bits in range(width + 1)
        for digits in (1, 2, 3)
    }


_HOSTS4: Final = _host_masks(32) | {"": 0}
_HOSTS6: Final = _host_masks(128) | {"": 0}
_UPPER_HOSTS6: Final = _host_masks(64)


class BadAddressError(Exception):
    """An item that is not an address; internal to authz.rules, lists.py adds list and place."""

    def __init__(self, position: int, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem
        self.hint = hint


def interval_set(intervals: Iterable[tuple[Address, Address]]) -> IntervalSet:
    """A set of a few intervals, each of one family."""
    four: list[int] = []
    six: list[int] = []
    for first, last in intervals:
        if isinstance(first, IPv4Address):
            four.append(int(first) << 32 | int(last))
        else:
            six.append(int(first) << 128 | int(last))
    return IntervalSet.of(four, six)


def pack_addresses(items: Sequence[str]) -> bytes:
    """The packed set that a list's items describe. Raises BadAddressError."""
    four: list[int] = []
    upper: list[int] = []
    six: list[int] = []
    octets, hosts4, upper_hosts, hosts6 = _OCTETS, _HOSTS4, _UPPER_HOSTS6, _HOSTS6
    pton, inet6, number_of, zeros = socket.inet_pton, socket.AF_INET6, int.from_bytes, bytes(8)
    for position, item in enumerate(items):
        address, slash, prefix = item.partition("/")
        try:
            if ":" not in address:
                parts = address.split(".")
                if len(parts) != 4:
                    if not slash:
                        four.append(_range4(parts))
                        continue
                    parts += _NO_PARTS[len(parts) - 1 :]
                one, two, three, rest = parts
                number = octets[one] << 24 | octets[two] << 16 | octets[three] << 8 | octets[rest]
                hosts = hosts4[prefix]
                if not number & hosts and (prefix or not slash):
                    four.append(number << 32 | number | hosts)
                    continue
            elif ".." in item:
                six.append(_range6(item))
                continue
            else:
                raw = pton(inet6, address)
                if prefix in upper_hosts:
                    number, hosts = number_of(raw[:8]), upper_hosts[prefix]
                    if not number & hosts and raw[8:] == zeros:
                        upper.append(number << 64 | number | hosts)
                        continue
                else:
                    number, hosts = number_of(raw), hosts6[prefix]
                    if not number & hosts and (prefix or not slash):
                        six.append(number << 128 | number | hosts)
                        continue
        except (OSError, KeyError, ValueError):
            pass
        _read(item, position, four, six)
    return pack_intervals(four, upper, six)


def _range4(parts: list[str]) -> int:
    """The interval of `first..last`, split at its dots; KeyError or ValueError if it is none."""
    one, two, three, four, gap, five, six, seven, eight = parts
    octets = _OCTETS
    first = octets[one] << 24 | octets[two] << 16 | octets[three] << 8 | octets[four]
    last = octets[five] << 24 | octets[six] << 16 | octets[seven] << 8 | octets[eight]
    if gap or last < first:
        raise ValueError
    return first << 32 | last


def _range6(item: str) -> int:
    """The interval of `first..last`; OSError or ValueError if it is none."""
    left, _, right = item.partition("..")
    first = int.from_bytes(socket.inet_pton(socket.AF_INET6, left))
    last = int.from_bytes(socket.inet_pton(socket.AF_INET6, right))
    if last < first:
        raise ValueError
    return first << 128 | last


def _read(item: str, position: int, four: list[int], six: list[int]) -> None:
    """Any item, slowly, with the exact error."""
    text = item.strip()
    if ".." in text:
        left, _, right = text.partition("..")
        first, last = _address(left), _address(right)
        if first is None or last is None:
            raise BadAddressError(position, "is not an IP range", "write first..last")
        if type(first) is not type(last) or int(last) < int(first):
            raise BadAddressError(position, "ends before it begins")
        start, stop = int(first), int(last)
    else:
        address, slash, prefix = text.partition("/")
        first = _address(address) or (_cut_short(address) if slash else None)
        if first is None:
            hint = hint_for_item(text)
            raise BadAddressError(position, "is not an IP address or network", hint)
        width = first.max_prefixlen
        if slash and (not _PREFIX.fullmatch(prefix) or int(prefix) > width):
            raise BadAddressError(position, f"has no prefix length from 0 to {width}")
        hosts = (1 << (width - int(prefix))) - 1 if slash else 0
        start = int(first)
        if start & hosts:
            hint = network_hint(f"{first}/{prefix}")
            raise BadAddressError(position, "has bits set beyond its prefix length", hint)
        stop = start | hosts
    if isinstance(first, IPv4Address):
        four.append(start << 32 | stop)
    else:
        six.append(start << 128 | stop)


def _cut_short(text: str) -> IPv4Address | None:
    """The address of a network that is written without its last numbers: `10` of `10/8`."""
    octets = text.split(".")
    if len(octets) > 3 or not all(octet in _OCTETS for octet in octets):
        return None
    return IPv4Address(".".join((octets + ["0"] * 3)[:4]))


def _address(text: str) -> Address | None:
    if "%" in text:
        return None
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except AddressValueError:
        return None
