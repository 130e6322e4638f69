# SPDX-License-Identifier: Apache-2.0
"""The items of a named list, judged and packed: what each kind of list takes, and as what.

Written for a million items in two seconds at most. Looking them up is in lists.py, the packed sets
are authz.packed, and the files that items come from are the business of authz/sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

from authz.packed import Section, pack_integers, pack_strings
from authz.rules.addresses import BadAddressError, pack_addresses
from authz.rules.types import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DECIMAL: Final = re.compile(r"-?[0-9]{1,19}")
_ASN: Final = re.compile(r"(?:[Aa][Ss])?([0-9]{1,10})")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOSTNAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_ADDRESS_HOST: Final = re.compile(r"\[?[0-9a-f:.]*:[0-9a-f:.]*\]?")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_ASN_MAX: Final = 2**32 - 1


class ListKind(StrEnum):
    """What a list holds."""

    IP = "ip"
    HOSTNAME = "hostname"
    ASN = "asn"
    STRING = "string"
    INTEGER = "integer"


class Letters(StrEnum):
    """The case of the letters in those members of a string list that are hexadecimal numbers."""

    LOWER = "lower"
    UPPER = "upper"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedItems:
    """The items of a list as packed sets.

    Args:
        size: how many items were written.
        members: strings, numbers, addresses or the exact host names.
        suffixes: of a list of host names, `example.com` for `*.example.com`.
        suffix_lengths: which lengths the suffixes have.
        origin: a hash of what the items were read from, to find the same again.
        letters: of a list of strings; `folded` is there when it is `mixed`, and holds the
            hexadecimal members with an upper-case letter, in lower case.
    """

    size: int
    members: Section
    suffixes: Section | None = None
    suffix_lengths: tuple[int, ...] = ()
    letters: Letters = Letters.LOWER
    folded: Section | None = None
    origin: bytes = b""


class BadItemError(Exception):
    """An item that is not of the list's kind; internal to authz.rules, lists.py adds the place."""

    def __init__(self, position: int, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem
        self.hint = hint


def pack_items(kind: ListKind, items: Sequence[str]) -> PackedItems:
    """The packed form of a list's items.

    Raises:
        BadItemError: the first item that the kind does not take.
        PolicyError: there is more than can be packed.
    """
    return _PACKERS[kind](items)


def _addresses(items: Sequence[str]) -> PackedItems:
    try:
        packed = pack_addresses(items)
    except BadAddressError as error:
        raise BadItemError(error.position, error.problem, error.hint) from None
    return PackedItems(size=len(items), members=Section(packed))


def _strings(items: Sequence[str]) -> PackedItems:
    try:
        members = [item.encode() for item in items]
    except UnicodeEncodeError:
        position = next(n for n, item in enumerate(items) if not _encodable(item))
        raise BadItemError(position, "is not valid Unicode text") from None
    is_hex = _HEX.fullmatch
    numbers = [member for member in members if is_hex(member)]
    joined = b"".join(numbers)
    letters, folded = Letters.LOWER, None
    if joined != joined.lower():
        letters = Letters.UPPER
    if letters is Letters.UPPER and joined != joined.upper():
        letters = Letters.MIXED
        folded = Section(
            pack_strings([lower for number in numbers if (lower := number.lower()) != number])
        )
    return PackedItems(
        size=len(items), members=Section(pack_strings(members)), letters=letters, folded=folded
    )


def _encodable(item: str) -> bool:
    try:
        item.encode()
    except UnicodeEncodeError:
        return False
    return True


def _integers(items: Sequence[str]) -> PackedItems:
    matches = _DECIMAL.fullmatch
    numbers: list[int] = []
    for position, item in enumerate(items):
        number = int(item) if matches(item) else None
        if number is None or not INT_MIN <= number <= INT_MAX:
            raise BadItemError(position, "is not a decimal number of 64 bits")
        numbers.append(number)
    return PackedItems(size=len(items), members=Section(pack_integers(numbers)))


def _asns(items: Sequence[str]) -> PackedItems:
    numbers: list[int] = []
    for position, item in enumerate(items):
        match = _ASN.fullmatch(item)
        if not match or int(match[1]) > _ASN_MAX:
            raise BadItemError(position, "is not an AS number", "write 64496 or AS64496")
        numbers.append(int(match[1]))
    return PackedItems(size=len(items), members=Section(pack_integers(numbers)))


def _hostnames(items: Sequence[str]) -> PackedItems:
    exact: list[bytes] = []
    suffixes: list[bytes] = []
    matches = _HOSTNAME.fullmatch
    for position, item in enumerate(items):
        name = item.lower()
        if not matches(name):
            name = _hostname(item, position)
        if name.startswith("*."):
            suffixes.append(name[2:].encode())
        else:
            exact.append(name.encode())
    return PackedItems(
        size=len(items),
        members=Section(pack_strings(exact)),
        suffixes=Section(pack_strings(suffixes)) if suffixes else None,
        suffix_lengths=tuple(sorted(set(map(len, suffixes)))),
    )


def _hostname(item: str, position: int) -> str:
    """A name that is not plain: with a final dot, an IPv6 address, or not ASCII.

    Written as http.host writes it (policy.hosts): addresses short and in brackets, names as UTS 46
    maps them.
    """
    name = item.lower().removesuffix(".")
    if _HOSTNAME.fullmatch(name):
        return name
    if _ADDRESS_HOST.fullmatch(name):
        try:
            return f"[{IPv6Address(name.removeprefix('[').removesuffix(']'))}]"
        except ValueError:
            raise BadItemError(position, "is not an IPv6 address", "write [2001:db8::1]") from None
    star, plain = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        import idna  # rarely needed, so not at start

        ascii_name = star + idna.encode(plain, uts46=True).decode("ascii")
    except UnicodeError:  # idna.IDNAError is one
        ascii_name = ""
    if not _HOSTNAME.fullmatch(ascii_name):
        hint = "write a name, or *. and a name" if "*" in name else "no scheme, port or path"
        raise BadItemError(position, "is not a host name", hint)
    return ascii_name


_PACKERS: Final[dict[ListKind, Callable[[Sequence[str]], PackedItems]]] = {
    ListKind.IP: _addresses,
    ListKind.HOSTNAME: _hostnames,
    ListKind.ASN: _asns,
    ListKind.STRING: _strings,
    ListKind.INTEGER: _integers,
}
