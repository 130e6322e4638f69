# SPDX-License-Identifier: Apache-2.0
"""Which sub-expression said what: a condition as a tree of conditions with their values.

Values come from the reference evaluator, one sub-expression at a time, so a part that the whole
would not have reached (`false and …`) has its value, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from authz.rules import Bool, evaluate, format_expression
from authz.rules.ast import Access, Combination, Not, Quantifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authz.rules import Expression, Value
    from authz.rules.ast import Logical


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One condition, its value, and the conditions it is made of.

    `value` is None for a condition that has one answer per element of an array.
    """

    text: str
    value: bool | None
    parts: tuple[Explained, ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree for a person, two blanks a level."""
        shown = "each" if self.value is None else str(self.value).lower()
        yield f"{'  ' * depth}{shown:<5}  {self.text}"
        for part in self.parts:
            yield from part.lines(depth + 1)

    def as_json(self) -> dict[str, Any]:
        """The tree as JSON-able values."""
        return {
            "expression": self.text,
            "value": self.value,
            "parts": [part.as_json() for part in self.parts],
        }


def explain(expression: Expression, values: Mapping[str, Value]) -> Explained:
    """What every condition of `expression` says about `values`."""
    root = expression.root
    return Explained(
        text=format_expression(expression),
        value=evaluate(expression, values) if root.type == Bool else None,
        parts=tuple(explain(replace(expression, root=part), values) for part in parts_of(root)),
    )


def parts_of(node: Logical) -> tuple[Logical, ...]:
    """The conditions that a condition is made of."""
    match node:
        case Not():
            return (node.operand,)
        case Combination():
            return node.operands
        case Quantifier(argument=argument) if not isinstance(argument, Access):
            return (argument,)
        case _:
            return ()
