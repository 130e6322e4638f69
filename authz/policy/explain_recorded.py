# SPDX-License-Identifier: Apache-2.0
"""A decision on a recorded request with its working shown: explain.py for what is not all known.

What depends on what was left out has no answer, and says what it depends on. Whoever sent the
request chose it, and whoever looks may choose the event: nothing here takes longer than a check may
take, and expressions are taken apart as far as a budget goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from authz.certs.clauses import clause_of
from authz.policy.authorizer import is_misdirected, path_readings
from authz.policy.client import judged
from authz.policy.hosts import normalise_host
from authz.policy.model import Action
from authz.policy.paths import is_plain, target_of
from authz.policy.recorded import (
    answer_of,
    cut_short,
    ends_of,
    is_too_much,
    judge,
    values_of,
)
from authz.rules.partial import UnknownMap, UnknownValueError
from authz.rules.trace import trace as traced
from authz.rules.trace_json import trace_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.policy.client import Client, ClientFunction
    from authz.policy.explain import TraceBudget
    from authz.policy.facts import RequestFacts
    from authz.policy.recorded import Judged, Missing, RecordedValues
    from authz.policy.snapshot import Site, Snapshot
    from authz.rules import Value
    from authz.rules.ast import Expression


def explain_recorded(
    snapshot: Snapshot,
    facts: RequestFacts,
    missing: Missing,
    at: float,
    client_of: ClientFunction = judged,
    budget: TraceBudget | None = None,
) -> dict[str, Any]:
    """What `judge` says of a recorded request and why, as JSON-able values.

    In `rules` is one object for each reading of the path, each with the `verdicts` that it may end
    in and the rules that may end it: a path is allowed if all of its readings are. What every rule
    says is told of the first reading and of the first that ends otherwise (`told`). There are no
    rules when evaluating them would be too much (`too_much`).

    Args:
        budget: of the traces; None for all of those two readings. `traces_left_out` is how many
            rules that evaluation comes to have none.
    """
    decision = judge(snapshot, facts, missing, at, client_of)
    found: dict[str, Any] = {
        "decision": judged_object(decision),
        "host": {"sent": text_of(facts.host), "read_as": normalise_host(facts.host)},
    }
    site = snapshot.hosts.find(facts.host)
    if site is None:
        return found
    found["host"]["site"] = site.name
    found["host"]["sni"] = facts.sni
    found["host"]["misdirected"] = is_misdirected(snapshot, site, facts)
    client = client_of(facts, site.trust, at)
    found["certificate"] = certificate_of(client)
    target = target_of(facts.path)
    paths = (target,) if is_plain(target) else path_readings(site, facts, target)
    found["readings"] = None if paths is None else [text_of(path) for path in paths]
    paths = paths or (target,)
    values = values_of(snapshot, site, client, facts, missing, at)
    cut = cut_short(site, values, missing)
    found["unknown_fields"] = sorted(cut)
    found["default_action"] = site.default_action.value
    found["too_much"] = is_too_much(site, facts, values, len(paths))
    found["rules"] = []
    found["traces_left_out"] = 0
    if found["too_much"]:
        return found
    told: list[_Told] = []
    for path in paths:
        read = values if path == target else values.read_as(path)
        ends = list(ends_of(site, read, cut, set()))
        verdicts = sorted({end.verdict.value for end in ends})
        reading: dict[str, Any] = {
            "reading": text_of(path),
            "verdicts": verdicts,
            "ended_by": sorted({end.rule for end in ends if end.rule}),
            "told": not told or (len(told) == 1 and told[0].reading["verdicts"] != verdicts),
            "rules": [],
        }
        if reading["told"]:
            reading["rules"] = rules_of(site, read, cut)
            told.append(_Told(reading, read))
        found["rules"].append(reading)
    found["traces_left_out"] = _add_traces(site, told, budget)
    return found


class _Told(NamedTuple):
    reading: dict[str, Any]
    values: RecordedValues


def _add_traces(site: Site, told: Sequence[_Told], budget: TraceBudget | None) -> int:
    """Take rules apart: what may end evaluation first, then what matches or may, then the others
    that it comes to; how many had to be left out."""
    some = [
        (position, said, one)
        for one in told
        for position, said in enumerate(one.reading["rules"])
        if said["reached"] is not False
    ]
    some.sort(
        key=lambda each: (
            each[1]["rule"] not in each[2].reading["ended_by"],
            each[1]["matches"] is False,
        )
    )
    left_out = 0
    for position, said, one in some:
        expression = site.ruleset.rules[position].filter.expression
        if budget is None or budget.takes(expression, _known(expression, one.values)):
            said["trace"] = trace_json(traced(expression, one.values))
        else:
            left_out += 1
    return left_out


def _known(expression: Expression, values: RecordedValues) -> dict[str, Value]:
    """What an expression reads, for its size: of what was left out, nothing is there to be read."""
    found: dict[str, Value] = {}
    for name in expression.fields:
        try:
            value = values[name]
        except UnknownValueError:
            value = b""
        found[name] = value.known() if isinstance(value, UnknownMap) else value
    return found


def judged_object(decision: Judged) -> dict[str, Any]:
    """What can be said of a recorded request, as JSON."""
    return {
        "verdict": None if decision.verdict is None else decision.verdict.value,
        "reason": decision.reason,
        "action": decision.action,
        "site": decision.site,
        "rule": decision.rule,
        "reads": list(decision.reads),
    }


def text_of(value: bytes) -> str:
    """Bytes of a client's for people."""
    return value.decode("utf-8", "backslashreplace")


