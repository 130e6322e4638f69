# SPDX-License-Identifier: Apache-2.0
"""The same decision with its working shown, for `authz check --explain`.

`explain` calls `authorize` for the decision and then lists what led to it: how the host was read,
how the certificate was judged, which readings the path has, what each rule said. It is never on
the check path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.policy.authorizer import authorize, is_misdirected, path_readings
from authz.policy.client import judged
from authz.policy.fields import field_values
from authz.policy.hosts import normalise_host
from authz.policy.unknown import unknown_fields

if TYPE_CHECKING:
    from authz.policy.client import Client, PeerFunction
    from authz.policy.facts import RequestFacts
    from authz.policy.fields import FieldValues
    from authz.policy.snapshot import Site, Snapshot


def explain(
    snapshot: Snapshot | None,
    facts: RequestFacts,
    at: float,
    peer_of: PeerFunction = judged,
) -> dict[str, Any]:
    """The decision of `authorize` and its reasons, as JSON-able values."""
    decision = authorize(snapshot, facts, at, peer_of)
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
        "host": {"sent": _text(facts.host), "read_as": normalise_host(facts.host)},
    }
    site = snapshot.hosts.find(facts.host) if snapshot else None
    if snapshot is None or site is None:
        return trace
    trace["host"]["site"] = site.name
    trace["host"]["sni"] = facts.sni
    trace["host"]["misdirected"] = is_misdirected(snapshot, site, facts)
    client = peer_of(facts, site.trust, at).client(site.trust, at)
    trace["certificate"] = _certificate(client)
    target = facts.path.partition(b"?")[0]
    paths = path_readings(site, facts, target)
    trace["readings"] = None if paths is None else [_text(path) for path in paths]
    values = field_values(facts, client, site.name, target, at, snapshot.geo)
    unknown = unknown_fields(values, site.ruleset.fields)
    trace["unknown_fields"] = sorted(unknown)
    trace["rules"] = [
        {"reading": _text(path), "rules": _rules(site, values.read_as(path), unknown)}
        for path in (paths or (target,))
    ]
    trace["default_action"] = site.default_action.value
    return trace


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _certificate(client: Client) -> dict[str, Any]:
    judgement = client.judgement
    found: dict[str, Any] = {
        "presented": client.presented,
        "verified": client.verified,
        "revoked": client.revoked,
        "failure": client.failure.value if client.failure else None,
        "detail": client.detail,
    }
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


def _rules(site: Site, values: FieldValues, unknown: frozenset[str]) -> list[dict[str, Any]]:
    return [
        {
            "rule": rule.ref,
            "action": rule.action.value,
            "expression": rule.filter.expression.source,
            "matches": None
            if not unknown.isdisjoint(rule.filter.fields)
            else rule.filter.matches(values),
        }
        for rule in site.ruleset.rules
    ]
