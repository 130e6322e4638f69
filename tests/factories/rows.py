# SPDX-License-Identifier: Apache-2.0
"""Rows of expressions, short to write, and as a sketch that is easy to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy.fields import SCHEME
from authz.rules import ListKind, ListModel, compile_list, parse
from authz.rules.row_reading import rows_of
from authz.rules.rows import NotRows, Row, RowGroup

if TYPE_CHECKING:
    from authz.rules.ast import Step
    from authz.rules.rows import RowItem

LISTS: Final = {
    "offices": compile_list(ListModel(name="offices", kind=ListKind.IP, items=("10.0.0.0/8",)))
}


def rows(source: str) -> RowGroup:
    """The rows of an expression of the product's scheme."""
    found = rows_of(parse(source, SCHEME, LISTS))
    assert not isinstance(found, NotRows), found.reason
    return found


def reason(source: str) -> tuple[str, str]:
    """Why an expression has no rows, and the text that is the reason."""
    found = rows_of(parse(source, SCHEME, LISTS))
    assert isinstance(found, NotRows)
    return found.reason, source[slice(*found.span)]


def sketch(item: RowItem) -> str:
    """Rows in a line: `and[ssl is true; not http.host eq «a»]`."""
    before = "not " * item.negated + (f"{item.quantity.value} " if item.quantity else "")
    if isinstance(item, RowGroup):
        return f"{before}{item.logic.value}[{'; '.join(map(sketch, item.rows))}]"
    return before + " ".join(filter(None, (_value(item), item.operator.value, _right(item))))


def _value(row: Row) -> str:
    if row.value is None:
        return "?"
    text = row.value.field + "".join(map(_step, row.value.steps))
    for one in row.value.functions:
        more = "".join(f", «{argument.text}»" for argument in one.arguments)
        text = f"{one.name}({text}{more}){''.join(map(_step, one.steps))}"
    return text


def _right(row: Row) -> str:
    if row.list_name is not None:
        return f"${row.list_name}"
    return " ".join(("\\" if one.escaped else "") + f"«{one.text}»" for one in row.literals)


def _step(step: Step) -> str:
    if isinstance(step, bytes):
        return f"[{step.decode()}]"
    return f"[{step}]" if isinstance(step, int) else "[*]"
