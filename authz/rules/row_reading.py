# SPDX-License-Identifier: Apache-2.0
"""Reads a syntax tree as rows (rows.py), or says why it cannot be shown so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

from authz.rules.ast import (
    Access,
    Call,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    Interval,
    ItemSet,
    ListRef,
    Literal,
    Logic,
    Not,
    Quantifier,
    RegexLiteral,
    Truth,
    WildcardLiteral,
)
from authz.rules.formatter import format_argument, format_item
from authz.rules.row_literals import text_literal
from authz.rules.rows import (
    MAX_GROUPS,
    MAX_ROWS,
    TESTS,
    NotRows,
    Row,
    RowFunction,
    RowGroup,
    RowLiteral,
    RowOperator,
    RowValue,
)
from authz.rules.types import Bytes

if TYPE_CHECKING:
    from authz.rules.ast import Expression, Logical, Quantity, Right, Span
    from authz.rules.rows import RowItem

_TESTS: Final = {one.value for one in TESTS}


def rows_of(expression: Expression) -> RowGroup | NotRows:
    """The rows of an expression, in one group; or why there are none."""
    try:
        item = _Reader().item(expression.root, 1)
    except _NotShownError as error:
        return NotRows(reason=error.reason, span=error.span)
    if isinstance(item, Row) or item.quantity is not None:
        return RowGroup(rows=(item,))
    return item


class _NotShownError(Exception):
    """Internal: rows_of makes a value of it."""

    def __init__(self, reason: str, span: Span) -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span


def _refuse(reason: str, span: Span) -> NoReturn:
    raise _NotShownError(reason, span)


class _Reader:
    """One reading; counts the rows."""

    def __init__(self) -> None:
        self.rows = 0

    def item(self, node: Logical, depth: int) -> RowItem:
        """The row or group of a condition; `depth` groups are around what is in it."""
        if depth > MAX_GROUPS:
            _refuse(f"groups in more than {MAX_GROUPS} groups cannot be shown as rows", node.span)
        if isinstance(node, Constant):
            _refuse(
                "true and false stand for every request and for none: there is no row in them",
                node.span,
            )
        if isinstance(node, Truth):
            return self.row(_truth(node.operand), node.span)
        if isinstance(node, Comparison):
            return self.row(_comparison(node), node.span)
        if isinstance(node, Not):
            return self._negated(node.operand, depth)
        if isinstance(node, Combination):
            rows = tuple(self.item(one, depth + 1) for one in node.operands)
            return RowGroup(logic=node.logic, rows=rows)
        return self._quantified(node, depth)

    def row(self, row: Row, span: Span) -> Row:
        """The same row, counted."""
        self.rows += 1
        if self.rows > MAX_ROWS:
            _refuse(f"more than {MAX_ROWS} conditions cannot be shown as rows", span)
        return row

    def _negated(self, node: Logical, depth: int) -> RowItem:
        if isinstance(node, Not):
            # `not not`: a negated group of the one that is negated.
            return RowGroup(rows=(self.item(node, depth + 1),), negated=True)
        item = self.item(node, depth)
        if isinstance(item, Row) and item.operator is RowOperator.IS_TRUE and not item.quantity:
            return replace(item, operator=RowOperator.IS_FALSE)
        return replace(item, negated=True)

    def _quantified(self, node: Quantifier, depth: int) -> RowItem:
        argument, quantity = node.argument, node.quantity
        if isinstance(argument, Access):
            return self.row(_truth(argument, quantity), node.span)
        if isinstance(argument, Comparison):
            return self.row(replace(_comparison(argument), quantity=quantity), node.span)
        if isinstance(argument, Truth) and argument.operand.each:
            return self.row(_truth(argument.operand, quantity), node.span)
        inner = self.item(argument, depth + 1)
        if isinstance(inner, RowGroup) and not inner.negated and inner.quantity is None:
            return replace(inner, quantity=quantity)
        return RowGroup(logic=Logic.AND, rows=(inner,), quantity=quantity)


def _truth(operand: Access, quantity: Quantity | None = None) -> Row:
    base = operand.base
    if isinstance(base, Call) and base.function.name in _TESTS and not operand.steps:
        first, *others = base.arguments
        if len(others) == 1 and isinstance(others[0], Literal) and isinstance(first, Access):
            return Row(
                value=_value(first),
                operator=RowOperator(base.function.name),
                literals=(_literal(others[0]),),
                quantity=quantity,
            )
    return Row(value=_value(operand), operator=RowOperator.IS_TRUE, quantity=quantity)


def _comparison(node: Comparison) -> Row:
    right = node.right
    if isinstance(right, ListRef):
        return Row(value=_value(node.left), operator=RowOperator.IN_LIST, list_name=right.name)
    return Row(
        value=_value(node.left),
        operator=RowOperator(node.operator.value),
        literals=_literals(right, node),
    )


def _literals(right: Right, node: Comparison) -> tuple[RowLiteral, ...]:
    if isinstance(right, ItemSet):
        if not right.items:
            # In rows it is what nobody has filled in yet.
            _refuse("an empty set, which matches nothing, cannot be shown as a row", right.span)
        return tuple(
            RowLiteral(type=node.left.type, text=format_item(one))
            if isinstance(one, Interval)
            else text_literal(one)
            for one in right.items
        )
    if isinstance(right, RegexLiteral):
        if not right.pattern.isprintable():
            _refuse("a pattern with control characters cannot be shown as a row", right.span)
        return (RowLiteral(type=Bytes, text=right.pattern),)
    if isinstance(right, WildcardLiteral):
        return (text_literal(right.pattern),)
    assert isinstance(right, Literal), "a list has no literals"
    return (_literal(right),)


def _value(access: Access) -> RowValue:
    functions: list[RowFunction] = []
    while isinstance(access.base, Call):
        call = access.base
        name = call.function.name
        first, *others = call.arguments
        if not isinstance(first, Access):
            _refuse(f"{name}() of something else than a field cannot be shown as a row", call.span)
        arguments: list[RowLiteral] = []
        for one in others:
            if not isinstance(one, Literal):
                _refuse(f"{name}() of two fields or functions cannot be shown as a row", call.span)
            arguments.append(_literal(one))
        functions.append(RowFunction(name=name, arguments=tuple(arguments), steps=access.steps))
        access = first
    assert isinstance(access.base, FieldRef)
    return RowValue(
        field=access.base.field.name, steps=access.steps, functions=tuple(reversed(functions))
    )


def _literal(literal: Literal) -> RowLiteral:
    value = literal.value
    if isinstance(value, bytes):
        return text_literal(value)
    return RowLiteral(type=literal.type, text=format_argument(literal))
