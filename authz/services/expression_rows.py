# SPDX-License-Identifier: Apache-2.0
"""The rows of an expression (rules.rows) as JSON, and back.

    {"kind": "group", "logic": "and", "negated": false, "quantity": null, "rows": [
      {"kind": "row", "field": "http.request.headers", "indexes": [{"key": "x-team"}, "*"],
       "functions": [{"name": "lower", "arguments": [], "indexes": ["*"]}],
       "operator": "eq", "literals": [{"type": "Bytes", "text": "core", "escaped": false}],
       "list": null, "negated": false, "quantity": "any"}]}

An index is a position, `"*"`, an object with a key, or null while none is filled in. Numbers are
texts, as a browser's numbers have 53 bits. What comes back is judged when it is written
(rules.row_writing); here it only has to be of this shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from authz.errors import InvalidInputError, ParseError
from authz.rules import MAX_LENGTH, Bytes, Int, Ip
from authz.rules.ast import EACH, Logic, Quantity
from authz.rules.row_literals import text_bytes, text_literal
from authz.rules.rows import (
    MAX_GROUPS,
    MAX_ROWS,
    Row,
    RowFunction,
    RowGroup,
    RowLiteral,
    RowOperator,
    RowValue,
)

if TYPE_CHECKING:
    from authz.rules.rows import RowItem, RowStep

_TYPES: Final = {kind.name: kind for kind in (Bytes, Int, Ip)}
_INDEX_MAX: Final = 2**32 - 1
#: Literals of all rows: more do not fit into an expression.
_MAX_LITERALS: Final = MAX_LENGTH // 2
#: Functions around one value, arguments of one function, indexes of one value.
_MAX_PARTS: Final = 64


def rows_object(item: RowItem) -> dict[str, Any]:
    """A group or a row as JSON."""
    own = {
        "negated": item.negated,
        "quantity": None if item.quantity is None else item.quantity.value,
    }
    if isinstance(item, RowGroup):
        rows = [rows_object(one) for one in item.rows]
        return {"kind": "group", "logic": item.logic.value, "rows": rows} | own
    value = item.value
    return {
        "kind": "row",
        "field": None if value is None else value.field,
        "indexes": [] if value is None else [_index(one) for one in value.steps],
        "functions": []
        if value is None
        else [
            {
                "name": one.name,
                "arguments": [_literal(argument) for argument in one.arguments],
                "indexes": [_index(step) for step in one.steps],
            }
            for one in value.functions
        ],
        "operator": item.operator.value,
        "literals": [_literal(one) for one in item.literals],
        "list": item.list_name,
    } | own


def rows_from(given: Any) -> RowGroup:
    """The rows that JSON stands for.

    Raises:
        InvalidInputError: it is of another shape, or has too much in it.
    """
    reader = _Reader()
    item = reader.item(given, "rows", 1)
    if not isinstance(item, RowGroup):
        _wrong("rows", "a group")
    return item


def _index(step: RowStep) -> int | str | dict[str, Any] | None:
    if step is EACH:
        return "*"
    if isinstance(step, bytes):
        key = text_literal(step)
        return {"key": key.text, "escaped": key.escaped}
    return step


def _literal(literal: RowLiteral) -> dict[str, Any]:
    return {"type": literal.type.name, "text": literal.text, "escaped": literal.escaped}


def _wrong(where: str, wanted: str) -> NoReturn:
    raise InvalidInputError(f"{where} is not {wanted}")


class _Reader:
    """One reading; counts rows, groups and literals."""

    def __init__(self) -> None:
        self.rows = 0
        self.groups = 0
        self.literals = 0

    def item(self, given: Any, where: str, depth: int) -> RowItem:
        """A group or a row."""
        kind = _member(given, "kind", where)
        negated = given.get("negated", False)
        if not isinstance(negated, bool):
            _wrong(f"{where}.negated", "true or false")
        quantity = given.get("quantity")
        if quantity is not None:
            quantity = _one_of(Quantity, quantity, f"{where}.quantity")
        self.rows += kind == "row"
        self.groups += kind == "group"
        if max(self.rows, self.groups) > MAX_ROWS:
            raise InvalidInputError(
                f"there are more than {MAX_ROWS} conditions",
                hint="write the rest as a text, or put long sets into lists",
            )
        if kind == "group":
            return self._group(given, where, depth, negated=negated, quantity=quantity)
        if kind != "row":
            _wrong(f"{where}.kind", '"group" or "row"')
        literals = _array(given.get("literals", []), f"{where}.literals", _MAX_LITERALS)
        self.literals += len(literals)
        if self.literals > _MAX_LITERALS:
            raise InvalidInputError(
                f"there are more than {_MAX_LITERALS} values", hint="put long sets into lists"
            )
        return _row(given, literals, where, negated=negated, quantity=quantity)

    def _group(
        self, given: Any, where: str, depth: int, *, negated: bool, quantity: Quantity | None
    ) -> RowGroup:
        if depth > MAX_GROUPS:
            raise InvalidInputError(
                f"there are groups in more than {MAX_GROUPS} groups",
                hint="write such an expression as a text",
            )
        rows = _array(given.get("rows"), f"{where}.rows", _MAX_LITERALS)
        return RowGroup(
            logic=_one_of(Logic, given.get("logic"), f"{where}.logic"),
            rows=tuple(
                self.item(one, f"{where}.rows[{number}]", depth + 1)
                for number, one in enumerate(rows)
            ),
            negated=negated,
            quantity=quantity,
        )


def _row(
    given: Any, literals: list[Any], where: str, *, negated: bool, quantity: Quantity | None
) -> Row:
    name = given.get("list")
    return Row(
        value=_value(given, where),
        operator=_one_of(RowOperator, given.get("operator"), f"{where}.operator"),
        literals=tuple(
            _literal_from(one, f"{where}.literals[{number}]") for number, one in enumerate(literals)
        ),
        list_name=None if name is None else _text(name, f"{where}.list"),
        negated=negated,
        quantity=quantity,
    )


def _value(given: Any, where: str) -> RowValue | None:
    if given.get("field") is None:
        return None
    functions = _array(given.get("functions", []), f"{where}.functions")
    return RowValue(
        field=_text(given["field"], f"{where}.field"),
        steps=_steps(given, where),
        functions=tuple(
            _function(one, f"{where}.functions[{number}]") for number, one in enumerate(functions)
        ),
    )


def _function(given: Any, where: str) -> RowFunction:
    name = _text(_member(given, "name", where), f"{where}.name")
    arguments = _array(given.get("arguments", []), f"{where}.arguments")
    return RowFunction(
        name=name,
        arguments=tuple(
            _literal_from(one, f"{where}.arguments[{number}]")
            for number, one in enumerate(arguments)
        ),
        steps=_steps(given, where),
    )


def _steps(given: Any, where: str) -> tuple[RowStep, ...]:
    steps = _array(given.get("indexes", []), f"{where}.indexes")
    return tuple(_step(one, f"{where}.indexes[{number}]") for number, one in enumerate(steps))


def _step(given: Any, where: str) -> RowStep:
    if given is None:
        return None
    if given == "*":
        return EACH
    if isinstance(given, dict):
        if given.get("key") is None:
            return None
        key = _text(given["key"], f"{where}.key")
        try:
            return text_bytes(key, escaped=given.get("escaped") is True)
        except ParseError as error:
            raise InvalidInputError(f"{where}.key: {error.message}", hint=error.hint) from None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _INDEX_MAX:
        _wrong(where, f'a position up to {_INDEX_MAX}, "*" or an object with a key')
    return given


def _literal_from(given: Any, where: str) -> RowLiteral:
    kind = _member(given, "type", where)
    if not isinstance(kind, str) or kind not in _TYPES:
        _wrong(f"{where}.type", f"one of {', '.join(_TYPES)}")
    return RowLiteral(
        type=_TYPES[kind],
        text=_text(given.get("text"), f"{where}.text"),
        escaped=given.get("escaped") is True,
    )


def _member(given: Any, key: str, where: str) -> Any:
    if not isinstance(given, dict) or key not in given:
        _wrong(where, f"an object with the key {key}")
    return given[key]


def _array(given: Any, where: str, most: int = _MAX_PARTS) -> list[Any]:
    if not isinstance(given, list):
        _wrong(where, "an array")
    if len(given) > most:
        raise InvalidInputError(
            f"{where} has more than {most} items", hint="put long sets into lists"
        )
    return given


def _text(given: Any, where: str) -> str:
    if not isinstance(given, str):
        _wrong(where, "a text")
    try:
        given.encode()
    except UnicodeEncodeError:
        _wrong(where, "Unicode text")
    return given


def _one_of(kind: Any, given: Any, where: str) -> Any:
    names = [one.value for one in kind]
    if given not in names:
        _wrong(where, f"one of {', '.join(names)}")
    return kind(given)
