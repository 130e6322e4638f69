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
from socket import AF_INET6, inet_ntop, inet_pton
from typing import TYPE_CHECKING, Final

from authz.packed import Section, pack_integers, pack_strings
from authz.rules.addresses import BadAddressError, pack_addresses
from authz.rules.idn import to_ascii
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


def hostname_of(item: str) -> str:
    """A host name, or `*.` and a host name, as a list of host names holds it.

    Raises:
        BadItemError: it is none.
    """
    name = item.lower()
    return name if name.isascii() and _HOSTNAME.fullmatch(name) else _hostname(item, 0)


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
    names = [item.lower() for item in items]
    matches = _HOSTNAME.fullmatch
    odd = [n for n, name in enumerate(names) if not (name.isascii() and matches(name))]
    encoded = iter(_encoded([names[n] for n in odd if not names[n].isascii()]))
    for n in odd:
        name = None if names[n].isascii() else next(encoded)
        names[n] = name or _hostname(items[n], n)
    exact: list[bytes] = []
    suffixes: list[bytes] = []
    for name in names:
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


def _encoded(names: Sequence[str]) -> list[str | None]:
    """What `_hostname` gives for names that are not ASCII, None where that takes its time."""
    bare = [name.removesuffix(".").removeprefix("*.") for name in names]
    return [
        f"*.{ascii_name}" if ascii_name and name.startswith("*.") else ascii_name
        for name, ascii_name in zip(names, to_ascii(bare), strict=True)
    ]


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
            return f"[{_short(name.removeprefix('[').removesuffix(']'))}]"
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


def _short(address: str) -> str:
    """An IPv6 address in the spelling of ipaddress, which takes its time. Raises ValueError."""
    try:
        short = inet_ntop(AF_INET6, inet_pton(AF_INET6, address))
    except OSError:
        short = "."
    # The two differ in addresses with an IPv4 address in them.
    return str(IPv6Address(address)) if "." in short else short


_PACKERS: Final[dict[ListKind, Callable[[Sequence[str]], PackedItems]]] = {
    ListKind.IP: _addresses,
    ListKind.HOSTNAME: _hostnames,
    ListKind.ASN: _asns,
    ListKind.STRING: _strings,
    ListKind.INTEGER: _integers,
}
