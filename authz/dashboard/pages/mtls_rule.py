# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/rules/mtls`: "Create a mTLS rule", in the order of Cloudflare's page.

Its buttons do what those of the rule's editor do; the wrench opens that, with what was filled in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse

from authz.dashboard.forms import Form, Posted
from authz.dashboard.mtls_forms import MtlsForm, choices_of, form_from, preview
from authz.dashboard.replaying import may_replay
from authz.dashboard.rule_actions import DEPLOY, DRAFT, EDIT, LOG_FIRST, REPLAY, act
from authz.dashboard.rule_editing import Editing
from authz.dashboard.rule_forms import form_of_rule
from authz.dashboard.rule_scopes import RulesViewer, WritingRules, basis_from, basis_text
from authz.services.mtls_advice import zone_trust
from authz.services.mtls_rules import Shape, mtls_rule
from authz.services.rule_deployment import basis_of
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from authz.dashboard.mtls_forms import Preview
    from authz.services.mtls_advice import ZoneTrust

router = APIRouter()

_PATH = "/zones/{zone_id}/rules/mtls"


@router.get(_PATH)
def form(here: WritingRules, request: Request) -> Response:
    """The form; other pages fill in `path`, `host` and `fingerprint`, each any number of times."""
    asked = request.query_params
    pins = tuple(asked.getlist("fingerprint"))
    given = MtlsForm(
        paths="\n".join(asked.getlist("path")),
        hostnames="\n".join(asked.getlist("host")),
        shape=Shape.PINNED if pins else Shape.SAFE,
        chosen=pins,
    )
    return _page(here, given, _trust(here))


@router.post(_PATH)
def create(here: WritingRules, posted: Posted) -> Response:
    """What the buttons of the form do."""
    given = form_from(posted)
    added = posted.text("add")
    if added:
        given = replace(given, paths=f"{given.paths.rstrip()}\n{added}".lstrip())
        return _page(here, given, _trust(here))
    trust = _trust(here)
    made = preview(here.viewer, given, trust)
    do = posted.text("do")
    if made.rule is None or do not in (DEPLOY, DRAFT, EDIT, LOG_FIRST, REPLAY):
        is_wrong = made.rule is None and bool(do)
        return _page(here, given, trust, made, status=400 if is_wrong else 200)
    return act(_editing(here, given, made, posted), posted)


@router.post(f"{_PATH}/preview")
def previewed(here: WritingRules, given: Annotated[Any, Body()]) -> JSONResponse:
    """What comes of the fields, while somebody types: `[[name, value], …]`."""
    pairs = given if isinstance(given, list) else []
    fields = Form(
        (one[0], one[1])
        for one in pairs
        if isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one)
    )
    made = preview(here.viewer, form_from(fields), _trust(here))
    return here.viewer.json(
        {
            "expression": made.expression,
            "problems": made.problems,
            "advice": [
                {
                    "serious": one.serious,
                    "message": one.message,
                    "hint": one.hint,
                    "path": one.path,
                }
                for one in made.advice
            ],
        }
    )


def _page(
    here: RulesViewer,
    given: MtlsForm,
    trust: ZoneTrust,
    made: Preview | None = None,
    *,
    status: int = 200,
) -> Response:
    return here.page(
        "mtls_rule.html",
        status=status,
        form=given,
        choices=choices_of(here.viewer, trust),
        made=made or preview(here.viewer, given, trust),
        asked=made is not None,
        may_replay=may_replay(here.viewer),
        basis=basis_text(basis_of(here.rules())),
    )


def _editing(here: RulesViewer, given: MtlsForm, made: Preview, posted: Form) -> Editing:
    """The rule as the editor has it: from here on, it is a rule like any other."""
    assert made.rule is not None, "made of a form that is right"
    taken = {ref_of(one) for one in here.rules().rules}
    rule = mtls_rule(made.rule, description=given.description, taken=taken)
    if given.action in ("block", "log"):
        rule["action"] = given.action
    return Editing(here=here, form=form_of_rule(rule), basis=basis_from(posted.text("basis")))


def _trust(here: RulesViewer) -> ZoneTrust:
    assert here.viewer.zone is not None, "the path has a zone"
    return zone_trust(here.viewer.store, here.viewer.zone)
