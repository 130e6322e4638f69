# SPDX-License-Identifier: Apache-2.0
"""Named lists (`$name`): as data and compiled for membership tests.

A compiled list answers in the same time whether it has ten items or a million: byte strings and
numbers are hash sets, addresses are sorted, merged intervals. Reading the files that items come
from is the business of authz/sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from authz.errors import PolicyError
from authz.rules.addresses import BadAddressError, Ranges, read_addresses
from authz.rules.problems import shown
from authz.rules.types import INT_MAX, INT_MIN, Bytes, Int, Ip, Type

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.rules.types import Value

_NAME: Final = re.compile(r"[a-z0-9_]+(?:\.+[a-z0-9_]+)*")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,19}")
_ASN: Final = re.compile(r"(?:[Aa][Ss])?([0-9]{1,10})")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOSTNAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_ADDRESS_HOST: Final = re.compile(r"\[?[0-9a-f:.]*:[0-9a-f:.]*\]?")
_ASN_MAX: Final = 2**32 - 1


class ListKind(StrEnum):
    """What a list holds."""

    IP = "ip"
    HOSTNAME = "hostname"
    ASN = "asn"
    STRING = "string"
    INTEGER = "integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModel:
    """One named list: `items` as written, one item each. `where` is for error messages."""

    name: str
    kind: ListKind
    items: tuple[str, ...]
    where: str = ""


class Hostnames:
    """Exact names, and `*.suffix` for any depth below a name but not the name itself."""

    __slots__ = ("_exact", "_suffixes")

    def __init__(self, exact: frozenset[bytes], suffixes: frozenset[bytes]) -> None:
        self._exact = exact
        self._suffixes = suffixes

    def has(self, host: bytes | None) -> bool:
        """Whether the name, in any case, is listed."""
        if host is None:
            return False
        host = host.lower()
        if host in self._exact:
            return True
        if not self._suffixes:
            return False
        dot = host.find(b".")
        while dot >= 0:
            # A name has at most 253 bytes, so this is at most 127 look-ups; see `_HOST_LIMIT`.
            if host[dot + 1 :] in self._suffixes:
                return dot > 0
            dot = host.find(b".", dot + 1)
        return False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedList:
    """A compiled list.

    Args:
        holds: the type that the left side of `in` must have.
        has: whether a value (or None, for a missing one) is in the list.
        has_folded: the same ignoring the case of ASCII letters, for hex fields (architecture
            4.13); built when it is first asked for.
    """

    name: str
    kind: ListKind
    size: int
    holds: Type
    has: Callable[[Value | None], bool]
    _folded: list[frozenset[bytes]] = field(default_factory=list, repr=False)
    _strings: frozenset[bytes] = field(default=frozenset(), repr=False)

    def has_folded(self) -> Callable[[Value | None], bool]:
        """A membership test that ignores the case of ASCII letters."""
        if self.kind is not ListKind.STRING:
            return self.has
        if not self._folded:
            self._folded.append(frozenset(item.lower() for item in self._strings))
        folded = self._folded[0]
        return lambda value: isinstance(value, bytes) and value.lower() in folded


def compile_list(model: ListModel) -> NamedList:
    """Compile a list for membership tests.

    Raises:
        PolicyError: the name cannot be used in expressions, or an item is not of the list's kind;
            the message names the item and its position.
    """
    if not _NAME.fullmatch(model.name):
        raise PolicyError(
            f"list name {shown(model.name)} cannot be used in expressions",
            hint="names consist of a-z, 0-9, _ and dots, without a dot at either end",
            where=model.where or None,
        )
    compiled = _COMPILERS[model.kind](model)
    holds = {ListKind.IP: Ip, ListKind.ASN: Int, ListKind.INTEGER: Int}.get(model.kind, Bytes)
    if isinstance(compiled, frozenset):
        strings = cast(
            "frozenset[bytes]", compiled if model.kind is ListKind.STRING else frozenset()
        )
        return NamedList(
            name=model.name,
            kind=model.kind,
            size=len(model.items),
            holds=holds,
            has=compiled.__contains__,
            _strings=strings,
        )
    has = cast("Callable[[Value | None], bool]", compiled.has)
    return NamedList(name=model.name, kind=model.kind, size=len(model.items), holds=holds, has=has)


def _bad(model: ListModel, position: int, problem: str, hint: str | None = None) -> PolicyError:
    item = shown(model.items[position])
    return PolicyError(
        f'list "{model.name}", item {position + 1}: {item} {problem}',
        hint=hint,
        where=model.where or None,
    )


def _addresses(model: ListModel) -> Ranges:
    try:
        return read_addresses(model.items)
    except BadAddressError as error:
        raise _bad(model, error.position, error.problem, error.hint) from None


def _strings(model: ListModel) -> frozenset[bytes]:
    try:
        return frozenset([item.encode() for item in model.items])
    except UnicodeEncodeError:
        position = next(n for n, item in enumerate(model.items) if not _encodable(item))
        raise _bad(model, position, "is not valid Unicode text") from None


def _encodable(item: str) -> bool:
    try:
        item.encode()
    except UnicodeEncodeError:
        return False
    return True


def _integers(model: ListModel) -> frozenset[int]:
    matches = _DECIMAL.fullmatch
    numbers: list[int] = []
    for position, item in enumerate(model.items):
        number = int(item) if matches(item) else None
        if number is None or not INT_MIN <= number <= INT_MAX:
            raise _bad(model, position, "is not a decimal number of 64 bits")
        numbers.append(number)
    return frozenset(numbers)


def _asns(model: ListModel) -> frozenset[int]:
    numbers: list[int] = []
    for position, item in enumerate(model.items):
        match = _ASN.fullmatch(item)
        if not match or int(match[1]) > _ASN_MAX:
            raise _bad(model, position, "is not an AS number", "write 64496 or AS64496")
        numbers.append(int(match[1]))
    return frozenset(numbers)


def _hostnames(model: ListModel) -> Hostnames:
    exact: list[bytes] = []
    suffixes: list[bytes] = []
    matches = _HOSTNAME.fullmatch
    for position, item in enumerate(model.items):
        name = item.lower()
        if not matches(name):
            name = _hostname(model, position)
        if name.startswith("*."):
            suffixes.append(name[2:].encode())
        else:
            exact.append(name.encode())
    return Hostnames(frozenset(exact), frozenset(suffixes))


def _hostname(model: ListModel, position: int) -> str:
    """A name that is not plain: with a final dot, an IPv6 address, or not ASCII."""
    name = model.items[position].lower().removesuffix(".")
    if _HOSTNAME.fullmatch(name) or _ADDRESS_HOST.fullmatch(name):
        return name
    star, plain = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        ascii_name = star + plain.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_name = ""
    if not _HOSTNAME.fullmatch(ascii_name):
        hint = "write a name, or *. and a name" if "*" in name else "no scheme, port or path"
        raise _bad(model, position, "is not a host name", hint)
    return ascii_name


_COMPILERS: Final[
    dict[ListKind, Callable[[ListModel], Ranges | Hostnames | frozenset[bytes] | frozenset[int]]]
] = {
    ListKind.IP: _addresses,
    ListKind.HOSTNAME: _hostnames,
    ListKind.ASN: _asns,
    ListKind.STRING: _strings,
    ListKind.INTEGER: _integers,
}
