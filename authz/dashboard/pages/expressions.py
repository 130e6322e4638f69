# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/expression`: a page to try expressions, and the other end of the builder.

The builder is there and in forms of rules. Nothing is written to the store.

read       a text        → errors, findings, words, its rows
write      rows          → the expression, or what is wrong in which row
catalogue                → fields, operators, functions and lists to build from
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Response
from fastapi.responses import JSONResponse

from authz.dashboard.builder_catalogue import builder_catalogue
from authz.dashboard.expression_json import Offsets, read_object, written_object
from authz.dashboard.problems import text_of
from authz.dashboard.viewers import Viewer, zone_viewer
from authz.errors import InvalidInputError
from authz.rules import MAX_SOURCE, Finding
from authz.services.expression_editing import read_expression, write_expression
from authz.services.expression_rows import rows_from
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource

router = APIRouter()

#: Nothing is written, so reading is enough.
Reading = Annotated[Viewer, zone_viewer(Resource.RULES, Level.READ)]
Given = Annotated[Any, Body()]

#: What rules can do, and what it is called.
_ACTIONS: Final = {"block": "Block", "skip": "Skip", "log": "Log"}
#: A text that is a little too long is told where; one that is far too long is not looked at.
_FAR_TOO_LONG: Final = 4 * MAX_SOURCE


@router.get("/zones/{zone_id}/expression")
def page(viewer: Reading, expression: str = "", action: str = "block") -> Response:
    """The builder, and what is to be said of an expression, for those without scripts too."""
    errors: list[str] = []
    formatted: str | None = None
    findings: list[str] = []
    if expression.strip():
        read = read_expression(
            viewer.store,
            viewer.zone_id,
            expression,
            action=action if action in _ACTIONS else None,
            geo=viewer.backend.geo,
        )
        formatted = read.formatted
        findings = [_sentence(one) for one in read.findings]
        if read.error is not None:
            place = f"Line {read.error.line}, column {read.error.column}: "
            errors.append(place + text_of(read.error))
    return viewer.page(
        "expression.html",
        expression=expression,
        action=action,
        actions=_ACTIONS.items(),
        errors=errors,
        formatted=formatted,
        findings=findings,
    )


@router.post("/zones/{zone_id}/expression/read")
def read(viewer: Reading, given: Given) -> JSONResponse:
    """What a text is: `{"expression": …, "action": …, "caret": …}`, the last two may be missing."""
    asked = _object(given)
    source = asked.get("expression")
    if not isinstance(source, str):
        raise InvalidInputError("expression is not a text")
    if len(source) > _FAR_TOO_LONG:
        raise InvalidInputError(
            f"the expression has more than {_FAR_TOO_LONG} characters",
            hint="put long sets into lists",
        )
    found = read_expression(
        viewer.store,
        viewer.zone_id,
        source,
        action=_action(asked),
        caret=_caret(asked, source),
        geo=viewer.backend.geo,
    )
    return viewer.json(read_object(found))


@router.post("/zones/{zone_id}/expression/write")
def write(viewer: Reading, given: Given) -> JSONResponse:
    """The expression of rows: `{"rows": …, "action": …}`."""
    asked = _object(given)
    written = write_expression(
        viewer.store,
        viewer.zone_id,
        rows_from(asked.get("rows")),
        action=_action(asked),
        geo=viewer.backend.geo,
    )
    return viewer.json(written_object(written))


@router.get("/zones/{zone_id}/expression/catalogue")
def catalogue(viewer: Reading) -> JSONResponse:
    """What there is to build from; lists for those who may read them."""
    may_read_lists = viewer.may(Resource.LISTS, Level.READ, ACCOUNT_WIDE)
    store = viewer.store if may_read_lists else None
    return viewer.json(builder_catalogue(viewer.backend.geo, store))


def _sentence(finding: Finding) -> str:
    text = finding.message[:1].upper() + finding.message[1:]
    return f"{text} — {finding.advice}." if finding.advice else f"{text}."


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidInputError("what was sent is not a JSON object")
    return given


def _action(asked: dict[str, Any]) -> str | None:
    action = asked.get("action")
    if action is not None and not (isinstance(action, str) and action in _ACTIONS):
        raise InvalidInputError(f"action is none of {', '.join(_ACTIONS)}")
    return action


def _caret(asked: dict[str, Any], source: str) -> int | None:
    caret = asked.get("caret")
    if caret is None:
        return None
    if isinstance(caret, bool) or not isinstance(caret, int) or caret < 0:
        raise InvalidInputError("caret is not a place in the expression")
    return Offsets(source).characters(caret)
