# SPDX-License-Identifier: Apache-2.0
"""The decision: one snapshot, one request, one answer.

`authorize` does no I/O, reads no clock and keeps nothing: the time is an argument, judging
certificates and drawing random bytes are functions. Its four steps are numbered as in architecture
section 3; what ends a check outright is architecture 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.presented import CertificateSource
from authz.policy.client import judged
from authz.policy.decision import UNJUDGED, Decision, Reason, Ruling, Verdict
from authz.policy.fields import PATH_FIELDS, field_values
from authz.policy.model import Misdirected, PathMode
from authz.policy.paths import is_plain, readings, target_of
from authz.policy.unknown import unknown_fields

if TYPE_CHECKING:
    from authz.policy.client import Client, ClientFunction
    from authz.policy.facts import RequestFacts
    from authz.policy.snapshot import Site, Snapshot
    from authz.policy.values import Seed

_NO_SNAPSHOT = Ruling(verdict=Verdict.DENY, reason=Reason.NO_SNAPSHOT)
_NONE: frozenset[str] = frozenset()
_ONE_READING: tuple[bytes, ...] = ()


def authorize(
    snapshot: Snapshot | None,
    facts: RequestFacts,
    at: float,
    client_of: ClientFunction = judged,
    seed: Seed = bytes,
) -> Decision:
    """Decide one request at Unix time `at`. Never allows by default: every path names a verdict.

    `seed` gives the check's random bytes, should a rule read them.
    """
    if snapshot is None:
        return Decision(_NO_SNAPSHOT, UNJUDGED[facts.credential is not None])

    # (1) Which site is this host? Unknown, or reached over another site's TLS: no answer from us.
    site = snapshot.hosts.find(facts.host)
    if site is None:
        return Decision(
            snapshot.rulings.refusal(Reason.UNKNOWN_HOST), UNJUDGED[facts.credential is not None]
        )
    if snapshot.sni_matters and is_misdirected(snapshot, site, facts):
        return Decision(
            site.rulings.refusal(Reason.MISDIRECTED), UNJUDGED[facts.credential is not None]
        )

    # (2) Who is the client? Certificate trouble is a fact for the rules, never a denial by itself.
    client = client_of(facts, site.trust, at)

    return _by_rules(snapshot, site, client, facts, at, seed)


def _by_rules(
    snapshot: Snapshot,
    site: Site,
    client: Client,
    facts: RequestFacts,
    at: float,
    seed: Seed,
) -> Decision:
    rulings = site.rulings

    # (3) What do the rules see?  One set of values for each reading of the path.
    target = target_of(facts.path)
    paths = _ONE_READING if is_plain(target) else path_readings(site, facts, target)
    if paths is None:
        return Decision(
            rulings.refusal(Reason.AMBIGUOUS_PATH),
            client.standing,
            client,
            "more readings than judged",
        )
    values = field_values(facts, client, site.name, target, at, snapshot.geo, seed)
    count = len(paths) or 1
    if (count > 1 or facts.size > site.budget.ample) and site.budget.exceeded(facts, values, count):
        return Decision(rulings.refusal(Reason.EVALUATION_BUDGET), client.standing, client)
    ruleset = site.ruleset
    unknown = unknown_fields(values, ruleset.fields) if site.may_be_unknown else _NONE

    # (4) The first terminating rule decides; every other reading has to agree.
    outcome = ruleset.run(values, unknown)
    ruling = rulings.of(outcome)
    if count > 1 and ruling.verdict is Verdict.ALLOW:
        for reading in paths[1:]:
            other = rulings.of(ruleset.run(values.read_as(reading), unknown))
            if other.verdict is not Verdict.ALLOW:
                return Decision(
                    rulings.refusal(Reason.AMBIGUOUS_PATH, other.rule),
                    client.standing,
                    client,
                    f'read as "{reading.decode("ascii", "backslashreplace")}" it is blocked',
                )
    if outcome.unknown_input:
        return Decision(ruling, client.standing, client, _UNKNOWN_INPUT)
    return client.decision(ruling)


_UNKNOWN_INPUT = "the rule reads a body or headers that were cut short or are ambiguous"


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
