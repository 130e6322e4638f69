# SPDX-License-Identifier: Apache-2.0
"""Compiles an expression into a function of the field values.

The function is generated Python source (codegen.py), because a rule is evaluated for every request.
Measured on Python 3.11, `(not verified or revoked) and path in {…}` takes 0.05 µs as generated
code, 0.17 µs as nested closures and 3.3 µs in the evaluator; generating and compiling the source
takes 0.06 ms. Fields are looked up only when evaluation reaches them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.rules.codegen import Emitter
from authz.rules.cost import cost_of
from authz.rules.evaluator import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.rules.ast import Expression
    from authz.rules.cost import Cost
    from authz.rules.types import Value

    Matcher = Callable[[Mapping[str, Value]], bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filter:
    """A compiled expression.

    Args:
        matches: the verdict for field values; reads `values[name]` only where it has to.
        fields: the names that it may read.
        cost: the most that evaluating it may cost.
    """

    expression: Expression
    matches: Matcher
    fields: frozenset[str]
    cost: Cost


def compile_expression(expression: Expression) -> Filter:
    """The expression as a function; answers exactly as `evaluate` does."""
    return Filter(
        expression=expression,
        matches=_generate(expression),
        fields=expression.fields,
        cost=cost_of(expression),
    )


def _generate(expression: Expression) -> Matcher:
    try:
        emitter = Emitter()
        code = compile(emitter.source(expression.root), "<expression>", "eval")
    except (SyntaxError, RecursionError, MemoryError):
        # Python's own limits: 200 nested brackets, and a stack that the caller may have used up.
        # Walking the tree gives the same answer.
        return lambda values: evaluate(expression, values)
    # The text consists of our own templates and of constants written by repr().
    matcher: Matcher = eval(code, emitter.constants)  # noqa: S307 - see the comment above
    return matcher
