# SPDX-License-Identifier: Apache-2.0
"""The same decision with its working shown, for `authz check --explain`.

`explain` calls `authorize` for the decision and then lists what led to it: how the host was read,
how the certificate was judged, which readings the path has, what each rule said and every part of
its expression (authz.rules.trace). It is never on the check path.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from authz.certs.clauses import clause_of
from authz.policy.authorizer import authorize, is_misdirected, path_readings
from authz.policy.client import judged
from authz.policy.fields import field_values
from authz.policy.hosts import normalise_host
from authz.policy.model import Action
from authz.policy.unknown import unknown_fields
from authz.rules.partial import evaluate_partial
from authz.rules.trace import trace as traced
from authz.rules.trace_json import trace_json

if TYPE_CHECKING:
    from authz.policy.client import Client, ClientFunction
    from authz.policy.facts import RequestFacts
    from authz.policy.fields import FieldValues
    from authz.policy.snapshot import Site, Snapshot
    from authz.policy.values import Seed


def explain(
    snapshot: Snapshot | None,
    facts: RequestFacts,
    at: float,
    client_of: ClientFunction = judged,
    seed: Seed = bytes,
) -> dict[str, Any]:
    """The decision of `authorize` and its reasons, as JSON-able values."""
    # The same random bytes for the decision and for its reasons.
    seed = cache(seed)
    decision = authorize(snapshot, facts, at, client_of, seed)
    trace: dict[str, Any] = {
        "decision": {
            "verdict": decision.verdict.value,
            "reason": decision.reason.value,
            "action": decision.action,
            "site": decision.site,
            "rule": decision.rule,
            "logged": list(decision.logged),
            "generation": decision.generation,
            "detail": decision.detail,
        },
        "host": {"sent": text_of(facts.host), "read_as": normalise_host(facts.host)},
    }
    site = snapshot.hosts.find(facts.host) if snapshot else None
    if snapshot is None or site is None:
        return trace
    trace["host"]["site"] = site.name
    trace["host"]["sni"] = facts.sni
    trace["host"]["misdirected"] = is_misdirected(snapshot, site, facts)
    client = client_of(facts, site.trust, at)
    trace["certificate"] = certificate_of(client)
    target = facts.path.partition(b"?")[0]
    paths = path_readings(site, facts, target)
    trace["readings"] = None if paths is None else [text_of(path) for path in paths]
    values = field_values(facts, client, site.name, target, at, snapshot.geo, seed)
    unknown = unknown_fields(values, site.ruleset.fields)
    trace["unknown_fields"] = sorted(unknown)
    trace["rules"] = [
        {"reading": text_of(path), "rules": rules_of(site, values.read_as(path), unknown)}
        for path in (paths or (target,))
    ]
    trace["default_action"] = site.default_action.value
    return trace


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
