# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/simulator`: compose or paste a request, and see what the rules make of it.

One form for all of it; it is posted and shown again, with what came of it above. Nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Response

from authz.dashboard.explanations import shown_check
from authz.dashboard.forms import Posted
from authz.dashboard.problems import status_of, text_of, texts_of
from authz.dashboard.rule_rows import name_of
from authz.dashboard.simulator_form import (
    METHODS,
    certificates_of,
    filled,
    moment_of,
    prefilled,
    request_of,
    values_of,
)
from authz.dashboard.simulator_rules import drafts_of, with_draft
from authz.dashboard.viewers import Viewer, zone_viewer
from authz.errors import AuthzError, ExpressionError, InvalidInputError, NotFoundError
from authz.policy.budget import MAX_WORK
from authz.policy.explain import TraceBudget
from authz.services.certificates import certificate_in_zone, get_certificate, list_certificates
from authz.services.expressions import check_expression
from authz.services.permissions import Level, Resource
from authz.services.rulesets import get_rules
from authz.services.simulated_listener import PROTOCOLS, SCHEMES, through_listener
from authz.services.simulated_request import check_request
from authz.services.simulation import Simulation, simulate
from authz.services.simulation_check_request import write_json
from authz.services.simulation_drafts import with_expression, with_rule_in_front
from authz.services.simulation_paste import read_pasted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.dashboard.simulator_rules import Drafted
    from authz.services.pasted import Pasted

router = APIRouter()

Reading = Annotated[Viewer, zone_viewer(Resource.RULES, Level.READ)]

#: Expressions that a page takes apart: more would make it slow to load and to read.
MAX_TRACES: Final = 40
MAX_TRACE_WORK: Final = MAX_WORK / 2
#: Certificates that are offered to choose from, the latest first.
MAX_CERTIFICATES: Final = 50
#: A longer CheckRequest is not shown.
MAX_SHOWN: Final = 16 * 1024

#: Where an expression is tried, besides in a rule that there is.
_IN_FRONT: Final = {"front": "block", "log": "log"}
_IN_RULE: Final = "rule:"


@dataclass(slots=True)
class _Work:
    """What a posted form says, and what came of it.

    Args:
        taken: the digest of the pasted text that the fields are filled in from.
        drafted: the saved draft that decided, if one did.
    """

    viewer: Viewer
    values: dict[str, str]
    taken: str = ""
    notes: list[str] = field(default_factory=list)
    pasted: Pasted | None = None
    simulation: Simulation | None = None
    drafted: Drafted | None = None
    data: bytes = b""


@router.get("/zones/{zone_id}/simulator")
def form(viewer: Reading) -> Response:
    """The form, filled in as the link to it says."""
    asked = dict(viewer.request.query_params)
    work = _Work(viewer, prefilled(asked | _with_rule(viewer, asked.get("rule", ""))))
    try:
        if work.values["draft"]:
            with_draft(viewer, work.values["draft"])
    except AuthzError as error:
        return _page(work, error=error)
    return _page(work)


@router.post("/zones/{zone_id}/simulator")
def run(viewer: Reading, posted: Posted) -> Response:
    """The form again, filled in from what was pasted, or with the decision."""
    work = _Work(viewer, values_of(posted))
    try:
        _read(work, is_asked=posted.text("do") == "read", known=posted.text("taken"))
        if posted.text("do") == "simulate":
            _simulate(work)
    except AuthzError as error:
        return _page(work, error=error)
    return _page(work)


def _read(work: _Work, *, is_asked: bool, known: str) -> None:
    """Take over what was pasted, if that was not done before or is asked for."""
    text = work.values["paste"]
    if not text.strip():
        work.values["exact"] = ""
        if is_asked:
            raise InvalidInputError(
                "nothing was pasted", hint="paste a request, or fill in the form"
            )
        return
    digest = _digest(text)
    is_new = is_asked or known != digest
    if is_new or work.values["exact"]:
        work.pasted = read_pasted(text, work.viewer.backend.reading.options)
    work.taken = digest
    if is_new and work.pasted is not None:
        work.values = filled(work.values, work.pasted)
        work.notes += work.pasted.notes
        _choose_certificate(work, work.pasted.fingerprint)


def _choose_certificate(work: _Work, fingerprint: str) -> None:
    viewer = work.viewer
    if not fingerprint or not viewer.may(Resource.CERTIFICATES, Level.READ):
        return
    try:
        found = get_certificate(viewer.store, fingerprint)
    except NotFoundError:
        found = None
    if found is None or found.zone_id != viewer.zone_id:
        work.notes.append(
            f"The certificate {fingerprint[:16]}… was not issued here: paste it below."
        )
        work.values["client"] = "pem"
        return
    work.values |= {"client": "issued", "certificate_id": found.id, "find": ""}


