# SPDX-License-Identifier: Apache-2.0
"""Conditions in a form that does not depend on how they are written.

Two conditions with the same form are the same: operands of `and` and `or` in any order, `not`
pushed inwards, `ne` as `not … eq`, alternatives of one value as a set of it, hex digits in one
case. Conditions that mean the same may still have different forms. Whether one form implies
another is lint_implication's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, cast

from authz.rules.ast import (
    Access,
    Combination,
    Comparison,
    Constant,
    Interval,
    ItemSet,
    Literal,
    Logic,
    Not,
    Operator,
    Quantifier,
)
from authz.rules.formatter import format_logical
from authz.rules.lint_ranges import all_of, common_ranges, joined_ranges, range_of, rest_of
from authz.rules.types import Bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.rules.ast import Logical
    from authz.rules.lint_ranges import Ranges
    from authz.rules.types import Address


@dataclass(frozen=True, slots=True)
class TextIn:
    """A text is, or (`inside` false) is not, one of some; a missing one is in no set."""

    subject: Access
    texts: frozenset[bytes]
    inside: bool


@dataclass(frozen=True, slots=True)
class NumberIn:
    """A number or address is, or is not, in some ranges."""

    subject: Access
    ranges: Ranges
    inside: bool


@dataclass(frozen=True, slots=True)
class Other:
    """Any other condition, or its opposite."""

    leaf: Logical
    holds: bool


@dataclass(frozen=True, slots=True)
class Every:
    """All of some forms; none is an `Every` itself. Without any, it is always true."""

    parts: frozenset[Form]
    in_order: tuple[Form, ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of some forms; none is a `Some` itself. Without any, it is never true."""

    parts: frozenset[Form]
    in_order: tuple[Form, ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Odd:
    """An odd number of some forms, or an even one; with how often each is there."""

    parts: frozenset[tuple[Form, int]]
    odd: bool


Form: TypeAlias = "TextIn | NumberIn | Other | Every | Some | Odd"


def normal(node: Logical, *, holds: bool = True) -> Form:
    """The form of a condition, or of its opposite."""
    if isinstance(node, Not):
        return normal(node.operand, holds=not holds)
    if isinstance(node, Constant):
        return _every(()) if node.value is holds else _some(())
    if isinstance(node, Combination):
        if node.logic is Logic.XOR:
            parts = [normal(operand) for operand in node.operands]
            return Odd(frozenset((one, parts.count(one)) for one in parts), holds)
        parts = [normal(operand, holds=holds) for operand in node.operands]
        return _every(parts) if (node.logic is Logic.AND) is holds else _some(parts)
    if isinstance(node, Comparison) and not node.left.each:
        found = _set_form(node)
        if found is not None:
            return found if holds else opposite(found)
    return Other(_in_order(node), holds)


def opposite(part: TextIn | NumberIn) -> TextIn | NumberIn:
    """What is not in a set; of a value that may be missing, also a missing one."""
    if isinstance(part, NumberIn) and not part.subject.nullable:
        return replace(part, ranges=rest_of(part.ranges, all_of(part.subject.type)))
    return replace(part, inside=not part.inside)


def _every(parts: Sequence[Form]) -> Form:
    flat = [
        one for part in parts for one in (part.in_order if isinstance(part, Every) else (part,))
    ]
    merged = _merged(flat, every=True)
    return merged[0] if len(merged) == 1 else Every(frozenset(merged), merged)


def _some(parts: Sequence[Form]) -> Form:
    flat = [one for part in parts for one in (part.in_order if isinstance(part, Some) else (part,))]
    merged = _merged(flat, every=False)
    return merged[0] if len(merged) == 1 else Some(frozenset(merged), merged)


def _merged(parts: Iterable[Form], *, every: bool) -> tuple[Form, ...]:
    """The same forms with the sets of one value as one set, and nothing twice."""
    found: dict[object, Form] = {}
    for part in parts:
        if not isinstance(part, TextIn | NumberIn):
            found[part] = part
            continue
        earlier = found.get(part.subject)
        if not isinstance(earlier, TextIn | NumberIn):
            found[part.subject] = part
        elif every:
            found[part.subject] = _meet(earlier, part)
        else:
            found[part.subject] = opposite(_meet(opposite(earlier), opposite(part)))
    return tuple(found.values())


def _meet(one: TextIn | NumberIn, other: TextIn | NumberIn) -> TextIn | NumberIn:
    """Both of two sets of one value."""
    if isinstance(one, TextIn) and isinstance(other, TextIn):
        return _meet_of_texts(one, other)
    mine, more = cast("NumberIn", one), cast("NumberIn", other)
    if not mine.inside and not more.inside:
        return replace(mine, ranges=joined_ranges([*mine.ranges, *more.ranges]))
    inner, outer = (mine, more) if mine.inside else (more, mine)
    others = outer.ranges
    if not outer.inside:
        others = rest_of(others, all_of(outer.subject.type))
    return replace(inner, ranges=common_ranges(inner.ranges, others))


def _meet_of_texts(one: TextIn, other: TextIn) -> TextIn:
    if one.inside and other.inside:
        return replace(one, texts=one.texts & other.texts)
    if not one.inside and not other.inside:
        return replace(one, texts=one.texts | other.texts)
    inner, outer = (one, other) if one.inside else (other, one)
    return replace(inner, texts=inner.texts - outer.texts)


def _set_form(node: Comparison) -> TextIn | NumberIn | None:
    """The form of a comparison that asks whether a value is in a set."""
    left, right = node.left, node.right
    if left.type == Bytes:
        return _text_form(node)
    if isinstance(right, ItemSet):
        items = cast("tuple[Interval, ...]", right.items)
        return NumberIn(left, joined_ranges(range_of(one.first, one.last) for one in items), True)
    if not isinstance(right, Literal) or node.operator is Operator.BITWISE_AND:
        return None
    value = cast("int | Address", right.value)
    family, number, _ = range_of(value, value)
    everything = all_of(left.type)
    ((_, lowest, highest),) = (one for one in everything if one[0] == family)
    first, last = {
        Operator.GE: (number, highest),
        Operator.GT: (number + 1, highest),
        Operator.LE: (lowest, number),
        Operator.LT: (lowest, number - 1),
    }.get(node.operator, (number, number))
    ranges: Ranges = ((family, first, last),) if first <= last else ()
    if node.operator is Operator.NE:
        ranges = rest_of(ranges, everything)
    return NumberIn(left, ranges, True)


def _text_form(node: Comparison) -> TextIn | None:
    left, right = node.left, node.right
    if isinstance(right, ItemSet):
        items = cast("tuple[bytes, ...]", right.items)
    elif isinstance(right, Literal) and node.operator in (Operator.EQ, Operator.NE):
        items = (cast("bytes", right.value),)
    else:
        return None
    inside = node.operator is not Operator.NE
    if not inside and left.nullable:
        # A missing value is not unequal to anything, but it is in no set.
        return None
    return TextIn(left, frozenset(one.lower() if left.hex else one for one in items), inside)


def _in_order(node: Logical) -> Logical:
    """A condition of one answer per element, with operands and items in one order."""
    if isinstance(node, Quantifier) and not isinstance(node.argument, Access):
        return replace(node, argument=_in_order(node.argument))
    if isinstance(node, Not):
        return replace(node, operand=_in_order(node.operand))
    if isinstance(node, Combination):
        operands = sorted(map(_in_order, node.operands), key=format_logical)
        return replace(node, operands=tuple(operands))
    if isinstance(node, Comparison) and isinstance(node.right, ItemSet):
        items = sorted(node.right.items, key=str)
        right = replace(node.right, items=cast("tuple[bytes, ...]", tuple(items)))
        return replace(node, right=right)
    return node
