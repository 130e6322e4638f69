# SPDX-License-Identifier: Apache-2.0
"""Writes rows (rows.py) as a text, and tells which row each part of the text is of.

What people have not filled in yet, or filled in wrongly, is `…` in the text, which no expression
may have: a text with it can be shown and can never become a rule. Everything that people typed goes
through the language's own lexers, so that a value stays a value. Whether names and types are right
is the parser's to say; `place_of` finds the row that it means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.errors import ParseError
from authz.rules.ast import EACH, Logic
from authz.rules.formatter import format_bytes
from authz.rules.row_literals import literal_text
from authz.rules.rows import COMPARISONS, TESTS, Row, RowOperator

if TYPE_CHECKING:
    from authz.rules.rows import RowGroup, RowItem, RowLiteral, RowStep, RowValue

#: Stands where something is missing.
GAP: Final = "…"

_NAME: Final = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_LIST_NAME: Final = re.compile(r"[a-z0-9_.]+")
_BINDING: Final = {Logic.OR: 0, Logic.XOR: 1, Logic.AND: 2}
_TIGHTEST: Final = 3

#: From the outermost group down: which of its rows.
Path = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Something that is wrong in a row.

    Args:
        part: `field`, `operator`, `value` or `group`.
        item: which of the values, where there are several.
    """

    path: Path
    part: str
    message: str
    hint: str | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part of the text, and the part of a row that it is of."""

    start: int
    end: int
    path: Path
    part: str
    item: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRows:
    """The text of rows; `problems` are those that can be told without reading it."""

    text: str
    places: tuple[Place, ...]
    problems: tuple[RowProblem, ...]

    def place_of(self, at: int) -> Place:
        """The smallest part of a row that a position of the text is in, or that is before it."""
        around = [one for one in self.places if one.start <= at < one.end]
        if around:
            return min(around, key=lambda one: one.end - one.start)
        # The end of the text is the last row's.
        return max(self.places, key=lambda one: (one.end, one.start))


def write_rows(group: RowGroup) -> WrittenRows:
    """The text of rows."""
    writer = _Writer()
    writer.group(group, (), 0)
    return WrittenRows(
        text="".join(writer.parts),
        places=tuple(writer.places),
        problems=tuple(writer.problems),
    )


class _Writer:
    """One text."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.places: list[Place] = []
        self.problems: list[RowProblem] = []

    def emit(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def mark(self, start: int, path: Path, part: str, item: int | None = None) -> None:
        self.places.append(Place(start=start, end=self.length, path=path, part=part, item=item))

    def item(self, item: RowItem, path: Path, binding: int) -> None:
        if isinstance(item, Row):
            start = self.length
            self.row(item, path)
            self.mark(start, path, "operator")
        else:
            self.group(item, path, binding)

    def group(self, group: RowGroup, path: Path, binding: int) -> None:
        start = self.length
        if group.negated:
            self.emit("not ")
            binding = _TIGHTEST
        if group.quantity is not None:
            self.emit(f"{group.quantity.value}((")
            binding = 0
        if not group.rows:
            self.emit(GAP)
            self.problems.append(
                RowProblem(
                    path=path,
                    part="group",
                    message="there is no condition in this group",
                    hint="add one, or remove the group",
                )
            )
        elif len(group.rows) == 1:
            self.item(group.rows[0], (*path, 0), binding)
        else:
            self.run(group, path, binding)
        if group.quantity is not None:
            self.emit("))")
        self.mark(start, path, "group")

    def run(self, group: RowGroup, path: Path, binding: int) -> None:
        """Several items, in parentheses if they bind looser than their place asks for."""
        own = _BINDING[group.logic]
        if own < binding:
            self.emit("(")
        for number, one in enumerate(group.rows):
            if number:
                self.emit(f" {group.logic.value} ")
            self.item(one, (*path, number), own + 1)
        if own < binding:
            self.emit(")")

    def row(self, row: Row, path: Path) -> None:
        if row.negated:
            self.emit("not ")
        opened = ""
        if row.quantity is not None:
            self.emit(f"{row.quantity.value}(")
            opened = ")"
        false = row.operator is RowOperator.IS_FALSE
        if row.quantity is not None and (
            false or (row.operator is RowOperator.IS_TRUE and _each(row))
        ):
            # Given directly, a mapped Bool is no array of answers (surprise 53).
            self.emit("(")
            opened = "))"
        if false:
            self.emit("not ")
        if row.operator in TESTS:
            self.emit(f"{row.operator.value}(")
            self.field(row.value, path)
            self.emit(", ")
            self.literals(row, path)
            self.emit(")")
        else:
            self.field(row.value, path)
            if row.operator in COMPARISONS:
                self.emit(f" {COMPARISONS[row.operator].value} ")
                self.literals(row, path)
        self.emit(opened)

    def field(self, value: RowValue | None, path: Path) -> None:
        start = self.length
        if value is None:
            self.emit(GAP)
            self.problems.append(RowProblem(path=path, part="field", message="choose a field"))
            return
        functions = value.functions
        for one in reversed(functions):
            self.emit(f"{self.name(one.name, path)}(")
        self.emit(self.name(value.field, path))
        self.indexes(value.steps, path)
        for one in functions:
            for argument in one.arguments:
                self.emit(", ")
                self.literal(argument, path, "field", None)
            self.emit(")")
            self.indexes(one.steps, path)
        self.mark(start, path, "field")

    def indexes(self, steps: tuple[RowStep, ...], path: Path) -> None:
        for one in steps:
            if one is None:
                self.emit(f"[{GAP}]")
                self.problems.append(
                    RowProblem(path=path, part="field", message="enter which one is meant")
                )
            elif isinstance(one, bytes):
                self.emit(f"[{format_bytes(one)}]")
            else:
                self.emit("[*]" if one is EACH else f"[{one}]")

    def name(self, name: str, path: Path) -> str:
        if _NAME.fullmatch(name):
            return name
        self.problems.append(RowProblem(path=path, part="field", message="this is no name"))
        return GAP

    def literals(self, row: Row, path: Path) -> None:
        start = self.length
        if row.operator is RowOperator.IN_LIST:
            self.list_name(row.list_name or "", path)
        elif row.operator is RowOperator.IN:
            self.emit("{")
            for number, one in enumerate(row.literals):
                self.emit(" " if number else "")
                self.literal(one, path, "value", number, RowOperator.IN)
            self.emit("}")
            if not row.literals:
                self.missing(path, "add a value", 'type one and press Enter: "in" takes several')
        elif len(row.literals) != 1:
            self.emit(GAP)
            self.missing(path, "enter a value", None)
        else:
            self.literal(row.literals[0], path, "value", None, row.operator)
        self.mark(start, path, "value")

    def missing(self, path: Path, message: str, hint: str | None) -> None:
        self.problems.append(RowProblem(path=path, part="value", message=message, hint=hint))

    def list_name(self, name: str, path: Path) -> None:
        if _LIST_NAME.fullmatch(name):
            self.emit(f"${name}")
            return
        self.emit(GAP)
        self.missing(path, "choose a list", None)

    def literal(
        self,
        literal: RowLiteral,
        path: Path,
        part: str,
        item: int | None,
        operator: RowOperator | None = None,
    ) -> None:
        """A literal, by way of the lexer of its type."""
        start = self.length
        try:
            text = literal_text(literal, operator)
        except ParseError as error:
            self.emit(GAP)
            self.problems.append(
                RowProblem(path=path, part=part, item=item, message=error.message, hint=error.hint)
            )
            return
        self.emit(text)
        if item is not None:
            self.mark(start, path, part, item)


def _each(row: Row) -> bool:
    """Whether a `[*]` is among the last indexes."""
    if row.value is None:
        return False
    functions = row.value.functions
    return EACH in (functions[-1].steps if functions else row.value.steps)
