# SPDX-License-Identifier: Apache-2.0
"""How several conditions on one value depend on each other.

The values that the value can have fall into finitely many cells, in each of which every condition
on it has one truth: numbers and addresses between two bounds, texts between two literals
(lint_texts). `rows_of` gives the truths of the conditions in each cell, None where a cell does not
decide one. A cell that no value is in may be among them, no cell is left out: what holds in all
rows holds for every request.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast

from authz.rules.addresses import interval_set
from authz.rules.ast import (
    Access,
    Comparison,
    FieldRef,
    Interval,
    ItemSet,
    ListRef,
    Literal,
    Operator,
)
from authz.rules.evaluator import compare
from authz.rules.lint_calls import prefix_test
from authz.rules.lint_domain import bounds_of, is_plain_address
from authz.rules.lint_texts import text_rows
from authz.rules.runtime import number_test
from authz.rules.types import Int, Ip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from authz.rules.ast import Logical
    from authz.rules.lint_texts import Row
    from authz.rules.types import Address

#: With more different cells than this nothing is said of how the conditions depend on each other.
MAX_CELLS: Final = 256

_FAMILY_ENDS: Final = ((IPv4Address, 2**32), (IPv6Address, 2**128))
# ::ffff:0.0.0.0 and what is behind ::ffff:255.255.255.255.
_MAPPED: Final = (0xFFFF << 32, 0x10000 << 32)


def subject_of(leaf: Logical) -> Access | Logical:
    """What a condition is about: a value that others may be about too, or only itself."""
    if isinstance(leaf, Comparison) and not leaf.left.each:
        return leaf.left
    test = prefix_test(leaf)
    return leaf if test is None else test[0]


def key_of(subject: Access | Logical) -> object:
    """What equals the key of another subject when they are the same, and is cheap to hash."""
    if isinstance(subject, Access) and isinstance(subject.base, FieldRef) and not subject.steps:
        return subject.base.field.name
    return subject


def rows_of(
    subject: Access | Logical, leaves: Sequence[Logical], excluded: frozenset[bytes] = frozenset()
) -> list[Row] | None:
    """The truths that conditions on one subject can have together; None when there are too many.

    Args:
        excluded: texts that the value does not have.
    """
    if not isinstance(subject, Access):
        # The condition itself, as often as it stands there.
        return [(True,), (False,)]
    if subject.type == Int:
        rows = _number_rows(subject, cast("Sequence[Comparison]", leaves))
    elif subject.type == Ip:
        rows = _address_rows(subject, cast("Sequence[Comparison]", leaves))
    else:
        rows = text_rows(subject, leaves, excluded)
    found: dict[Row, None] = {}
    for row in rows:
        found[row] = None
        if len(found) > MAX_CELLS:
            return None
    if subject.nullable:
        # Nothing is true of a missing value.
        found[(False,) * len(leaves)] = None
    return list(found)


def _number_rows(subject: Access, leaves: Sequence[Comparison]) -> Iterator[Row]:
    bounds = bounds_of(subject)
    cuts = {cut for leaf in leaves for cut in _number_cuts(leaf)}
    starts = sorted({bounds.lowest, *(c for c in cuts if bounds.lowest < c <= bounds.highest)})
    tests = [(leaf.operator is Operator.BITWISE_AND, _number_test(leaf)) for leaf in leaves]
    for start, end in pairwise([*starts, bounds.highest + 1]):
        # Which bits are set changes from one number to the next.
        yield tuple(None if bits and end - start > 1 else test(start) for bits, test in tests)


def _number_cuts(leaf: Comparison) -> Iterator[int]:
    """Where the truth of a comparison of numbers can change: each begins a cell."""
    right = leaf.right
    if isinstance(right, Literal):
        yield from (cast("int", right.value), cast("int", right.value) + 1)
    elif isinstance(right, ItemSet):
        for item in cast("tuple[Interval, ...]", right.items):
            yield from (cast("int", item.first), cast("int", item.last) + 1)


def _number_test(leaf: Comparison) -> Callable[[int], bool | None]:
    right = leaf.right
    if isinstance(right, ListRef):
        return lambda _: None
    if not isinstance(right, ItemSet):
        return lambda number: compare(leaf, number)
    items = cast("tuple[Interval, ...]", right.items)
    return number_test([(cast("int", one.first), cast("int", one.last)) for one in items])


def _address_rows(subject: Access, leaves: Sequence[Comparison]) -> Iterator[Row]:
    plain = is_plain_address(subject)
    cuts = [cut for leaf in leaves for cut in _address_cuts(leaf)]
    tests = [_address_test(leaf) for leaf in leaves]
    for family, end in _FAMILY_ENDS:
        starts = {0, *(int(cut) + after for cut, after in cuts if type(cut) is family)}
        if family is IPv6Address and plain:
            starts.update(_MAPPED)
        for start in sorted(starts - {end}):
            if family is IPv6Address and plain and _MAPPED[0] <= start < _MAPPED[1]:
                continue
            address: Address = family(start)
            yield tuple(test(address) for test in tests)


def _address_cuts(leaf: Comparison) -> Iterator[tuple[Address, int]]:
    """Where the truth of a comparison of addresses can change: at an address, or behind it."""
    right = leaf.right
    if isinstance(right, Literal):
        yield from ((cast("Address", right.value), 0), (cast("Address", right.value), 1))
    elif isinstance(right, ItemSet):
        for item in cast("tuple[Interval, ...]", right.items):
            yield from ((cast("Address", item.first), 0), (cast("Address", item.last), 1))


def _address_test(leaf: Comparison) -> Callable[[Address], bool | None]:
    right = leaf.right
    if isinstance(right, ListRef):
        return lambda _: None
    if not isinstance(right, ItemSet):
        return lambda address: compare(leaf, address)
    items = cast("tuple[Interval, ...]", right.items)
    return interval_set(
        (cast("Address", one.first), cast("Address", one.last)) for one in items
    ).has
