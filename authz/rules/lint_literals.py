# SPDX-License-Identifier: Apache-2.0
"""What a single condition says by itself: whether it is constant, and literals that are slips.

`leaf_truth` is proof: the condition has one truth for every request, because of what is known of
the value (lint_domain) or because of the literal alone. `slips` are literals that never equal or
normally do not, in a condition that is not constant. Several conditions together are lint_truth's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    Operator,
    RegexLiteral,
    Truth,
    WildcardLiteral,
)
from authz.rules.evaluator import compare
from authz.rules.lint_domain import (
    Fault,
    bounds_of,
    is_mapped,
    is_plain_address,
    never_equal,
    never_first,
    never_within,
    words_of,
)
from authz.rules.types import Int, Ip

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.rules.ast import Argument, Logical, Right
    from authz.rules.types import Address

_HEADERS: Final = "http.request.headers"
_HEADER_CASE: Final = "header names are lower case here"
# A pattern is searched for anywhere, so these are found in every text.
_FOUND_ANYWHERE: Final = frozenset({"", "^", "$", ".*", "^.*", ".*$"})
_IPV4: Final = (0, 2**32 - 1)
_IPV6: Final = (0, 2**128 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A condition's truth for every request, why, and what was probably meant."""

    value: bool
    why: str
    fixed: Logical | None = None


def leaf_truth(node: Logical) -> Known | None:
    """The truth of a condition that consists of no others, if it is the same for every request."""
    if isinstance(node, Constant):
        return Known(value=node.value, why="it says so")
    if isinstance(node, Truth):
        return _function_truth(node)
    if not isinstance(node, Comparison) or node.left.each:
        return None
    lowered = lower_case_headers(node.left)
    if lowered is not None:
        return Known(value=False, why=_HEADER_CASE, fixed=replace(node, left=lowered))
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


def prefix_test(node: Logical) -> tuple[Access, bool, bytes] | None:
    """For `starts_with(x, "…")` and `ends_with(x, "…")`: x, whether it is the start, the text."""
    if not isinstance(node, Truth) or node.operand.steps:
        return None
    call = node.operand.base
    if not isinstance(call, Call) or call.function.name not in ("starts_with", "ends_with"):
        return None
    source, text = call.arguments
    if not isinstance(source, Access) or source.each or not isinstance(text, Literal):
        return None
    return source, call.function.name == "starts_with", cast("bytes", text.value)


def lower_case_headers(access: Access) -> Access | None:
    """An access to a header whose name has capital letters, with them in lower case."""
    base = access.base
    if isinstance(base, Call):
        if not base.arguments or base.function.handles_missing:
            return None
        first = base.arguments[0]
        inner = lower_case_headers(first) if isinstance(first, Access) else None
        if inner is None:
            return None
        return replace(access, base=replace(base, arguments=(inner, *base.arguments[1:])))
    key = access.steps[0] if access.steps else None
    if base.field.name != _HEADERS or not isinstance(key, bytes) or key == key.lower():
        return None
    return replace(access, steps=(key.lower(), *access.steps[1:]))


def literal_faults(node: Comparison) -> dict[bytes, Fault]:
    """The texts on the right of `eq`, `ne` or `in` that the value never equals."""
    right = node.right
    texts: tuple[bytes, ...] = ()
    if isinstance(right, ItemSet) and right.items and isinstance(right.items[0], bytes):
        texts = right.items
    elif isinstance(right, Literal) and _is_equality(node):
        texts = (right.value,) if isinstance(right.value, bytes) else ()
    return {text: fault for text in texts if (fault := never_equal(node.left, text)) is not None}


def with_fixed_literals(node: Comparison) -> Comparison | None:
    """The condition with literals that the value can equal, if all of them can be mended."""
    faults = literal_faults(node)
    fixes = {text: fault.fixed for text, fault in faults.items() if fault.fixed is not None}
    return with_literals(node, fixes) if fixes and len(fixes) == len(faults) else None


def with_literals(node: Comparison, fixes: dict[bytes, bytes]) -> Comparison:
    """The condition with some of the texts on its right exchanged."""
    right: Right = node.right
    if isinstance(right, ItemSet):
        items = (fixes.get(cast("bytes", item), cast("bytes", item)) for item in right.items)
        return replace(node, right=replace(right, items=tuple(dict.fromkeys(items))))
    literal = cast("Literal", right)
    return replace(node, right=replace(literal, value=fixes[cast("bytes", literal.value)]))


def _function_truth(node: Truth) -> Known | None:
    base = node.operand.base
    if not isinstance(base, Call) or node.operand.steps or not base.arguments:
        return None
    lowered = lower_case_headers(node.operand)
    if lowered is not None and not base.mapped:
        return Known(value=False, why=_HEADER_CASE, fixed=replace(node, operand=lowered))
    key = base.arguments[1] if len(base.arguments) > 1 else None
    if base.function.name == "has_key" and isinstance(key, Literal):
        text = cast("bytes", key.value)
        if not _is_headers(base.arguments[0]) or text == text.lower():
            return None
        return Known(value=False, why=_HEADER_CASE, fixed=_with_text(node, text.lower()))
    test = prefix_test(node)
    if test is None:
        return None
    source, first, text = test
    if not text:
        return None if source.nullable else Known(value=True, why="every text has the empty one")
    fault = never_first(source, text) if first else never_within(source, text)
    if fault is None:
        return None
    fixed = None if fault.fixed is None else _with_text(node, fault.fixed)
    return Known(value=False, why=fault.why, fixed=fixed)


def _is_headers(argument: Argument) -> bool:
    return (
        isinstance(argument, Access)
        and isinstance(argument.base, FieldRef)
        and argument.base.field.name == _HEADERS
        and not argument.steps
    )


def _with_text(node: Truth, text: bytes) -> Truth:
    """A call with its second argument exchanged."""
    call = cast("Call", node.operand.base)
    literal = replace(cast("Literal", call.arguments[1]), value=text)
    call = replace(call, arguments=(call.arguments[0], literal, *call.arguments[2:]))
    return replace(node, operand=replace(node.operand, base=call))


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
            return Known(value=False, why=bounds.why)
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
    if not right.wildcard.strict:
        return None
    first, *others = right.wildcard.parts
    tests: list[tuple[Callable[[Access, bytes], Fault | None], bytes]] = [
        (never_first if others else never_equal, first),
        *((never_within, part) for part in others),
    ]
    for never, part in tests:
        fault = never(node.left, part) if part else None
        if fault is not None:
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
        fault = never_within(node.left, text)
        if fault is None:
            return None
        fixed = None if fault.fixed is None else with_literals(node, {text: fault.fixed})
        return Known(value=False, why=fault.why, fixed=fixed)
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
    return Known(value=truth, why=bounds.why) if present or not truth else None


def _is_equality(node: Comparison) -> bool:
    return node.operator in (Operator.EQ, Operator.NE)
