# SPDX-License-Identifier: Apache-2.0
"""The parser's larger errors: which problem it is, where exactly, and the hint for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules.ast import Access, Combination, Not, Truth
from authz.rules.functions import NOT_HERE, NOT_IN_CUSTOM_RULES
from authz.rules.lexer import skip_space
from authz.rules.name_suggestions import hint_for_field, hint_for_function, hint_for_name
from authz.rules.problems import Problem, found, shown
from authz.rules.suggestions import hint_for_operand, hint_for_trailing
from authz.rules.types import Bytes, Int, Ip, Map

if TYPE_CHECKING:
    from authz.errors import ExpressionError
    from authz.rules.ast import Argument, Logical, Operator, Span
    from authz.rules.scheme import Scheme


# What compares values of a type on which another operator was tried.
_INSTEAD: Final = {
    Int: "numbers are compared with eq, ne, lt, le, gt and ge, or in {80 443 8000..8999}",
    Ip: "addresses are compared with eq and ne, or in {10.0.0.0/8 2001:db8::/32}",
    Bytes: "it is for numbers; conditions are joined with and or &&",
}


def expected(source: str, at: int, end: int, what: str, hint: str | None) -> ExpressionError:
    """Something else should stand here."""
    return Problem.EXPECTED.error(
        source, (at, min(at + 1, end)), expected=what, found=found(source, at, end), hint=hint
    )


def trailing(source: str, at: int, end: int, root: Logical) -> ExpressionError:
    """Something is left over behind the expression."""
    last = root
    while isinstance(last, Combination | Not):
        last = last.operands[-1] if isinstance(last, Combination) else last.operand
    hint = hint_for_trailing(source, at, end, after_bool=isinstance(last, Truth))
    return Problem.TRAILING.error(source, (at, end), found=found(source, at, end), hint=hint)


def unsupported(source: str, span: Span, operator: Operator, left: Access) -> ExpressionError:
    """An operator that does not work on the type of its left side."""
    hint = _INSTEAD.get(left.type)
    if isinstance(left.type, Map):
        hint = 'compare the value of a key: field["name"][0] == value'
    elif left.type.element is not None:
        hint = "compare its elements: any(field[*] == value)"
    return Problem.UNSUPPORTED_OPERATOR.error(
        source, span, operator=f'"{operator.value}"', type=left.type, hint=hint
    )


def unknown_name(
    source: str, span: Span, end: int, scheme: Scheme, *, after_logic: bool
) -> ExpressionError:
    """No name at all, a name that does not exist, or one that exists elsewhere only."""
    start, stop = span
    name = source[start:stop]
    if not name:
        return Problem.EXPECTED_VALUE.error(
            source,
            (start, min(start + 1, end)),
            found=found(source, start, end),
            hint=hint_for_operand(source, start, end, after_logic=after_logic),
        )
    if reason := scheme.refused.get(name):
        return Problem.REFUSED_FIELD.error(source, span, name=name, reason=reason)
    called = source.startswith("(", skip_space(source, stop, end), end)
    if called and name in NOT_IN_CUSTOM_RULES:
        where = NOT_IN_CUSTOM_RULES[name]
        return Problem.REFUSED_FUNCTION.error(source, span, name=name, where=where)
    if called and name in NOT_HERE:
        return Problem.MISSING_FUNCTION.error(source, span, name=name, reason=NOT_HERE[name])
    look_up = hint_for_function if called else hint_for_field
    hint = None if called else hint_for_name(name, source, start, end, after_logic=after_logic)
    return Problem.UNKNOWN_NAME.error(
        source,
        span,
        what="function" if called else "field",
        name=shown(name)[1:-1],
        hint=hint or look_up(name, scheme),
    )


def described(argument: Argument) -> str:
    """The type of an argument of any() or all() in words."""
    if isinstance(argument, Access) and argument.each:
        return f"one {argument.type} per element without a comparison"
    return str(argument.type)
