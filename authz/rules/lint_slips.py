# SPDX-License-Identifier: Apache-2.0
"""Literals that are slips although the condition around them is not constant.

A fingerprint with colons, one host of a set in capitals, a method in small letters. Each is found
where it stands, also within `any(…)` and `all(…)`, and comes with the condition as it was probably
meant. Conditions that are constant because of a literal are lint_literals' business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from authz.rules.ast import (
    Comparison,
    FieldRef,
    Interval,
    ItemSet,
    Literal,
    Logic,
    Operator,
)
from authz.rules.evaluator import compare
from authz.rules.lint_calls import lower_case_headers
from authz.rules.lint_domain import bounds_of
from authz.rules.lint_fault import Fault, with_fixes
from authz.rules.lint_hex import hex_fault
from authz.rules.lint_literals import literal_faults
from authz.rules.lint_tree import joined
from authz.rules.problems import shown
from authz.rules.scheme import Field
from authz.rules.types import Bytes, Int

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Logical, Span

_PORTS: Final = ("cf.edge.server_port", "authz.peer.port")
_METHOD: Final = "http.request.method"
_PATH: Final = "http.request.uri.path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """A literal that is a slip: what is wrong with it, where, and the condition as meant."""

    code: str
    message: str
    span: Span
    node: Logical
    fixed: Logical | None = None


def slips(node: Comparison, *, constant: bool) -> Iterator[Slip]:
    """What is wrong with the literals of one condition.

    Args:
        constant: the condition is known to have one truth, which says enough of most literals.
    """
    if node.left.hex:
        yield from _of_hex(node)
    elif not node.left.each:
        if not constant:
            yield from _of_texts(node)
            yield from _of_numbers(node)
        yield from _unusual(node)
    else:
        yield from _of_elements(node)


def _of_elements(node: Comparison) -> Iterator[Slip]:
    """Slips of a comparison of elements, on whose left there may be one as well."""
    found = [*_of_texts(node), *_of_numbers(node)]
    lowered = lower_case_headers(node.left)
    if lowered is None:
        yield from found
        return
    # What is wrong on both sides is mended together.
    mended = next((slip.fixed for slip in found if isinstance(slip.fixed, Comparison)), node)
    fixed = replace(mended, left=lowered)
    yield Slip(
        code="literal_never_equal",
        message="there is no such header: header names are lower case here",
        span=node.left.span,
        node=node,
        fixed=fixed,
    )
    for slip in found:
        yield slip if slip.fixed is None else replace(slip, fixed=fixed)


def _of_hex(node: Comparison) -> Iterator[Slip]:
    right = node.right
    texts: tuple[bytes, ...] = ()
    if node.operator in (Operator.EQ, Operator.NE) and isinstance(right, Literal):
        texts = (cast("bytes", right.value),)
    elif isinstance(right, ItemSet):
        texts = cast("tuple[bytes, ...]", right.items)
    name = cast("FieldRef", node.left.base).field.name
    faults = {text: fault for text in texts if (fault := hex_fault(name, text)) is not None}
    yield from _never_equal(node, faults)


def _of_texts(node: Comparison) -> Iterator[Slip]:
    if node.left.type == Bytes:
        yield from _never_equal(node, literal_faults(node))


def _never_equal(node: Comparison, faults: dict[bytes, Fault]) -> Iterator[Slip]:
    if not faults:
        return
    # What can be mended is told first: the proposal has only the others left.
    text, fault = min(faults.items(), key=lambda one: not one[1].is_mended)
    yield Slip(
        code="literal_never_equal",
        message=f"{_value(node)} is never equal to {_quoted(text)}: {fault.why}",
        span=node.right.span,
        node=node,
        fixed=with_fixes(node, faults),
    )


def _of_numbers(node: Comparison) -> Iterator[Slip]:
    right = node.right
    if node.left.type != Int or not isinstance(right, ItemSet):
        return
    bounds = bounds_of(node.left)
    items = cast("tuple[Interval, ...]", right.items)
    kept = tuple(item for item in items if _meets(item, bounds.lowest, bounds.highest))
    if not kept or len(kept) == len(items):
        return
    outside = next(item for item in items if item not in kept)
    yield Slip(
        code="literal_never_equal",
        message=f"{_value(node)} is never {outside.first}: {bounds.why}",
        span=right.span,
        node=node,
        fixed=replace(node, right=replace(right, items=kept)),
    )


def _meets(item: Interval, lowest: int, highest: int) -> bool:
    return cast("int", item.first) <= highest and cast("int", item.last) >= lowest


def _unusual(node: Comparison) -> Iterator[Slip]:
    """Literals that no ordinary request has, although nothing rules them out."""
    base, right = node.left.base, node.right
    if isinstance(base, FieldRef) and base.field.name in _PORTS:
        # Port 0 is that of a listener without one, a Unix socket for example.
        below = node.operator in (Operator.LT, Operator.LE)
        if below and compare(node, 0) and not compare(node, 1):
            yield Slip(
                code="unlikely_literal",
                message=f"{base.field.name} is below 1 only where it is not known",
                span=right.span,
                node=node,
            )
        return
    if not isinstance(base, FieldRef) or node.operator not in (
        Operator.EQ,
        Operator.NE,
        Operator.IN,
    ):
        return
    if isinstance(right, ItemSet):
        texts = cast("tuple[bytes, ...]", right.items)
    elif isinstance(right, Literal):
        texts = (cast("bytes", right.value),)
    else:
        return
    if base.field.name == _METHOD:
        why = "methods are upper case"
        small = {text: Fault(why=why, fixed=text.upper()) for text in texts if text != text.upper()}
        if small:
            yield Slip(
                code="unlikely_literal",
                message=f"{_quoted(next(iter(small)))} is no usual method: they are upper case",
                span=right.span,
                node=node,
                fixed=with_fixes(node, small),
            )
    elif base.field.name == _PATH and (whole := [text for text in texts if b"?" in text]):
        yield Slip(
            code="unlikely_literal",
            message=f"{_quoted(whole[0])} is no usual path: the query belongs to the URI",
            span=right.span,
            node=node,
            fixed=_with_uri(node, base, whole),
        )


def _with_uri(node: Comparison, base: FieldRef, whole: list[bytes]) -> Logical:
    """The paths that have a query are compared with the URI."""
    uri = replace(node.left, base=replace(base, field=Field("http.request.uri", Bytes)))
    right = node.right
    if not isinstance(right, ItemSet):
        return replace(node, left=uri)
    rest = tuple(cast("bytes", item) for item in right.items if item not in whole)
    moved = replace(node, left=uri, right=replace(right, items=tuple(whole)))
    if not rest:
        return moved
    return joined(Logic.OR, (replace(node, right=replace(right, items=rest)), moved))


def _value(node: Comparison) -> str:
    base = node.left.base
    return base.field.name if isinstance(base, FieldRef) else f"{base.function.name}()"


def _quoted(text: bytes) -> str:
    return shown(text.decode("utf-8", "backslashreplace"))
