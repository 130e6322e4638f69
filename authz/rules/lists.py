# SPDX-License-Identifier: Apache-2.0
"""Named lists (`$name`): as data and compiled for membership tests.

A compiled list answers in the same time whether it has ten items or a million: its items are packed
sets (authz.packed), those of large lists in mapped files that all processes share. What an item may
look like is in list_items.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast

from authz.errors import PolicyError
from authz.packed import IntegerSet, IntervalSet, StringSet
from authz.rules.list_items import BadItemError, Letters, ListKind, PackedItems, pack_items
from authz.rules.problems import shown
from authz.rules.types import Bytes, Int, Ip, Type

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.packed import Section
    from authz.rules.types import Value

    _Has = Callable[[Value | None], bool]

__all__ = ["ListKind", "ListModel", "NamedList", "PackedItems", "compile_list", "pack_list"]

_NAME: Final = re.compile(r"[a-z0-9_]+(?:\.+[a-z0-9_]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModel:
    """One named list.

    Args:
        items: as written, one item each; empty when `packed` holds them.
        scope: whose it is: names are unique within one.
        where: the list's place, for error messages.
        file: the file that the last items come from, with the line of each in `lines`; not in a
            list that is packed.
    """

    name: str
    kind: ListKind
    items: tuple[str, ...] = ()
    packed: PackedItems | None = None
    scope: str = ""
    where: str = ""
    file: str = ""
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedList:
    """A compiled list.

    Args:
        holds: the type that the left side of `in` must have.
        has: whether a value (or None, for a missing one) is in the list.
    """

    name: str
    kind: ListKind
    size: int
    holds: Type
    has: _Has
    _folded: _Has | None = field(default=None, repr=False)

    def has_folded(self) -> _Has:
        """The test for hex fields (architecture 4.13): it ignores the case of a value's letters.

        Such a value consists of hexadecimal digits; of any other, nothing is said.
        """
        return self._folded or self.has


def pack_list(model: ListModel, origin: bytes = b"") -> ListModel:
    """The same list with its items packed; `origin` as in `PackedItems`.

    Raises:
        PolicyError: an item is not of the list's kind; the message names it and its place.
    """
    try:
        packed = pack_items(model.kind, model.items)
        return replace(model, items=(), packed=replace(packed, origin=origin))
    except BadItemError as error:
        item = shown(model.items[error.position])
        raise PolicyError(
            f'list "{model.name}", {place_of_item(model, error.position)}: {item} {error.problem}',
            hint=error.hint,
            where=model.where or None,
        ) from None


def place_of_item(model: ListModel, position: int) -> str:
    """Where an item of a list stands that is not packed, from 0: its line in a file if known."""
    line = position - len(model.items) + len(model.lines)
    if line >= 0 and model.lines:
        return f'"{model.file}" line {model.lines[line]}'
    return f"item {position + 1}"


def compile_list(model: ListModel) -> NamedList:
    """Compile a list for membership tests.

    Raises:
        PolicyError: the name cannot be used in expressions, or an item is not of the list's kind;
            the message names the item and its place.
    """
    if not _NAME.fullmatch(model.name):
        raise PolicyError(
            f"list name {shown(model.name)} cannot be used in expressions",
            hint="names consist of a-z, 0-9, _ and dots, without a dot at either end",
            where=model.where or None,
        )
    packed = model.packed or pack_list(model).packed
    assert packed is not None
    folded: Callable[[bytes | None], bool] | None = None
    has: object
    if model.kind is ListKind.IP:
        holds, has = Ip, IntervalSet(packed.members).has
    elif model.kind in (ListKind.ASN, ListKind.INTEGER):
        holds, has = Int, IntegerSet(packed.members).has
    elif model.kind is ListKind.HOSTNAME:
        holds, has = Bytes, _hostname_test(packed)
    else:
        holds, has = Bytes, StringSet(packed.members).has
        folded = _folded_test(packed, has)
    return NamedList(
        name=model.name,
        kind=model.kind,
        size=packed.size,
        holds=holds,
        has=cast("_Has", has),
        _folded=cast("_Has | None", folded),
    )


def _hostname_test(packed: PackedItems) -> Callable[[bytes | None], bool]:
    """Exact names, and `*.suffix` for any depth below a name but not the name itself."""
    is_name = StringSet(packed.members).has
    is_suffix = _set_of(packed.suffixes)
    lengths = frozenset(packed.suffix_lengths)
    longest = max(lengths, default=0)

    def has(host: bytes | None) -> bool:
        if host is None:
            return False
        host = host.lower()
        if is_name(host):
            return True
        if not lengths:
            return False
        # Values may be long and full of dots; names have at most 253 bytes.
        end = len(host) - 1
        dot = host.find(b".", max(0, end - longest))
        while dot >= 0:
            if end - dot in lengths and is_suffix(host[dot + 1 :]):
                return dot > 0
            dot = host.find(b".", dot + 1)
        return False

    return has


def _folded_test(
    packed: PackedItems, has: Callable[[bytes | None], bool]
) -> Callable[[bytes | None], bool]:
    """Equal but for the case: of hexadecimal digits on both sides, whatever else is listed."""
    if packed.letters is Letters.UPPER:
        return lambda value: value is not None and has(value.upper())
    if packed.letters is Letters.LOWER:
        return lambda value: value is not None and has(value.lower())
    has_lower = _set_of(packed.folded)

    def has_folded(value: bytes | None) -> bool:
        if value is None:
            return False
        value = value.lower()
        return has(value) or has_lower(value)

    return has_folded


def _set_of(section: Section | None) -> Callable[[bytes | None], bool]:
    return (lambda _: False) if section is None else StringSet(section).has
