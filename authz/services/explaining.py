# SPDX-License-Identifier: Apache-2.0
"""Why a check ended as it did: its event, and the decision made again by what is in force now.

The decision of then is in the event. That of now is made from the request as it was recorded, with
every rule's answer part by part, the judgement of the certificate and the clause that it fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.extauthz.decode import Undecodable
from authz.observability.recorded import Unrecorded
from authz.policy.explain_recorded import explain_recorded
from authz.services.allowed import ALL, explanation_shown
from authz.services.explanation import trace_budget
from authz.services.judging import Judge
from authz.services.recorded_requests import left_out_of

if TYPE_CHECKING:
    from authz.services.allowed import Allowed
    from authz.store.engine import Store
    from authz.store.records_activity import StoredEvent

#: Why there is no decision of now, for people.
_WHY_NOT: Final = {
    Unrecorded.OFF.value: "requests were not recorded (events.requests)",
    Unrecorded.TOO_LARGE.value: "the request was too large to be recorded",
    Unrecorded.TOO_MANY.value: "too many requests came at once to record each",
    Unrecorded.UNREADABLE.value: "nobody could read the request, or there was no time to",
}
_FILE_SITE: Final = "its site is not of a zone: authz check --explain decides by a policy file"
_TOO_MUCH: Final = (
    "what the rules ask of a request of this size, or of as many readings of its path, is more "
    "than a check may cost: none of them is evaluated"
)
_GONE: Final = "the request is not kept any more"


def explain_event(
    store: Store,
    event: StoredEvent,
    *,
    judge: Judge | None = None,
    at: float,
    allowed: Allowed = ALL,
) -> dict[str, Any]:
    """How the check of an event was decided, and how it would be at Unix time `at`; as JSON.

    Args:
        allowed: what whoever asks may be shown besides the zone's rules.

    Returns:
        `then`: the verdict, reason, rule and action of the event. `now`: the same, with
        `explanation` (policy.explain_recorded); None when it cannot be decided again, and `why_not`
        says why; it says, too, why no rule is told. `differs`: whether the verdict is another now,
        None where that is not known. `left_out`: what is missing of the request, for people.
    """
    judge = judge or Judge()
    kept = event.event
    found: dict[str, Any] = {
        "then": {
            "verdict": event.verdict,
            "reason": event.reason,
            "rule": event.rule,
            "action": event.action,
            "site": event.site,
            "detail": kept.get("detail", ""),
            "generation": kept.get("generation", 0),
        },
        "now": None,
        "differs": None,
        "why_not": "",
        "left_out": [],
    }
    with store.read() as session:
        recorded = session.events.request(event.number)
        if recorded is None:
            found["why_not"] = _WHY_NOT.get(str(kept.get("unrecorded", "off")), _GONE)
            return found
        found["left_out"] = list(left_out_of(recorded))
        if event.zone_id is None and event.reason != "unknown_host":
            found["why_not"] = _FILE_SITE
            return found
        live = judge.live(session, at)
    try:
        facts, missing = judge.facts_of(recorded)
        explanation = explain_recorded(
            live.snapshot, facts, missing, at, judge.memo().client_of, trace_budget()
        )
    except Undecodable:
        found["why_not"] = _WHY_NOT[Unrecorded.UNREADABLE.value]
        return found
    explanation = explanation_shown(explanation, live.snapshot.hosts.find(facts.host), allowed)
    decision = explanation.pop("decision")
    if explanation.pop("too_much", False):
        found["why_not"] = _TOO_MUCH
    found["now"] = {**decision, "revision": live.revision, "explanation": explanation}
    if decision["verdict"] is not None:
        found["differs"] = decision["verdict"] != event.verdict
    return found
