# SPDX-License-Identifier: Apache-2.0
"""Walking and rebuilding conditions, as the lint needs it.

Every function gives a new tree and leaves the old one alone. What a condition means is not looked
at here, except that `true` and `false` can be left out of a combination.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authz.rules.ast import (
    Access,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    Logic,
    Not,
    Quantifier,
    Truth,
)
from authz.rules.formatter import format_logical
from authz.rules.scheme import Field
from authz.rules.types import Bool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authz.rules.ast import Argument, Logical

_SHOWN: Final = 72


def conditions(node: Logical) -> Iterator[Logical]:
    """A condition and the conditions in it, from the left."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, Not):
            pending.append(node.operand)
        elif isinstance(node, Combination):
            pending.extend(reversed(node.operands))
        elif isinstance(node, Quantifier) and not isinstance(node.argument, Access):
            pending.append(node.argument)


def leaves(node: Logical) -> Iterator[Logical]:
    """The conditions in a condition that consist of no others outside `any(…)` and `all(…)`."""
    if isinstance(node, Not):
        yield from leaves(node.operand)
    elif isinstance(node, Combination):
        for operand in node.operands:
            yield from leaves(operand)
    else:
        yield node


def fields_of(part: Argument) -> Iterator[Field]:
    """The fields that a part of an expression reads, each as often as it does."""
    if isinstance(part, Comparison):
        yield from fields_of(part.left)
    elif isinstance(part, Truth | Not):
        yield from fields_of(part.operand)
    elif isinstance(part, Quantifier):
        yield from fields_of(part.argument)
    elif isinstance(part, Combination):
        for operand in part.operands:
            yield from fields_of(operand)
    elif isinstance(part, Access):
        if isinstance(part.base, FieldRef):
            yield part.base.field
        else:
            for argument in part.base.arguments:
                yield from fields_of(argument)


def names(part: Argument) -> frozenset[str]:
    """The names of the fields that a part of an expression reads."""
    return frozenset(field.name for field in fields_of(part))


def is_test_of(node: Logical, name: str) -> bool:
    """Whether a condition is a field of type Bool by itself."""
    return (
        isinstance(node, Truth)
        and isinstance(node.operand.base, FieldRef)
        and not node.operand.steps
        and node.operand.base.field.name == name
    )


def test_of(name: str) -> Truth:
    """The condition that is a field of type Bool by itself."""
    return Truth(operand=access_to(Field(name, Bool)))


def access_to(field: Field) -> Access:
    """A field as the left side of a comparison."""
    return Access(base=FieldRef(field=field), steps=(), type=field.type)


def negated(node: Logical) -> Logical:
    """The opposite, without two `not` in a row."""
    return node.operand if isinstance(node, Not) else Not(operand=node)


def joined(logic: Logic, operands: Iterable[Logical]) -> Logical:
    """Conditions joined by `and` or `or`: no run within a run, nothing twice."""
    # A dict, since comparing each with each takes seconds for hundreds of conditions.
    flat: dict[Logical, None] = {}
    for operand in operands:
        same = isinstance(operand, Combination) and operand.logic is logic
        for one in operand.operands if same and isinstance(operand, Combination) else (operand,):
            flat.setdefault(one)
    kept = tuple(flat)
    return kept[0] if len(kept) == 1 else Combination(logic=logic, operands=kept)


def mapped(node: Logical, change: Callable[[Logical], Logical | None]) -> Logical:
    """The tree with every node for which `change` gives another exchanged, the outermost first."""
    changed = change(node)
    if changed is not None:
        return changed
    if isinstance(node, Not):
        inner = mapped(node.operand, change)
        return node if inner is node.operand else negated(inner)
    if isinstance(node, Combination):
        operands = [mapped(operand, change) for operand in node.operands]
        if all(new is old for new, old in zip(operands, node.operands, strict=True)):
            return node
        if node.logic is Logic.XOR or node.type != Bool:
            return replace(node, operands=tuple(operands))
        return joined(node.logic, operands)
    if isinstance(node, Quantifier) and not isinstance(node.argument, Access):
        inner = mapped(node.argument, change)
        return node if inner is node.argument else replace(node, argument=inner)
    return node


def replaced(node: Logical, old: Logical, new: Logical) -> Logical:
    """The tree with one condition exchanged, wherever it stands."""
    return mapped(node, lambda one: new if one == old else None)


def simplified(node: Logical) -> Logical:
    """The tree without `true` and `false` inside: a Constant only if nothing else is left."""
    if isinstance(node, Not):
        inner = simplified(node.operand)
        return Constant(value=not inner.value) if isinstance(inner, Constant) else negated(inner)
    if not isinstance(node, Combination) or node.type != Bool:
        return node
    operands = [simplified(operand) for operand in node.operands]
    kept = [operand for operand in operands if not isinstance(operand, Constant)]
    constants = [operand.value for operand in operands if isinstance(operand, Constant)]
    if node.logic is Logic.XOR:
        odd = sum(constants) % 2 == 1
        if not kept:
            return Constant(value=odd)
        rest = kept[0] if len(kept) == 1 else replace(node, operands=tuple(kept))
        return negated(rest) if odd else rest
    decides = node.logic is Logic.OR
    if decides in constants or not kept:
        return Constant(value=decides if decides in constants else not decides)
    return joined(node.logic, kept)


def short(node: Logical) -> str:
    """A condition as a message names it."""
    text = format_logical(node)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
