# SPDX-License-Identifier: Apache-2.0
"""What the page of one event shows: what happened, why, what was asked, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from authz.dashboard.event_explanation import shown_certificate, shown_readings
from authz.dashboard.event_rows import Names, names_for, row_of
from authz.dashboard.event_words import (
    action_word,
    reason_sentence,
    reason_word,
    site_word,
    verdict_word,
)
from authz.dashboard.shown import counted
from authz.dashboard.zone_links import rule_url
from authz.policy.decision import Verdict
from authz.rules.formatter import format_bytes
from authz.services.events import recorded_request
from authz.services.explaining import explain_event
from authz.services.judging_live import LiveJudge
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource
from authz.services.recorded_view import view_of

if TYPE_CHECKING:
    from authz.dashboard.viewers import Viewer
    from authz.services.recorded_view import RecordedView
    from authz.store.records_activity import StoredEvent

#: Of a path and a host that an event has: longer ones may have been cut.
_WHOLE = 255
#: How `explaining.left_out_of` tells of a header.
_OF_HEADER = "the value of the header "


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do next."""

    title: str
    url: str
    help: str


def event_page(viewer: Viewer, stored: StoredEvent) -> dict[str, Any]:
    """The values of the template `events/event.html`."""
    backend = viewer.backend
    store = backend.store()
    names = names_for(viewer, {stored.fingerprint_sha256})
    live = backend.live.now(store, viewer.at, backend.geo)
    why = explain_event(
        store,
        stored,
        judge=LiveJudge(live, backend.reading),
        at=viewer.at,
        allowed=viewer.allowed,
    )
    recorded = recorded_request(store, stored)
    request = None if recorded is None else view_of(recorded, backend.reading.options)
    now = why["now"]
    explanation = {} if now is None else now["explanation"]
    certificate = explanation.get("certificate")
    place = ACCOUNT_WIDE if stored.zone_id is None else stored.zone_id
    may_see_rules = viewer.may(Resource.RULES, Level.READ, place)
    shown = None
    if may_see_rules and explanation.get("rules"):
        shown = shown_readings(explanation, now["rule"], names.rules, viewer.allowed)
    return {
        "row": row_of(stored, names),
        "event": stored.event,
        "stored": stored,
        "verdict": verdict_word(stored.verdict),
        "is_blocked": stored.verdict == Verdict.DENY.value,
        "sentence": _sentence(stored, names),
        "reason": reason_word(stored.reason),
        "action": action_word(stored.action),
        "site": site_word(stored.site),
        "logged": [(names.rule(ref), _rule_url(viewer, names, ref)) for ref in _logged(stored)],
        "rule_page": _rule_url(viewer, names, stored.rule),
        "certificate_page": names.certificate_url(stored.fingerprint_sha256),
        "why": why,
        "now": None
        if now is None
        else {
            "verdict": "" if now["verdict"] is None else verdict_word(now["verdict"]),
            "is_blocked": now["verdict"] == Verdict.DENY.value,
            "rule": names.rule(now["rule"]) if now["rule"] else "",
            "reason": reason_sentence(now["reason"]),
            "reads": now["reads"],
        },
        "certificate": None if certificate is None else shown_certificate(certificate),
        "clause": None if certificate is None else certificate["clause"],
        "shown": shown,
        "may_see_rules": may_see_rules,
        "rules_url": f"/zones/{stored.zone_id}/rules" if stored.zone_id else "",
        "request": request,
        "left_out": _left_out(why["left_out"]),
        "base": names.base,
        "steps": steps(viewer, stored, request, names),
    }


