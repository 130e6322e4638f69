# SPDX-License-Identifier: Apache-2.0
"""Checks a function call: number, kind and type of the arguments, and where `[*]` may stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.rules.ast import Access, Argument, Call, Comparison, Literal
from authz.rules.functions.model import ArgumentError, ArgumentKind
from authz.rules.problems import Problem
from authz.rules.types import Array, Bytes, Type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.rules.ast import Span
    from authz.rules.functions.model import Function


def make_call(function: Function, arguments: Sequence[Argument], source: str, span: Span) -> Call:
    """A checked call. Raises TypeCheckError."""
    _check_count(function, len(arguments), source, span)
    for position, argument in enumerate(arguments):
        _check_argument(function, position, argument, source)
    types = tuple(argument.type for argument in arguments)
    literals = tuple(
        argument.value if isinstance(argument, Literal) else None for argument in arguments
    )
    try:
        result: Type = function.result(types)
        implementation = function.bind(literals)
    except ArgumentError as error:
        place = arguments[error.position].span if error.position < len(arguments) else span
        raise Problem.ARGUMENT_VALUE.error(
            source, place, reason=error.message, hint=error.hint
        ) from None
    mapped = bool(arguments) and _is_each(arguments[0])
    return Call(
        function=function,
        arguments=tuple(arguments),
        type=Array(result) if mapped else result,
        mapped=mapped,
        implementation=implementation,
        span=span,
    )


def _is_each(argument: Argument) -> bool:
    return isinstance(argument, Access) and argument.each


def _check_count(function: Function, given: int, source: str, span: Span) -> None:
    least, most = function.minimum, function.maximum
    if given >= least and (most is None or given <= most):
        return
    expected = str(least) if most == least else f"{least} to {most}"
    if most is None:
        expected = f"at least {least}"
    plural = "argument" if (most or least) == 1 else "arguments"
    raise Problem.ARGUMENT_COUNT.error(
        source, span, name=function.name, expected=f"{expected} {plural}", given=given
    )


def _check_argument(function: Function, position: int, argument: Argument, source: str) -> None:
    parameter = function.parameter(position)
    assert parameter is not None  # _check_count has seen to it.
    name = function.name
    if position and _is_each(argument):
        raise Problem.MAP_EACH.error(source, argument.span)
    literal = isinstance(argument, Literal)
    if parameter.kind is ArgumentKind.LITERAL and not literal:
        raise Problem.ARGUMENT_KIND.error(
            source,
            argument.span,
            name=name,
            expected="a literal",
            parameter=parameter.name,
            given="a computed value",
        )
    if parameter.kind is ArgumentKind.NOT_LITERAL and literal:
        raise Problem.ARGUMENT_KIND.error(
            source,
            argument.span,
            name=name,
            expected="a field or a function call",
            parameter=parameter.name,
            given="a literal",
        )
    if not parameter.takes(argument.type):
        hint = None
        if isinstance(argument, Comparison):
            hint = f"close the parenthesis before the operator: {name}(field) == value"
        elif argument.type.element is not None and parameter.takes(argument.type.element):
            hint = "apply it to every element: field[*]"
        elif literal and parameter.takes(Bytes):
            hint = "put the text in quotes"
        raise Problem.ARGUMENT_TYPE.error(
            source,
            argument.span,
            name=name,
            expected=parameter.expects,
            parameter=parameter.name,
            type=argument.type,
            hint=hint,
        )
