# SPDX-License-Identifier: Apache-2.0
"""The text of a single comparison: which Python test is the cheapest for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from authz.rules.addresses import interval_set
from authz.rules.ast import Interval, ItemSet, ListRef, Literal, Operator, RegexLiteral
from authz.rules.runtime import address_test, number_test
from authz.rules.types import Bytes, Int

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.rules.ast import Comparison
    from authz.rules.types import Address

    Name: TypeAlias = Callable[[object], str]

_SYMBOLS: Final = {
    Operator.EQ: "==",
    Operator.NE: "!=",
    Operator.GE: ">=",
    Operator.LE: "<=",
    Operator.GT: ">",
    Operator.LT: "<",
}
_EQUALITY: Final = (Operator.EQ, Operator.NE)
# A set written into the source becomes a constant; a large one is slow to compile.
_INLINE_SET: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonText:
    """How to write a comparison around the text of its left side.

    `takes_missing`: the text gives false, and not an error, when the left side is None.
    """

    write: Callable[[str], str]
    takes_missing: bool = False


def comparison_test(node: Comparison, name: Name) -> ComparisonText:
    """The text for a comparison; `name` gives the text for an object."""
    right, operator = node.right, node.operator
    if isinstance(right, ItemSet):
        return _members(node, right, name)
    if isinstance(right, ListRef):
        has = name(right.list.has_folded() if node.left.hex else right.list.has)
        return ComparisonText(write=lambda left: f"{has}({left})", takes_missing=True)
    if isinstance(right, RegexLiteral):
        function = name(right.regex.is_match)
        return ComparisonText(write=lambda left: f"{function}({left})")
    if not isinstance(right, Literal):
        function = name(right.wildcard.matcher())
        return ComparisonText(write=lambda left: f"{function}({left})")
    return _literal(node, operator, right, name)


def _literal(node: Comparison, operator: Operator, right: Literal, name: Name) -> ComparisonText:
    if node.left.type not in (Bytes, Int):
        function = name(address_test(operator, right.value))
        return ComparisonText(write=lambda left: f"{function}({left})")
    value = right.value
    if node.left.hex and operator in _EQUALITY:
        # Architecture 4.13: either case of the digits.
        text, symbol = name(cast("bytes", value).lower()), _SYMBOLS[operator]
        return ComparisonText(write=lambda left: f"{left}.lower() {symbol} {text}")
    text = name(value)
    if operator is Operator.CONTAINS:
        return ComparisonText(write=lambda left: f"{text} in {left}")
    if operator is Operator.BITWISE_AND:
        return ComparisonText(write=lambda left: f"{left} & {text} != 0")
    symbol = _SYMBOLS[operator]
    return ComparisonText(
        write=lambda left: f"{left} {symbol} {text}", takes_missing=operator is Operator.EQ
    )


def _members(node: Comparison, right: ItemSet, name: Name) -> ComparisonText:
    if not right.items:
        return ComparisonText(write=lambda _left: "False", takes_missing=True)
    if node.left.type == Bytes:
        texts = cast("tuple[bytes, ...]", right.items)
        if not node.left.hex:
            return _in_set(frozenset(texts), name)
        folded = _in_set(frozenset(text.lower() for text in texts), name)
        return ComparisonText(write=lambda left: folded.write(f"{left}.lower()"))
    intervals = cast("tuple[Interval, ...]", right.items)
    if node.left.type == Int:
        return _numbers(
            [(cast("int", one.first), cast("int", one.last)) for one in intervals], name
        )
    pairs = [(cast("Address", one.first), cast("Address", one.last)) for one in intervals]
    function = name(interval_set(pairs).has)
    return ComparisonText(write=lambda left: f"{function}({left})", takes_missing=True)


def _in_set(items: frozenset[bytes] | frozenset[int], name: Name) -> ComparisonText:
    if len(items) == 1:
        (item,) = items
        return ComparisonText(write=lambda left: f"{left} == {item!r}", takes_missing=True)
    if len(items) <= _INLINE_SET:
        text = "{" + ", ".join(sorted(map(repr, items))) + "}"
    else:
        text = name(items)
    return ComparisonText(write=lambda left: f"{left} in {text}", takes_missing=True)


def _numbers(intervals: list[tuple[int, int]], name: Name) -> ComparisonText:
    if all(first == last for first, last in intervals):
        return _in_set(frozenset(first for first, _ in intervals), name)
    if len(intervals) == 1:
        first, last = intervals[0]
        return ComparisonText(write=lambda left: f"{first} <= {left} <= {last}")
    function = name(number_test(intervals))
    return ComparisonText(write=lambda left: f"{function}({left})")
