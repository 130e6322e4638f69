# SPDX-License-Identifier: Apache-2.0
"""The parser's larger errors: which problem it is, where exactly, and the hint for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.rules.ast import Access, Combination, Not, Operator, Truth
from authz.rules.call_suggestions import hint_for_call
from authz.rules.functions import NOT_HERE, NOT_IN_CUSTOM_RULES
from authz.rules.lexer import skip_space
from authz.rules.name_suggestions import hint_for_field, hint_for_literal, hint_for_name
from authz.rules.operator_suggestions import hint_for_type
from authz.rules.problems import Problem, found, shown
from authz.rules.repeat_suggestions import repeated
from authz.rules.suggestion_text import LONGEST_NAME, left_text
from authz.rules.suggestions import hint_for_operand, hint_for_trailing

if TYPE_CHECKING:
    from authz.errors import ExpressionError
    from authz.rules.ast import Argument, Logical, Span
    from authz.rules.scheme import Scheme


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


def unsupported(
    source: str, span: Span, end: int, operator: Operator, left: Access
) -> ExpressionError:
    """An operator that does not work on the type of its left side."""
    at = skip_space(source, span[1], end)
    right = "$…" if source.startswith("$", at, end) else "{{…}}"
    written = source[slice(*span)]
    said = f"{{left}} {written} {right if operator is Operator.IN else '…'}"
    hint = hint_for_type(left_text(source, *left.span), left.type, said)
    return Problem.UNSUPPORTED_OPERATOR.error(
        source, span, operator=f'"{operator.value}"', type=left.type, hint=hint
    )


def unknown_name(
    source: str, span: Span, end: int, scheme: Scheme, previous: Logical | None
) -> ExpressionError:
    """No name at all, a name that does not exist, or one that exists elsewhere only.

    Args:
        previous: the condition before, if an operator has joined something to it.
    """
    start, stop = span
    name = source[start:stop]
    after_logic = previous is not None
    if not name or (after_logic and name[0].isdigit()):
        return Problem.EXPECTED_VALUE.error(
            source,
            (start, min(start + 1, end)),
            found=found(source, start, end),
            hint=hint_for_literal(source, start, end, scheme)
            or repeated(source, start, end, previous)
            or hint_for_operand(source, start, end, after_logic=after_logic),
        )
    if reason := scheme.refused.get(name):
        return Problem.REFUSED_FIELD.error(source, span, name=name, reason=reason)
    opening = skip_space(source, stop, end)
    called = source.startswith("(", opening, end)
    if called and name in NOT_IN_CUSTOM_RULES:
        where = NOT_IN_CUSTOM_RULES[name]
        return Problem.REFUSED_FUNCTION.error(source, span, name=name, where=where)
    if called and name in NOT_HERE:
        return Problem.MISSING_FUNCTION.error(source, span, name=name, reason=NOT_HERE[name])
    if called:
        hint = hint_for_call(name, source, opening, end, scheme)
    else:
        hint = (
            hint_for_literal(source, start, end, scheme)
            or repeated(source, start, end, previous)
            or hint_for_name(name, source, start, end, after_logic=after_logic)
            or hint_for_field(name, scheme, source[stop : min(end, stop + LONGEST_NAME)])
        )
    return Problem.UNKNOWN_NAME.error(
        source,
        span,
        what="function" if called else "field",
        name=shown(name)[1:-1],
        hint=hint,
    )


def described(argument: Argument) -> str:
    """The type of an argument of any() or all() in words."""
    if isinstance(argument, Access) and argument.each:
        return f"one {argument.type} per element without a comparison"
    return str(argument.type)