def _simulate(work: _Work) -> None:
    viewer, values, backend = work.viewer, work.values, work.viewer.backend
    at = moment_of(values["at"], viewer.at)
    if values["exact"] and work.pasted is not None and work.pasted.data is not None:
        work.data = work.pasted.data
    else:
        heard = through_listener(
            request_of(values, _certificates(work), at, str(uuid.uuid4())),
            trusted_hops=backend.reading.options.client_ip_trusted_hops,
            forwards_bodies=bool(values["forwards_bodies"]),
        )
        work.notes += heard.notes
        work.data = check_request(heard.request, backend.reading.options)
    work.simulation = simulate(
        viewer.store,
        backend.live,
        viewer.zone_id,
        work.data,
        at=at,
        how=backend.reading,
        geo=backend.geo,
        draft=_draft(work),
        allowed=viewer.allowed,
        budget=TraceBudget(work=MAX_TRACE_WORK, number=MAX_TRACES),
    )


def _certificates(work: _Work) -> tuple[bytes, ...]:
    viewer, values = work.viewer, work.values
    if values["client"] == "pem":
        return certificates_of(values["pem"])
    if values["client"] != "issued":
        return ()
    viewer.require(Resource.CERTIFICATES, Level.READ)
    if not values["certificate_id"]:
        raise InvalidInputError("no certificate is chosen", hint="choose one of those issued here")
    found, _authority = certificate_in_zone(viewer.store, viewer.zone_id, values["certificate_id"])
    return (found.der,)


def _draft(work: _Work) -> Sequence[Mapping[str, Any]] | None:
    viewer, values = work.viewer, work.values
    if values["rules"] == "saved":
        work.drafted = with_draft(viewer, values["draft"])
        return work.drafted.rules
    if values["rules"] != "draft":
        return None
    expression, place = values["expression"].strip(), values["place"]
    if not expression:
        raise InvalidInputError(
            "there is no expression to try", hint="write one, or choose the rules in force"
        )
    action = _IN_FRONT.get(place, "block")
    check_expression(
        viewer.store, viewer.zone_id, expression, action=action, geo=viewer.backend.geo
    )
    rules = get_rules(viewer.store, viewer.zone_id).rules
    if place.startswith(_IN_RULE):
        return with_expression(rules, place.removeprefix(_IN_RULE), expression)
    return with_rule_in_front(rules, expression, action=action)


def _page(work: _Work, *, error: AuthzError | None = None) -> Response:
    viewer, values, simulation = work.viewer, work.values, work.simulation
    shown = None if simulation is None else shown_check(simulation.check, simulation.notes)
    is_check = work.pasted is not None and work.pasted.data is not None
    return viewer.page(
        "simulator.html",
        status=200 if error is None else status_of(error),
        values=values,
        errors=() if error is None else _told(error),
        carets=_carets(error),
        notes=tuple(dict.fromkeys(work.notes)),
        taken=work.taken,
        kind="" if work.pasted is None else work.pasted.kind.value,
        is_check_request=is_check,
        shown=shown,
        simulation=simulation,
        drafted=work.drafted,
        drafts=drafts_of(viewer),
        check_request=write_json(work.data) if 0 < len(work.data) <= MAX_SHOWN and shown else "",
        certificates=_offered(viewer, values),
        rules=[
            (str(one["id"]), name_of(one)) for one in get_rules(viewer.store, viewer.zone_id).rules
        ],
        methods=METHODS,
        schemes=SCHEMES,
        protocols=PROTOCOLS,
    )


def _told(error: AuthzError) -> list[str]:
    return [text_of(error)] if isinstance(error, ExpressionError) else texts_of(error)


def _carets(error: AuthzError | None) -> str:
    """The line of an expression that is wrong, and what of it."""
    return "\n".join(error.pointed()) if isinstance(error, ExpressionError) else ""


def _offered(viewer: Viewer, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Certificates to choose from: identifier, and what people know them by."""
    if not viewer.may(Resource.CERTIFICATES, Level.READ):
        return []
    page = list_certificates(
        viewer.store, viewer.zone_id, search=values["find"].strip(), per_page=MAX_CERTIFICATES
    )
    found = {one.id: one for one in page.certificates}
    chosen = values["certificate_id"]
    if chosen and chosen not in found:
        with contextlib.suppress(NotFoundError):
            found[chosen] = certificate_in_zone(viewer.store, viewer.zone_id, chosen)[0]
    return [
        (one.id, f"{one.label or one.common_name} · {one.status} · {one.serial}")
        for one in found.values()
    ]


def _with_rule(viewer: Viewer, rule_id: str) -> dict[str, str]:
    """The fields of a link to try a rule: its expression, in its place, to be changed at will."""
    for one in get_rules(viewer.store, viewer.zone_id).rules if rule_id else ():
        if one["id"] == rule_id:
            expression = str(one["expression"])
            return {"rules": "draft", "place": _IN_RULE + rule_id, "expression": expression}
    return {}


def _digest(text: str) -> str:
    """By which it is known that a pasted text was taken over already."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
