# SPDX-License-Identifier: Apache-2.0
"""Conditions that are provably always or never true.

Says nothing where it is not sure: a fact is reported only if it holds for every request, whatever
is missing in it. Single conditions are proved by lint_literals, several together by lint_solver;
here is which of them are worth telling, why they are so, and what was probably meant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final, cast

from authz.rules.ast import (
    Combination,
    Comparison,
    Constant,
    Interval,
    ItemSet,
    Literal,
    Logic,
    Not,
    Operator,
)
from authz.rules.lint_tree import is_test_of, joined, leaves, negated, short
from authz.rules.lint_worlds import CERTAIN, REVOKED_FIELD, Vector, false_in, true_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Logical
    from authz.rules.lint_solver import Solver

# Pairs looked at for the two conditions that are to blame; a finding without them is one, too.
_MAX_PAIRS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A condition that has the same truth for every request, and what was meant, if known."""

    node: Logical
    value: bool
    why: str
    fixed: Logical | None = None

    @property
    def constant(self) -> Constant:
        """What the condition amounts to."""
        return Constant(value=self.value)

    @property
    def code(self) -> str:
        """The finding's code."""
        return "always_true" if self.value else "never_true"

    @property
    def message(self) -> str:
        """The finding's message."""
        return f"{short(self.node)} is {'always' if self.value else 'never'} true: {self.why}"


def constant(vectors: frozenset[Vector]) -> bool | None:
    """The truth of a condition with these vectors, if it is one for every request."""
    if all(false_in(vector, CERTAIN) for vector in vectors):
        return False
    return True if all(true_in(vector, CERTAIN) for vector in vectors) else None


def explained(solver: Solver) -> Iterator[Fact]:
    """The innermost conditions that are always or never true, and the whole if it follows."""
    root = solver.root
    if isinstance(root, Constant):
        # `true` is how one writes a rule for everybody.
        if not root.value:
            yield Fact(node=root, value=False, why="that is all it says; disable the rule instead")
        return
    whole = constant(solver.vectors(root))
    causes = list(_causes(root, solver))
    yield from causes
    if whole is not None and not any(fact.node is root for fact in causes):
        verdict = "every request" if whole else "no request"
        yield Fact(node=root, value=whole, why=f"the expression matches {verdict}")


def _causes(node: Logical, solver: Solver) -> Iterator[Fact]:
    """Constant conditions in which no constant condition is the reason."""
    if isinstance(node, Not):
        yield from _causes(node.operand, solver)
        return
    if not isinstance(node, Combination):
        known = solver.known(node)
        if known is not None:
            yield Fact(node=node, value=known.value, why=known.why, fixed=known.fixed)
        return
    inner = [constant(solver.vectors(operand)) for operand in node.operands]
    for operand in node.operands:
        yield from _causes(operand, solver)
    value = constant(solver.vectors(node))
    if value is None or value is _follows(node.logic, inner):
        return
    open_operands = [one for one, known in zip(node.operands, inner, strict=True) if known is None]
    yield _contradiction(node, value, open_operands, solver)


def _follows(logic: Logic, truths: list[bool | None]) -> bool | None:
    """The truth of a combination whose operands are independent."""
    if logic is Logic.XOR:
        return None if None in truths else sum(map(bool, truths)) % 2 == 1
    decides = logic is Logic.OR
    if decides in truths:
        return decides
    return None if None in truths else not decides


def _contradiction(node: Combination, value: bool, operands: list[Logical], solver: Solver) -> Fact:
    """A combination that is constant because of what its operands say together."""
    pairs = list(combinations(operands, 2))
    for one, other in pairs[:_MAX_PAIRS]:
        if constant(solver.together(node.logic, (one, other))) is value:
            why, meant = _of_pair(node.logic, one, other, whole=len(node.operands) == 2)
            fixed = None if meant is None else _with_pair(node, one, other, meant)
            return Fact(node=node, value=value, why=why, fixed=fixed)
    why = "its conditions exclude each other" if not value else "its conditions leave nothing out"
    return Fact(node=node, value=value, why=why)


def _of_pair(
    logic: Logic, one: Logical, other: Logical, *, whole: bool
) -> tuple[str, Logical | None]:
    """Why two conditions are constant together, and what they probably should be.

    Args:
        whole: there are only the two, so that they need not be named.
    """
    two = "the two" if whole else f"{_named(one)} and {_named(other)}"
    if logic is Logic.XOR:
        return f"{two} depend on each other", None
    if negated(one) == other or negated(other) == one:
        return "it joins a condition and its opposite", None
    if any(is_test_of(leaf, REVOKED_FIELD) for leaf in (*leaves(one), *leaves(other))):
        return "a revoked certificate is a verified one", None
    if logic is Logic.OR:
        if _are(one, other, Operator.NE):
            why = "a value differs from at least one of two literals; use and, or not … in {…}"
            return why, joined(Logic.AND, (one, other))
        return f"{two} leave nothing out", None
    if _are(one, other, Operator.EQ):
        why = "the same value cannot equal two literals; use or, or in {…}"
        return why, _either(one, other)
    return f"{two} exclude each other", _either(one, other)


def _named(node: Logical) -> str:
    return f"({short(node)})" if isinstance(node, Combination) else short(node)


def _are(one: Logical, other: Logical, operator: Operator) -> bool:
    return (
        isinstance(one, Comparison)
        and isinstance(other, Comparison)
        and one.left == other.left
        and one.operator is other.operator is operator
    )


def _either(one: Logical, other: Logical) -> Logical | None:
    """`x in {a b}` for `x eq a` and `x eq b`, or for sets."""
    if not isinstance(one, Comparison) or not isinstance(other, Comparison):
        return None
    mine, more = _items(one), _items(other)
    if one.left != other.left or mine is None or more is None:
        return None
    items = (*mine, *(item for item in more if item not in mine))
    right = ItemSet(items=cast("tuple[bytes, ...]", items))
    return replace(one, operator=Operator.IN, right=right)


def _items(node: Comparison) -> tuple[bytes | Interval, ...] | None:
    right = node.right
    if isinstance(right, ItemSet):
        return right.items
    if node.operator is not Operator.EQ or not isinstance(right, Literal):
        return None
    value = right.value
    return (value,) if isinstance(value, bytes) else (Interval(first=value, last=value),)


def _with_pair(node: Combination, one: Logical, other: Logical, meant: Logical) -> Logical:
    """The combination with what two of its operands should be in the place of the first."""
    operands = tuple(
        meant if operand is one else operand for operand in node.operands if operand is not other
    )
    return operands[0] if len(operands) == 1 else replace(node, operands=operands)
