# SPDX-License-Identifier: Apache-2.0
"""An explanation as JSON-able values: `authz check --explain`, and scripts of pages.

What is in it is policy.explanation; the trace of an expression is rules.trace_json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.certs.failure_clauses import clause_of
from authz.rules.trace_json import trace_json

if TYPE_CHECKING:
    from authz.policy.decision import Decision
    from authz.policy.explanation import (
        CertificateExplained,
        Explanation,
        HostExplained,
        RuleExplained,
    )


def explanation_json(found: Explanation) -> dict[str, Any]:
    """The decision and its reasons; what there was no site for is left out."""
    shown: dict[str, Any] = {
        "decision": _decision(found.decision),
        "host": _host(found.host),
    }
    if found.certificate is None or found.default_action is None:
        return shown
    shown["certificate"] = _certificate(found.certificate)
    shown["readings"] = None if found.path_refused else [_text(one.path) for one in found.readings]
    shown["unknown_fields"] = sorted(found.unknown_fields)
    shown["rules"] = [
        {"reading": _text(one.path), "rules": [_rule(rule) for rule in one.rules]}
        for one in found.readings
    ]
    shown["default_action"] = found.default_action.value
    return shown


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": decision.verdict.value,
        "reason": decision.reason.value,
        "action": decision.action,
        "site": decision.site,
        "rule": decision.rule,
        "logged": list(decision.logged),
        "generation": decision.generation,
        "detail": decision.detail,
    }


def _host(host: HostExplained) -> dict[str, Any]:
    shown: dict[str, Any] = {"sent": _text(host.sent), "read_as": host.read_as}
    if host.site is not None:
        shown["site"] = host.site
        shown["pattern"] = host.pattern
        shown["sni"] = host.sni
        shown["misdirected"] = host.misdirected
    return shown


def _certificate(found: CertificateExplained) -> dict[str, Any]:
    clause = clause_of(found.failure, revoked=found.revoked)
    shown: dict[str, Any] = {
        "presented": found.presented,
        "verified": found.verified,
        "revoked": found.revoked,
        "failure": found.failure.value if found.failure else None,
        "detail": found.detail,
        "clause": None if clause is None else clause.source,
    }
    certificate = found.certificate
    if certificate is not None:
        shown["subject_dn"] = certificate.subject_dn
        shown["fingerprint_sha256"] = certificate.fingerprint_sha256
        shown["serial"] = certificate.serial
        shown["not_before"] = certificate.not_before
        shown["not_after"] = certificate.not_after
    if found.verified:
        shown["authority"] = found.authority
        shown["path"] = [one.subject_dn for one in found.path]
    return shown


def _rule(rule: RuleExplained) -> dict[str, Any]:
    return {
        "rule": rule.ref,
        "action": rule.action.value,
        "expression": rule.expression,
        "matches": rule.matches,
        "reached": rule.reached,
        "outcome": rule.outcome.value,
        "trace": None if rule.traced is None else trace_json(rule.traced),
    }


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
