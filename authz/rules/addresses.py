# SPDX-License-Identifier: Apache-2.0
"""Sets of IP addresses: intervals, sorted and merged, and reading them from a list's items.

An item is an address, a network without host bits, or `first..last`. A network may be cut short on
the right as in a set (`10/8`, surprise 36): a prefix length leaves no doubt. An address may not: a
set reads `10.1` as 10.1.0.0, other programs as 10.0.0.1. Nor may numbers have leading zeros. A
million items are read in about two seconds, which is why the common forms are taken apart by hand:
ipaddress takes several microseconds for each.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from authz.rules.address_suggestions import hint_for_item, network_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.rules.types import Address

# Canonical octets only: 010 could be meant as 8 or as 10.
_OCTETS: Final = {str(number): number for number in range(256)}
# Prefix length, as written behind an IPv4 address, to the mask of the host bits.
_HOSTS4: Final = {str(bits): 2 ** (32 - bits) - 1 for bits in range(33)} | {"": 0}
_PREFIX: Final = re.compile(r"[0-9]{1,3}")
_GROUPS: Final = r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6}"
# The usual `2001:db8::1/64`; full and mixed notations are left to ipaddress.
_IPV6: Final = re.compile(rf"({_GROUPS})::({_GROUPS})?(?:/([0-9]{{1,3}}))?")


class BadAddressError(Exception):
    """An item that is not an address; internal to authz.rules, lists.py adds list and place."""

    def __init__(self, position: int, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem
        self.hint = hint


class Ranges:
    """A set of addresses; `has(address)` is a binary search. IPv4 and IPv6 never meet.

    Built from intervals packed into one number, `first << width | last`: those sort faster than
    pairs and give the garbage collector nothing to do.
    """

    __slots__ = ("_first4", "_first6", "_last4", "_last6")

    def __init__(self, four: list[int], six: list[int]) -> None:
        self._first4, self._last4 = _merged(four, 32)
        self._first6, self._last6 = _merged(six, 128)

    @classmethod
    def of(cls, intervals: Iterable[tuple[Address, Address]]) -> Ranges:
        """A set of intervals, each of one family."""
        four: list[int] = []
        six: list[int] = []
        for first, last in intervals:
            if isinstance(first, IPv4Address):
                four.append(int(first) << 32 | int(last))
            else:
                six.append(int(first) << 128 | int(last))
        return cls(four, six)

    def has(self, address: Address | None) -> bool:
        """Whether the address is in the set; a missing one is not."""
        if type(address) is IPv4Address:
            number = int(address)
            at = bisect_right(self._first4, number)
            return at > 0 and number <= self._last4[at - 1]
        if address is None:
            return False
        number = int(address)
        at = bisect_right(self._first6, number)
        return at > 0 and number <= self._last6[at - 1]


def _merged(packed: list[int], width: int) -> tuple[list[int], list[int]]:
    """First and last numbers of the sorted, disjoint intervals."""
    firsts: list[int] = []
    lasts: list[int] = []
    mask = 2**width - 1
    highest = -2
    for interval in sorted(packed):
        first, last = interval >> width, interval & mask
        if first > highest + 1:
            firsts.append(first)
            lasts.append(last)
            highest = last
        elif last > highest:
            lasts[-1] = highest = last
    return firsts, lasts


def read_addresses(items: Sequence[str]) -> Ranges:
    """The set that a list's items describe. Raises BadAddressError."""
    four: list[int] = []
    six: list[int] = []
    octets, masks, matches = _OCTETS, _HOSTS4, _IPV6.fullmatch
    for position, item in enumerate(items):
        parts = item.split(".")
        if len(parts) == 4:
            tail, slash, prefix = parts[3].partition("/")
            try:
                number = (
                    octets[parts[0]] << 24
                    | octets[parts[1]] << 16
                    | octets[parts[2]] << 8
                    | octets[tail]
                )
                hosts = masks[prefix]
            except KeyError:
                pass
            else:
                if not number & hosts and (prefix or not slash):
                    four.append(number << 32 | number | hosts)
                    continue
        elif (match := matches(item)) and (interval := _usual_ipv6(match)):
            six.append(interval)
            continue
        _read(item, position, four, six)
    return Ranges(four, six)


def _usual_ipv6(match: re.Match[str]) -> int | None:
    """An IPv6 address or network with `::`, packed; None if there is something wrong with it."""
    head, tail, prefix = match.groups()
    left = head.split(":")
    right = tail.split(":") if tail else ()
    missing = 8 - len(left) - len(right)
    hosts = 0 if prefix is None else (1 << max(0, 128 - int(prefix))) - 1
    if missing < 1 or (prefix and int(prefix) > 128):
        return None
    number = 0
    for group in left:
        number = number << 16 | int(group, 16)
    number <<= 16 * missing
    for group in right:
        number = number << 16 | int(group, 16)
    return None if number & hosts else number << 128 | number | hosts


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