def certificate_of(client: Client) -> dict[str, Any]:
    """How the certificate was judged, and by which clause it fails."""
    judgement = client.judgement
    found: dict[str, Any] = {
        "presented": client.presented,
        "verified": client.verified,
        "revoked": client.revoked,
        "failure": client.failure.value if client.failure else None,
        "detail": client.detail,
        "clause": None,
    }
    if client.failure is not None:
        clause = clause_of(client.failure, client.detail)
        found["clause"] = {"source": clause.source, "says": clause.says}
    if client.certificate is not None:
        found["subject_dn"] = client.certificate.subject_dn
        found["fingerprint_sha256"] = client.certificate.fingerprint_sha256
        found["serial"] = client.certificate.serial
        found["not_before"] = client.certificate.not_before
        found["not_after"] = client.certificate.not_after
    if client.verified:
        found["authority"] = judgement.authority
        found["path"] = [certificate.subject_dn for certificate in judgement.path]
    return found


def rules_of(site: Site, values: RecordedValues, unknown: frozenset[str]) -> list[dict[str, Any]]:
    """What every rule says, without traces. One that evaluation does not come to is not evaluated
    (`reached` is false, `matches` None).

    Of a recorded request, a rule whose answer depends on what was left out has what that is in
    `reads`; where it may end evaluation, `reached` of those behind it is None.
    """
    found: list[dict[str, Any]] = []
    skipped: set[int] = set()
    ended: bool | None = False
    for position, rule in enumerate(site.ruleset.rules):
        reached = False if ended or position in skipped else None if ended is None else True
        known = reached is not False and unknown.isdisjoint(rule.filter.fields)
        reads: set[str] = set()
        matches = answer_of(rule, values, reads) if known else None
        if matches is not None:
            reads.clear()
        said = {
            "rule": rule.ref,
            "action": rule.action.value,
            "expression": rule.filter.expression.source,
            "matches": matches,
            "reached": reached,
            "trace": None,
        }
        found.append(said | {"reads": sorted(reads)} if reads else said)
        if reached is False:
            continue
        if reads:
            if rule.action is Action.BLOCK or rule.skips_rest:
                ended = None
            continue
        # As Ruleset.run has it, unknown input included (architecture 4.8 and 4.9).
        if rule.action is Action.BLOCK if matches is None else matches:
            ended = rule.action is Action.BLOCK or rule.skips_rest or ended
            skipped |= rule.skipped_rules
    return found
