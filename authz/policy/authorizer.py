# SPDX-License-Identifier: Apache-2.0
"""The decision: one snapshot, one request, one answer.

`authorize` does no I/O, reads no clock and keeps nothing: the time is an argument, judging
certificates and drawing random bytes are functions. Its four steps are numbered as in architecture
section 3; what ends a check outright is architecture 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.judgement import judge as judge_certificate
from authz.certs.presented import CertificateSource
from authz.policy.client import Client, JudgeFunction, identify
from authz.policy.decision import Decision, Reason, Verdict
from authz.policy.fields import PATH_FIELDS, FieldValues
from authz.policy.model import DefaultAction, Misdirected, PathMode
from authz.policy.paths import readings
from authz.policy.unknown import unknown_fields

if TYPE_CHECKING:
    from authz.policy.facts import RequestFacts
    from authz.policy.ruleset import Outcome
    from authz.policy.snapshot import Site, Snapshot
    from authz.policy.values import Seed


def authorize(
    snapshot: Snapshot | None,
    facts: RequestFacts,
    at: float,
    judge: JudgeFunction = judge_certificate,
    seed: Seed = bytes,
) -> Decision:
    """Decide one request at Unix time `at`. Never allows by default: every path names a verdict.

    `seed` gives the check's random bytes, should a rule read them.
    """
    if snapshot is None:
        return Decision(
            verdict=Verdict.DENY,
            reason=Reason.NO_SNAPSHOT,
            anonymous=facts.presented.is_absent,
        )

    # (1) Which site is this host? Unknown, or reached over another site's TLS: no answer from us.
    site = snapshot.hosts.find(facts.host)
    if site is None:
        return _deny(snapshot, facts, "", Reason.UNKNOWN_HOST)
    if is_misdirected(snapshot, site, facts):
        return _deny(snapshot, facts, site.name, Reason.MISDIRECTED)

    # (2) Who is the client? Certificate trouble is a fact for the rules, never a denial by itself.
    client = identify(facts.presented, site.trust, at, judge)

    # (3) What do the rules see?  One set of values for each reading of the path.
    target = facts.path.partition(b"?")[0]
    paths = path_readings(site, facts, target)
    if paths is None:
        return _deny(
            snapshot, facts, site.name, Reason.AMBIGUOUS_PATH, client, "more readings than judged"
        )
    values = FieldValues(facts, client, site.name, target, at, snapshot.geo, seed)
    if site.budget.exceeded(facts, values, len(paths)):
        return _deny(snapshot, facts, site.name, Reason.EVALUATION_BUDGET, client)
    unknown = unknown_fields(values, site.ruleset.fields)

    # (4) The first terminating rule decides; every other reading has to agree.
    decision = _decide(snapshot, site, client, site.ruleset.run(values, unknown))
    if len(paths) > 1 and decision.verdict is Verdict.ALLOW:
        for path in paths[1:]:
            other = site.ruleset.run(values.read_as(path), unknown)
            if _decide(snapshot, site, client, other).verdict is not Verdict.ALLOW:
                rule = other.rule.ref if other.rule else ""
                return _deny(
                    snapshot,
                    facts,
                    site.name,
                    Reason.AMBIGUOUS_PATH,
                    client,
                    f'read as "{path.decode("ascii", "backslashreplace")}" it is blocked',
                    rule,
                )
    return decision


def is_misdirected(snapshot: Snapshot, site: Site, facts: RequestFacts) -> bool:
    """True when SNI and Host belong to sites with different trust (architecture 4.10).

    Only when the certificate comes from this Envoy: with XFCC the SNI is that of the hop between
    two proxies.
    """
    if (
        site.misdirected is not Misdirected.ANSWER_421
        or not facts.sni
        or facts.presented.source is not CertificateSource.ENVOY
    ):
        return False
    other = snapshot.hosts.find(facts.sni.encode("utf-8", "surrogateescape"))
    return other is not None and other.trust.digest != site.trust.digest


def path_readings(site: Site, facts: RequestFacts, target: bytes) -> tuple[bytes, ...] | None:
    """The readings of `target` that have to agree at `site`; None when the path is refused."""
    if site.paths is PathMode.AS_SENT:
        return (target,)
    if not target.startswith(b"/"):
        # RFC 9112 3.2: asterisk-form is for OPTIONS, and only CONNECT has no path.
        ordinary = (target == b"*" and facts.method == b"OPTIONS") or (
            not target and facts.method == b"CONNECT"
        )
        return (target,) if ordinary else None
    if site.paths is PathMode.COMPARE and site.ruleset.fields.isdisjoint(PATH_FIELDS):
        return (target,)
    found = readings(target)
    if found is not None and len(found) > 1 and site.paths is PathMode.REFUSE:
        return None
    return found


def _decide(snapshot: Snapshot, site: Site, client: Client, outcome: Outcome) -> Decision:
    rule = outcome.rule
    if rule is None:
        allowed = site.default_action is DefaultAction.ALLOW
        return Decision(
            verdict=Verdict.ALLOW if allowed else Verdict.DENY,
            reason=Reason.DEFAULT_ACTION,
            site=site.name,
            action=site.default_action.value,
            logged=outcome.logged,
            generation=snapshot.generation,
            client=client,
            anonymous=not client.presented,
            upstream_headers=site.upstream_headers,
        )
    # A rule that ends evaluation either blocks or skips the rest; skipping the rest skips
    # default_action too, or `default_action: block` could never let anybody in.
    return Decision(
        verdict=Verdict.ALLOW if rule.skips_rest else Verdict.DENY,
        reason=Reason.RULE,
        site=site.name,
        action=rule.action.value,
        rule=rule.ref,
        logged=outcome.logged,
        generation=snapshot.generation,
        response=rule.response,
        client=client,
        anonymous=not client.presented,
        upstream_headers=site.upstream_headers,
        detail="the rule reads a body or headers that were cut short or are ambiguous"
        if outcome.unknown_input
        else "",
    )


def _deny(
    snapshot: Snapshot,
    facts: RequestFacts,
    site: str,
    reason: Reason,
    client: Client | None = None,
    detail: str = "",
    rule: str = "",
) -> Decision:
    return Decision(
        verdict=Verdict.DENY,
        reason=reason,
        site=site,
        rule=rule,
        generation=snapshot.generation,
        client=client,
        anonymous=facts.presented.is_absent,
        detail=detail,
    )
