# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a literal or a condition, and what was probably meant in its place.

Which literals a value is never like is known to lint_domain and the modules behind it; here is only
how a fault is written down and mended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, cast

from authz.rules.ast import (
    Access,
    Comparison,
    FieldRef,
    ItemSet,
    Literal,
    Logic,
    Not,
    Operator,
    WildcardLiteral,
)
from authz.rules.lint_tree import joined
from authz.rules.scheme import Field
from authz.rules.types import Bytes
from authz.rules.wildcard import compile_wildcard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.ast import Logical


class Place(Enum):
    """Where in a value a literal is looked for."""

    WHOLE = "whole"
    FIRST = "first"
    LAST = "last"
    WITHIN = "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a value is never like a literal, and what was probably meant, if that can be told.

    Args:
        fixed: the literal to write instead.
        field: the field that has the literal as it is.
        pattern: what to compare with by `wildcard` instead.
    """

    why: str
    fixed: bytes | None = None
    field: str | None = None
    pattern: bytes | None = None

    @property
    def is_mended(self) -> bool:
        """Whether it is known what was meant."""
        return any(one is not None for one in (self.fixed, self.field, self.pattern))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A condition's truth for every request, why, and what was probably meant."""

    value: bool
    why: str
    fixed: Logical | None = None


def with_fixes(node: Comparison, faults: Mapping[bytes, Fault]) -> Logical | None:
    """A comparison by `eq`, `ne` or `in` with what was meant; None when that is not known of any.

    Literals that cannot be mended stay as they are.
    """
    mended = {text: fault for text, fault in faults.items() if fault.is_mended}
    if not mended:
        return None
    kept: dict[bytes, None] = {}
    others: list[Logical] = []
    for text in _texts(node):
        fault = mended.get(text)
        if fault is None or fault.fixed is not None:
            kept[text if fault is None or fault.fixed is None else fault.fixed] = None
        else:
            others.append(_instead(node, text, fault))
    if not others:
        return _with_texts(node, tuple(kept))
    equal = joined(Logic.OR, [*([_with_texts(node, tuple(kept))] if kept else ()), *others])
    return Not(operand=equal) if node.operator is Operator.NE else equal


def wildcard_of(pattern: bytes, *, strict: bool) -> WildcardLiteral:
    """The right side of `wildcard`."""
    return WildcardLiteral(pattern=pattern, wildcard=compile_wildcard(pattern, strict=strict))


def on_field(access: Access, name: str) -> Access:
    """The same value of another field of type Bytes."""
    base = cast("FieldRef", access.base)
    return replace(access, base=replace(base, field=Field(name, Bytes)))


def _instead(node: Comparison, text: bytes, fault: Fault) -> Comparison:
    """The comparison that is true of what one literal was meant for."""
    if fault.pattern is not None:
        right = wildcard_of(fault.pattern, strict=False)
        return replace(node, operator=Operator.WILDCARD, right=right)
    return replace(
        node,
        left=on_field(node.left, cast("str", fault.field)),
        operator=Operator.EQ,
        right=Literal(value=text, type=Bytes),
    )


def _texts(node: Comparison) -> tuple[bytes, ...]:
    right = node.right
    if isinstance(right, ItemSet):
        return cast("tuple[bytes, ...]", right.items)
    return (cast("bytes", cast("Literal", right).value),)


def _with_texts(node: Comparison, texts: tuple[bytes, ...]) -> Comparison:
    """The condition with other texts on its right."""
    right = node.right
    if isinstance(right, ItemSet):
        return replace(node, right=replace(right, items=texts))
    return replace(node, right=replace(cast("Literal", right), value=texts[0]))