def steps(
    viewer: Viewer, stored: StoredEvent, request: RecordedView | None, names: Names
) -> list[Step]:
    """What whoever looks may do with an event of a zone."""
    if viewer.zone is None:
        return []
    found: list[Step] = []
    base, event = f"/zones/{viewer.zone_id}", stored.event
    host, path, fingerprint = event["host"], event["path"], stored.fingerprint_sha256
    if viewer.may(Resource.RULES, Level.READ):
        found.append(
            Step(
                title="Try it in the simulator",
                url=f"{base}/simulator?{urlencode(simulated(stored, request, names))}",
                help="The same request, with what you change about it.",
            )
        )
    if viewer.may(Resource.RULES, Level.WRITE):
        is_whole = len(path) < _WHOLE and len(host) < _WHOLE
        if is_whole:
            found.append(
                Step(
                    title="Require a certificate here",
                    url=f"{base}/rules/mtls?{urlencode({'path': path, 'host': host})}",
                    help="Create a mTLS rule for this path and host.",
                )
            )
        found.append(
            Step(
                title="Make a rule from this",
                url=f"{base}/rules/new?{urlencode({'expression': expression_of(stored)})}",
                help="A rule for requests like this one.",
            )
        )
        if fingerprint and is_whole:
            pinned = urlencode({"path": path, "host": host, "fingerprint": fingerprint})
            found.append(
                Step(
                    title="Allow this certificate only",
                    url=f"{base}/rules/mtls?{pinned}",
                    help="Block every other certificate at this path and host.",
                )
            )
    return found


def expression_of(stored: StoredEvent) -> str:
    """An expression that is true of requests like this one."""
    event = stored.event
    parts = [f"http.host eq {_literal(stored.host)}"] if stored.host else []
    path = event["path"]
    # One that was cut is the beginning of the whole one.
    if len(path) < _WHOLE:
        parts.append(f"http.request.uri.path eq {_literal(path)}")
    else:
        parts.append(f"starts_with(http.request.uri.path, {_literal(path)})")
    if stored.fingerprint_sha256:
        parts.append(
            f"cf.tls_client_auth.cert_fingerprint_sha256 eq {_literal(stored.fingerprint_sha256)}"
        )
    return " and ".join(parts)


def simulated(stored: StoredEvent, request: RecordedView | None, names: Names) -> dict[str, str]:
    """The fields of the simulator for a request, as far as they are known."""
    event = stored.event
    found = {"host": event["host"], "path": event["path"], "source_address": event["client_ip"]}
    if request is not None:
        query = "" if request.query is None else _query(request)
        found |= {
            "method": request.method,
            "scheme": request.scheme,
            "host": request.host,
            "path": request.path + query,
            "source_address": request.source,
            "sni": request.sni or "",
        }
    known = names.certificates.get(stored.fingerprint_sha256)
    if known is not None:
        found |= {"client": "issued", "certificate_id": known.id}
    return {name: value for name, value in found.items() if value}


def _query(request: RecordedView) -> str:
    pieces = (f"{one.name}={one.value}" for one in request.query or ())
    return f"?{'&'.join(pieces)}"


def _literal(text: str) -> str:
    return format_bytes(text.encode())


def _logged(stored: StoredEvent) -> list[str]:
    return list(stored.event["logged"])


def _left_out(texts: list[str]) -> str:
    """What is missing of the request, in few words: headers are told in their table."""
    headers = [one for one in texts if one.startswith(_OF_HEADER)]
    others = [one for one in texts if not one.startswith(_OF_HEADER)]
    if headers:
        others.insert(0, f"the values of {counted(len(headers), 'header')}")
    return ", ".join(others)


def _sentence(stored: StoredEvent, names: Names) -> str:
    if stored.rule and stored.reason == "rule":
        title = names.rule(stored.rule)
        if stored.verdict == Verdict.DENY.value:
            return f"The rule “{title}” blocked it."
        return f"The rule “{title}” let it pass: it skips every rule behind it."
    return reason_sentence(stored.reason)


def _rule_url(viewer: Viewer, names: Names, ref: str) -> str:
    """The page of a rule, where there is one and it may be seen."""
    found = names.rules.get(ref)
    if found is None:
        return ""
    return rule_url(None if found.of_account else viewer.zone_id, found.rule_id)
