# SPDX-License-Identifier: Apache-2.0
"""What the expression builder hears of an expression, as JSON.

Places are offsets in UTF-16 code units, which is how scripts count; the rest of this project counts
characters. Lines and columns are for people, from 1, in characters.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from authz.rules.rows import NotRows
from authz.services.expression_rows import rows_object

if TYPE_CHECKING:
    from authz.rules import Finding
    from authz.rules.row_writing import RowProblem
    from authz.rules.tokens import Token
    from authz.services.expression_editing import ReadExpression, WrittenExpression

_BMP: Final = 0xFFFF


class Offsets:
    """From characters of a text to UTF-16 code units, and back."""

    def __init__(self, source: str) -> None:
        self._units: list[int] | None = None
        if any(ord(char) > _BMP for char in source):
            sizes = (2 if ord(char) > _BMP else 1 for char in source)
            self._units = list(accumulate(sizes, initial=0))

    def units(self, at: int) -> int:
        """The offset in code units of a character."""
        return at if self._units is None else self._units[min(at, len(self._units) - 1)]

    def characters(self, units: int) -> int:
        """The character that an offset in code units is at, or in."""
        if self._units is None:
            return units
        return min(bisect_right(self._units, units), len(self._units)) - 1

    def span(self, span: tuple[int, int]) -> dict[str, int]:
        """Where something starts and ends."""
        return {"start": self.units(span[0]), "end": self.units(span[1])}


def read_object(read: ReadExpression) -> dict[str, Any]:
    """A text, as far as it is an expression."""
    offsets = Offsets(read.source)
    errors: list[dict[str, Any]] = []
    if read.error is not None:
        error = read.error
        errors.append(
            {
                "message": error.message,
                "hint": error.hint,
                "code": error.code,
                "line": error.line,
                "column": error.column,
            }
            | offsets.span(error.span)
        )
    rows, reason = read.rows, None
    if isinstance(rows, NotRows):
        reason = {"message": rows.reason} | offsets.span(rows.span)
    completion = None
    if read.completion is not None:
        found = read.completion
        completion = {
            "start": offsets.units(found.start),
            "expects": found.expects.value,
            "type": None if found.type is None else str(found.type),
            "operator": None if found.operator is None else found.operator.value,
        }
    return {
        "valid": read.error is None,
        "errors": errors,
        "findings": _findings(read.findings, read.source, offsets),
        "formatted": read.formatted,
        "rows": None if rows is None or isinstance(rows, NotRows) else rows_object(rows),
        "reason": reason,
        "tokens": _tokens(read.tokens, offsets),
        "completion": completion,
    }


def written_object(written: WrittenExpression) -> dict[str, Any]:
    """The text of rows, or what is wrong in them."""
    offsets = Offsets(written.text)
    return {
        "valid": not written.problems,
        "expression": written.text,
        "errors": [_problem(one) for one in written.problems],
        "findings": _findings(written.findings, written.text, offsets),
        "tokens": _tokens(written.tokens, offsets),
    }


def _problem(problem: RowProblem) -> dict[str, Any]:
    return {
        "path": list(problem.path),
        "part": problem.part,
        "item": problem.item,
        "message": problem.message,
        "hint": problem.hint,
    }


def _findings(findings: tuple[Finding, ...], source: str, offsets: Offsets) -> list[dict[str, Any]]:
    return [
        {
            "code": one.code,
            "message": one.message,
            "hint": one.hint,
            "suggestion": one.suggestion,
            "certain": one.certain,
            "line": source.count("\n", 0, one.span[0]) + 1,
        }
        | offsets.span(one.span)
        for one in findings
    ]


def _tokens(tokens: tuple[Token, ...], offsets: Offsets) -> list[tuple[str, int, int]]:
    return [(one.kind.value, offsets.units(one.start), offsets.units(one.end)) for one in tokens]
