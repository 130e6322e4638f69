# SPDX-License-Identifier: Apache-2.0
"""What tracing an expression costs at most: rules.cost for something that repeats itself.

Every part of a traced expression is evaluated by itself, and again for each part that it is in; its
text is written as often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules.cost import ANYTHING, ELEMENT, cost_of, size_of, value_of
from authz.rules.formatter import format_expression
from authz.rules.parser import MAX_NESTING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.ast import Expression
    from authz.rules.types import Value

# Microseconds of a character of the canonical text each time it is written (measured).
_CHARACTER: Final = 0.8


def trace_cost(expression: Expression, values: Mapping[str, Value]) -> float:
    """Microseconds, as rules.cost counts them, that `trace` takes at most for these values."""
    read = {name: float(size_of(values[name])) for name in expression.fields}
    sizes = read | {ANYTHING: sum(read.values()) * (1 + ELEMENT)}
    text = format_expression(expression)
    depth = 1 + min(MAX_NESTING, text.count("(") + text.count("not "))
    return (value_of(cost_of(expression), sizes) + len(text) * _CHARACTER) * depth
