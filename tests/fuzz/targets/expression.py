# SPDX-License-Identifier: Apache-2.0
"""Any text as an expression is one whose canonical text is the same, or an error with its place."""

from __future__ import annotations

from typing import Final

from authz.errors import ExpressionError
from authz.policy.fields import SCHEME
from authz.rules import (
    compile_expression,
    default_value,
    evaluate,
    format_expression,
    lint,
    parse,
)
from authz.rules.lists import ListKind, ListModel, compile_list

_LISTS: Final = {
    "nets": compile_list(ListModel(name="nets", kind=ListKind.IP, items=("10.0.0.0/8",)))
}


def run(data: bytes) -> None:
    """Parse it, format it, lint it, evaluate it in both ways."""
    source = data.decode("utf-8", "surrogateescape")
    try:
        expression = parse(source, SCHEME, _LISTS)
    except ExpressionError as error:
        _is_placed(error, source)
        return
    assert parse(format_expression(expression), SCHEME, _LISTS) == expression
    lint(expression)
    compiled = compile_expression(expression)
    values = {name: default_value(SCHEME.fields[name].type) for name in expression.fields}
    assert compiled.matches(values) is evaluate(expression, values)


def _is_placed(error: ExpressionError, source: str) -> None:
    start, end = error.span
    assert 0 <= start <= end <= len(source)
    assert error.render()
