# SPDX-License-Identifier: Apache-2.0
"""An expression while somebody writes it: as a text, or as rows.

The browser does not know the grammar. It sends what it has, and hears what that is: whether it can
be used and what looks wrong in it (as `expressions.check_expression` says), its words, what could
come next, and the other form. Nothing here writes to the store. Spans are offsets in characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.errors import ExpressionError
from authz.policy.fields import scheme_for
from authz.rules import MAX_SOURCE, format_expression
from authz.rules.row_reading import rows_of
from authz.rules.row_writing import RowProblem, write_rows
from authz.rules.tokens import completion_at, tokens_of
from authz.services.expressions import check_expression

if TYPE_CHECKING:
    from authz.policy.geo import GeoLookup
    from authz.rules import Finding
    from authz.rules.rows import NotRows, RowGroup
    from authz.rules.tokens import Completion, Token
    from authz.services.expressions import CheckedExpression
    from authz.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadExpression:
    """A text, as far as it is an expression.

    Args:
        error: why it cannot be used; then there are no findings, no form and no rows.
        completion: what the word at the caret could become, if one was given.
    """

    source: str
    tokens: tuple[Token, ...]
    error: ExpressionError | None = None
    findings: tuple[Finding, ...] = ()
    formatted: str | None = None
    rows: RowGroup | NotRows | None = None
    completion: Completion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenExpression:
    """The text of rows.

    Args:
        text: canonical, and an expression, if there are no problems; otherwise it is one to look
            at, in which `…` stands for what is missing.
    """

    text: str
    tokens: tuple[Token, ...]
    problems: tuple[RowProblem, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_expression(
    store: Store,
    zone_id: str,
    source: str,
    *,
    action: str | None = None,
    caret: int | None = None,
    geo: GeoLookup | None,
) -> ReadExpression:
    """Read a text as a rule of a zone would have it.

    Args:
        action: `block`, `skip` or `log`, what the rule is to do; None when that is not known.
        caret: where somebody is typing.
    """
    scheme = scheme_for(geo)
    words: tuple[Token, ...] = ()
    completion = None
    # Of a text that is far too long nobody wants to see the words.
    if len(source) <= MAX_SOURCE:
        words = tokens_of(source, scheme)
        if caret is not None:
            completion = completion_at(source, min(caret, len(source)), scheme)
    try:
        checked = check_expression(store, zone_id, source, action=action, geo=geo)
    except ExpressionError as error:
        return ReadExpression(source=source, tokens=words, error=error, completion=completion)
    return ReadExpression(
        source=source,
        tokens=words,
        findings=checked.findings,
        formatted=format_expression(checked.expression),
        rows=rows_of(checked.expression),
        completion=completion,
    )


def write_expression(
    store: Store,
    zone_id: str,
    rows: RowGroup,
    *,
    action: str | None = None,
    geo: GeoLookup | None,
) -> WrittenExpression:
    """Write rows as an expression that a rule of a zone could have."""
    written = write_rows(rows)
    scheme = scheme_for(geo)
    text, problems = written.text, written.problems
    findings: tuple[Finding, ...] = ()
    if not problems:
        try:
            checked = _canonical(store, zone_id, text, action=action, geo=geo)
        except ExpressionError as error:
            place = written.place_of(error.span[0])
            problems = (
                RowProblem(
                    path=place.path,
                    part=place.part,
                    item=place.item,
                    message=error.message,
                    hint=error.hint,
                ),
            )
        else:
            text, findings = checked.expression.source, checked.findings
    return WrittenExpression(
        text=text,
        tokens=tokens_of(text, scheme) if len(text) <= MAX_SOURCE else (),
        problems=problems,
        findings=findings,
    )


def _canonical(
    store: Store, zone_id: str, text: str, *, action: str | None, geo: GeoLookup | None
) -> CheckedExpression:
    """An expression in its canonical form, so that the places of findings are those in it."""
    checked = check_expression(store, zone_id, text, action=action, geo=geo)
    formatted = format_expression(checked.expression)
    if formatted == text:
        return checked
    return check_expression(store, zone_id, formatted, action=action, geo=geo)
