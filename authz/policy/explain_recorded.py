# SPDX-License-Identifier: Apache-2.0
"""A decision on a recorded request with its working shown: explain.py for what is not all known.

What depends on what was left out has no answer, and says what it depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.certs.clauses import clause_of
from authz.policy.authorizer import is_misdirected, path_readings
from authz.policy.client import judged
from authz.policy.hosts import normalise_host
from authz.policy.model import Action
from authz.policy.paths import is_plain, target_of
from authz.policy.recorded import cut_short, ends_of, judge, values_of
from authz.rules.partial import evaluate_partial
from authz.rules.trace import trace as traced
from authz.rules.trace_json import trace_json

if TYPE_CHECKING:
    from authz.policy.client import Client, ClientFunction
    from authz.policy.facts import RequestFacts
    from authz.policy.fields import FieldValues
    from authz.policy.recorded import Judged, Missing
    from authz.policy.snapshot import Site, Snapshot


def explain_recorded(
    snapshot: Snapshot,
    facts: RequestFacts,
    missing: Missing,
    at: float,
    client_of: ClientFunction = judged,
) -> dict[str, Any]:
    """What `judge` says of a recorded request and why, as JSON-able values.

    In `rules` is one object for each reading of the path, each with the `verdicts` that it may end
    in: a path is allowed if all of its readings are.
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
    values = values_of(snapshot, site, client, facts, missing, at)
    cut = cut_short(site, values, missing)
    found["unknown_fields"] = sorted(cut)
    found["rules"] = []
    for path in paths or (target,):
        read = values if path == target else values.read_as(path)
        verdicts = {end.verdict.value for end in ends_of(site, read, cut, set())}
        found["rules"].append(
            {
                "reading": text_of(path),
                "verdicts": sorted(verdicts),
                "rules": rules_of(site, read, cut),
            }
        )
    found["default_action"] = site.default_action.value
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


def rules_of(site: Site, values: FieldValues, unknown: frozenset[str]) -> list[dict[str, Any]]:
    """What every rule says, also those that evaluation does not come to (`reached` is false).

    Of a recorded request, a rule whose answer depends on what was left out has what that is in
    `reads`; where it may end evaluation, `reached` of those behind it is None.
    """
    found: list[dict[str, Any]] = []
    skipped: set[int] = set()
    ended: bool | None = False
    for position, rule in enumerate(site.ruleset.rules):
        known = unknown.isdisjoint(rule.filter.fields)
        reads: set[str] = set()
        matches = evaluate_partial(rule.filter.expression, values, reads) if known else None
        reached = False if ended or position in skipped else None if ended is None else True
        said = {
            "rule": rule.ref,
            "action": rule.action.value,
            "expression": rule.filter.expression.source,
            "matches": matches,
            "reached": reached,
            "trace": trace_json(traced(rule.filter.expression, values)),
        }
        found.append(said | {"reads": sorted(reads)} if reads else said)
        if reads:
            if reached is not False and (rule.action is Action.BLOCK or rule.skips_rest):
                ended = None
            continue
        # As Ruleset.run has it, unknown input included (architecture 4.8 and 4.9).
        if reached is not False and (rule.action is Action.BLOCK if matches is None else matches):
            ended = rule.action is Action.BLOCK or rule.skips_rest or ended
            skipped |= rule.skipped_rules
    return found
