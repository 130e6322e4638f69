# SPDX-License-Identifier: Apache-2.0
"""What a single condition says by itself: whether it is constant, and literals that are slips.

`leaf_truth` is proof: the condition has one truth for every request, because of what is known of
the value (lint_domain) or because of the literal alone. `slips` are literals that never equal or
normally do not, in a condition that is not constant. Several conditions together are lint_truth's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from authz.rules.ast import (
    Access,
    Call,
    Comparison,
    Constant,
    FieldRef,
    Interval,
    ItemSet,
    Literal,
    Not,
    Operator,
    RegexLiteral,
    Truth,
    WildcardLiteral,
)
from authz.rules.calls import make_call
from authz.rules.evaluator import compare
from authz.rules.functions.collections import HAS_KEY
from authz.rules.lint_calls import HEADER_CASE, function_truth, lower_case_headers
from authz.rules.lint_domain import (
    bounds_of,
    grouped_key,
    is_mapped,
    is_plain_address,
    never_equal,
    never_like,
    words_of,
)
from authz.rules.lint_fault import Fault, Known, Place, wildcard_of, with_fixes
from authz.rules.lint_hosts import pattern_fault
from authz.rules.types import Bool, Bytes, Int, Ip

if TYPE_CHECKING:
    from authz.rules.ast import Logical
    from authz.rules.types import Address

_HOST: Final = "http.host"
# A pattern is searched for anywhere, so these are found in every text.
_FOUND_ANYWHERE: Final = frozenset({"", "^", "$", ".*", "^.*", ".*$"})
_IPV4: Final = (0, 2**32 - 1)
_IPV6: Final = (0, 2**128 - 1)


def leaf_truth(node: Logical) -> Known | None:
    """The truth of a condition that consists of no others, if it is the same for every request."""
    if isinstance(node, Constant):
        return Known(value=node.value, why="it says so")
    if isinstance(node, Truth):
        return function_truth(node)
    if not isinstance(node, Comparison) or node.left.each:
        return None
    lowered = lower_case_headers(node.left)
    if lowered is not None:
        return Known(value=False, why=HEADER_CASE, fixed=replace(node, left=lowered))
    words = words_of(node.left)
    if words is not None:
        truths = {compare(node, word) for word in words.all}
        if len(truths) == 1:
            return Known(value=truths.pop(), why=words.why, fixed=with_fixed_literals(node))
        return None
    right, present = node.right, not node.left.nullable
    if isinstance(right, ItemSet):
        return _set_truth(node, right, present=present)
    if isinstance(right, RegexLiteral):
        everything = present and right.pattern in _FOUND_ANYWHERE
        return Known(value=True, why="the pattern matches everything") if everything else None
    if isinstance(right, WildcardLiteral):
        return _wildcard_truth(node, right, present=present)
    return _literal_truth(node, right, present=present) if isinstance(right, Literal) else None


def literal_faults(node: Comparison) -> dict[bytes, Fault]:
    """The texts on the right of `eq`, `ne` or `in` that the value never equals."""
    right = node.right
    texts: tuple[bytes, ...] = ()
    if isinstance(right, ItemSet) and right.items and isinstance(right.items[0], bytes):
        texts = right.items
    elif isinstance(right, Literal) and _is_equality(node):
        texts = (right.value,) if isinstance(right.value, bytes) else ()
    return {text: fault for text in texts if (fault := never_equal(node.left, text)) is not None}


def with_fixed_literals(node: Comparison) -> Logical | None:
    """The condition with literals that the value can equal, if all of them can be mended."""
    faults = literal_faults(node)
    return with_fixes(node, faults) if all(one.is_mended for one in faults.values()) else None


def _set_truth(node: Comparison, right: ItemSet, *, present: bool) -> Known | None:
    if not right.items:
        return Known(value=False, why="the set is empty")
    if isinstance(right.items[0], bytes):
        faults = literal_faults(node)
        if any(item not in faults for item in right.items):
            return None
        why = faults[right.items[0]].why
        return Known(value=False, why=why, fixed=with_fixed_literals(node))
    items = right.items
    if node.left.type == Int:
        bounds = bounds_of(node.left)
        pairs = [(cast("int", item.first), cast("int", item.last)) for item in items]
        if all(last < bounds.lowest or first > bounds.highest for first, last in pairs):
            return Known(value=False, why=bounds.why, fixed=_missing(node))
        covered = present and _covers(pairs, (bounds.lowest, bounds.highest))
        return Known(value=True, why=f"{bounds.why}: all are in the set") if covered else None
    if is_plain_address(node.left) and all(
        is_mapped(cast("Address", item.first)) and is_mapped(cast("Address", item.last))
        for item in items
    ):
        return Known(value=False, why="an IPv4 client has its IPv4 address here")
    covered = present and all(
        _covers([(int(i.first), int(i.last)) for i in items if _family(i) == family], whole)
        for family, whole in ((4, _IPV4), (6, _IPV6))
    )
    return Known(value=True, why="every address is in the set") if covered else None


def _family(interval: Interval) -> int:
    return cast("Address", interval.first).version


def _covers(pairs: list[tuple[int, int]], whole: tuple[int, int]) -> bool:
    """Whether intervals leave nothing out of another one."""
    missing, end = whole
    for first, last in sorted(pairs):
        if first > missing:
            return False
        missing = max(missing, last + 1)
    return missing > end


def _wildcard_truth(node: Comparison, right: WildcardLiteral, *, present: bool) -> Known | None:
    if right.wildcard.matches_everything:
        return Known(value=True, why="a single star matches everything") if present else None
    parts = right.wildcard.parts
    if isinstance(node.left.base, FieldRef) and node.left.base.field.name == _HOST:
        # In lower case are the parts of a pattern that ignores it, and so is the host.
        fault = pattern_fault(right.pattern, parts)
        if fault is None:
            return None
        fixed = None
        if fault.fixed is not None:
            fixed = replace(node, right=wildcard_of(fault.fixed, strict=right.wildcard.strict))
        return Known(value=False, why=fault.why, fixed=fixed)
    if not right.wildcard.strict:
        return None
    first, *middle = parts
    last = middle.pop() if middle else b""
    tests = [
        (first, Place.FIRST if len(parts) > 1 else Place.WHOLE),
        *((part, Place.WITHIN) for part in middle),
        (last, Place.LAST),
    ]
    for part, place in tests:
        whole = place is Place.WHOLE
        fault = never_equal(node.left, part) if whole else never_like(node.left, part, place)
        if part and fault is not None:
            return Known(value=False, why=fault.why)
    return None


def _literal_truth(node: Comparison, right: Literal, *, present: bool) -> Known | None:
    operator, value = node.operator, right.value
    if operator is Operator.BITWISE_AND:
        return (
            Known(value=False, why="no number has a bit in common with 0") if value == 0 else None
        )
    if node.left.type == Int:
        return _order_truth(node, cast("int", value), present=present)
    if node.left.type == Ip:
        if operator is Operator.EQ and is_plain_address(node.left):
            mapped = is_mapped(cast("Address", value))
            why = "an IPv4 client has its IPv4 address here"
            return Known(value=False, why=why) if mapped else None
        return None
    text = cast("bytes", value)
    if operator is Operator.CONTAINS:
        if not text:
            why = "every text contains the empty one"
            return Known(value=True, why=why) if present else None
        fault = never_like(node.left, text, Place.WITHIN)
        if fault is None:
            return None
        return Known(value=False, why=fault.why, fixed=with_fixes(node, {text: fault}))
    if operator not in (Operator.EQ, Operator.NE):
        return None
    faults = literal_faults(node)
    unequal = operator is Operator.NE
    if not faults or (unequal and not present):
        return None
    return Known(value=unequal, why=faults[text].why, fixed=with_fixed_literals(node))


def _order_truth(node: Comparison, value: int, *, present: bool) -> Known | None:
    bounds = bounds_of(node.left)
    # Every comparison but eq and ne has one truth below a number and one above it.
    ends = {compare(node, bounds.lowest), compare(node, bounds.highest)}
    inside = bounds.lowest <= value <= bounds.highest
    if len(ends) != 1 or (inside and bounds.lowest < bounds.highest and _is_equality(node)):
        return None
    truth = ends.pop()
    if truth and not present:
        return None
    return Known(value=truth, why=bounds.why, fixed=None if truth else _missing(node))


def _missing(node: Comparison) -> Logical | None:
    """For the length of what a map has under a name, compared with 0: that it has no such name."""
    base, right = node.left.base, node.right
    grouped = grouped_key(base) if isinstance(base, Call) else None
    items = right.items if isinstance(right, ItemSet) else ()
    is_zero = any(
        cast("int", one.first) <= 0 <= cast("int", one.last)
        for one in cast("tuple[Interval, ...]", items)
    ) or (isinstance(right, Literal) and compare(node, 0))
    if grouped is None or not is_zero:
        return None
    holder, key = grouped
    call = make_call(HAS_KEY, (holder, Literal(value=key, type=Bytes)), "", node.span)
    return Not(operand=Truth(operand=Access(base=call, steps=(), type=Bool)))


def _is_equality(node: Comparison) -> bool:
    return node.operator in (Operator.EQ, Operator.NE)
