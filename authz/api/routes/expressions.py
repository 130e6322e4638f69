# SPDX-License-Identifier: Apache-2.0
"""`/zones/…/expressions`: check, format, explain, and what there is to build from. An extension."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from authz.api.calls import Call, user_call, zone_call
from authz.api.envelope import Envelope, Paged, SinglePage, ok, single
from authz.api.models.expressions import (
    Checked,
    Explained,
    ExplainRequest,
    FieldObject,
    FormatRequest,
    Formatted,
    FunctionObject,
    ListName,
    NewExpression,
    OperatorObject,
)
from authz.api.openapi import EXTENSION
from authz.api.refusals import placed
from authz.errors import ExpressionError
from authz.rules import format_expression
from authz.rules.ast_json import ast_json
from authz.rules.trace_json import trace_json
from authz.services.expression_catalogue import (
    list_fields,
    list_functions,
    list_names,
    list_operators,
)
from authz.services.expressions import check_expression, checked_object, explain_expression
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource

router = APIRouter(tags=["Expressions"])

#: Nothing is written, so reading is enough.
Reading = Annotated[Call, zone_call(Resource.RULES, Level.READ)]


@router.post(
    "/zones/{zone_id}/expressions/check",
    response_model=Envelope[Checked],
    openapi_extra=EXTENSION,
)
def check(new: NewExpression, call: Reading) -> JSONResponse:
    """Say whether an expression can be used in a rule of the zone, and what looks wrong in it.

    One that cannot be used is an answer and no error: `valid` is false, and `errors` say why.
    """
    try:
        checked = check_expression(
            call.store, call.zone_id, new.expression, action=new.action, geo=call.backend.geo
        )
    except ExpressionError as error:
        return JSONResponse(ok({"valid": False, "errors": [_fault(error)]}))
    found = checked_object(checked)
    # As it is: a model would be copied level by level, and there may be hundreds.
    return JSONResponse(ok(found | {"errors": [], "ast": ast_json(checked.expression)}))


@router.post(
    "/zones/{zone_id}/expressions/format",
    response_model=Envelope[Formatted],
    openapi_extra=EXTENSION,
)
def format_it(wanted: FormatRequest, call: Reading) -> dict[str, Any]:
    """Write an expression in its canonical form."""
    with placed("/expression"):
        checked = check_expression(
            call.store, call.zone_id, wanted.expression, geo=call.backend.geo
        )
    return ok({"expression": format_expression(checked.expression)})


@router.post(
    "/zones/{zone_id}/expressions/explain",
    response_model=Envelope[Explained],
    openapi_extra=EXTENSION,
)
def explain(wanted: ExplainRequest, call: Reading) -> JSONResponse:
    """Show what every part of an expression gives, for these values of fields.

    Items of the account's lists are read for tokens that may read lists; others give their own.
    """
    lists = {name: one.model_dump(mode="json") for name, one in wanted.lists.items()}
    traced = explain_expression(
        call.store,
        wanted.expression,
        wanted.fields,
        lists,
        may_read_lists=call.principal.may(Resource.LISTS, Level.READ, ACCOUNT_WIDE),
    )
    return JSONResponse(ok(trace_json(traced)))


@router.get(
    "/zones/{zone_id}/expressions/fields",
    response_model=Paged[FieldObject],
    openapi_extra=EXTENSION,
)
def fields(call: Reading, page: SinglePage = 1) -> dict[str, Any]:
    """Every field: its type, what it is, an example, which operators and functions apply."""
    return single(list_fields(call.backend.geo), page)


@router.get(
    "/zones/{zone_id}/expressions/operators",
    response_model=Paged[OperatorObject],
    openapi_extra=EXTENSION,
)
def operators(_call: Reading, page: SinglePage = 1) -> dict[str, Any]:
    """Every operator."""
    return single(list_operators(), page)


@router.get(
    "/zones/{zone_id}/expressions/functions",
    response_model=Paged[FunctionObject],
    openapi_extra=EXTENSION,
)
def functions(_call: Reading, page: SinglePage = 1) -> dict[str, Any]:
    """Every function that rules may use."""
    return single(list_functions(), page)


@router.get(
    "/zones/{zone_id}/expressions/lists",
    response_model=Paged[ListName],
    openapi_extra=EXTENSION,
    dependencies=[user_call(Resource.LISTS, Level.READ)],
)
def lists(call: Reading, page: SinglePage = 1) -> dict[str, Any]:
    """The account's lists, as `$name` names them, for tokens that may read lists."""
    return single(list_names(call.store), page)


def _fault(error: ExpressionError) -> dict[str, Any]:
    line, carets = error.pointed()
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "line": error.line,
        "column": error.column,
        "span": list(error.span),
        "carets": f"{line}\n{carets}",
    }
