# SPDX-License-Identifier: Apache-2.0
"""Function calls that stand as a condition, and headers that no request has.

Proof, as in lint_literals: `starts_with(http.host, "https://")` is false for every request. Headers
are here because their names may stand deep in a call: `lower(http.request.headers["Via"][0])`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from authz.rules.ast import Access, Call, FieldRef, Literal, Truth
from authz.rules.lint_domain import never_like
from authz.rules.lint_fault import Known, Place, on_field

if TYPE_CHECKING:
    from authz.rules.ast import Argument, Logical

_HEADERS: Final = "http.request.headers"
#: Why a header with capital letters is none.
HEADER_CASE: Final = "header names are lower case here"


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


def function_truth(node: Truth) -> Known | None:
    """The truth of a call, if it is the same for every request."""
    base = node.operand.base
    if not isinstance(base, Call) or node.operand.steps or not base.arguments:
        return None
    lowered = lower_case_headers(node.operand)
    if lowered is not None and not base.mapped:
        return Known(value=False, why=HEADER_CASE, fixed=replace(node, operand=lowered))
    key = base.arguments[1] if len(base.arguments) > 1 else None
    if base.function.name == "has_key" and isinstance(key, Literal):
        text = cast("bytes", key.value)
        if not _is_headers(base.arguments[0]) or text == text.lower():
            return None
        return Known(value=False, why=HEADER_CASE, fixed=_with_text(node, text.lower()))
    test = prefix_test(node)
    if test is None:
        return None
    source, first, text = test
    if not text:
        return None if source.nullable else Known(value=True, why="every text has the empty one")
    fault = never_like(source, text, Place.FIRST if first else Place.LAST)
    if fault is None:
        return None
    fixed = None if fault.fixed is None else _with_text(node, fault.fixed)
    if fault.field is not None:
        fixed = _with_source(node, on_field(source, fault.field))
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


def _with_source(node: Truth, source: Access) -> Truth:
    """A call with its first argument exchanged."""
    call = cast("Call", node.operand.base)
    call = replace(call, arguments=(source, *call.arguments[1:]))
    return replace(node, operand=replace(node.operand, base=call))
