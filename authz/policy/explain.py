# SPDX-License-Identifier: Apache-2.0
"""The same decision with its working shown, for `authz check --explain` and the simulator.

`explain` calls `authorize` for the decision and then lists what led to it: how the host was read,
how the certificate was judged, which readings the path has, what each rule said and every part of
its expression (authz.rules.trace). It is never on the check path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from authz.policy.authorizer import authorize, is_misdirected, path_readings
from authz.policy.client import judged
from authz.policy.decision import Reason
from authz.policy.explanation import (
    CertificateExplained,
    Explanation,
    HostExplained,
    ReadingExplained,
    RuleExplained,
    RuleOutcome,
)
from authz.policy.fields import CATALOGUE, field_values
from authz.policy.hosts import normalise_host
from authz.policy.model import Action
from authz.policy.paths import target_of
from authz.policy.unknown import unknown_fields
from authz.rules.trace import trace as traced
from authz.rules.trace_cost import trace_cost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authz.policy.client import Client, ClientFunction
    from authz.policy.facts import RequestFacts
    from authz.policy.fields import FieldValues
    from authz.policy.ruleset import CompiledRule
    from authz.policy.snapshot import Site, Snapshot
    from authz.policy.values import Seed
    from authz.rules import Value
    from authz.rules.ast import Expression

#: Fields that are shown whether or not a rule reads them begin like this.
OF_CERTIFICATE: Final = "cf.tls_client_auth."
_OF_THE_CERTIFICATE: Final = tuple(
    row.field.name for row in CATALOGUE if row.field.name.startswith(OF_CERTIFICATE)
)


#: A rule does what it is there for.
_COUNT: Final = (RuleOutcome.MATCHED, RuleOutcome.COUNTED)


@dataclass(slots=True)
class TraceBudget:
    """How much may be spent on traces; rules beyond it have none.

    Args:
        work: microseconds, estimated as rules.trace_cost does.
        number: how many expressions; one that is too much counts, too: it was weighed.
    """

    work: float
    number: int

    def takes(self, expression: Expression, values: Mapping[str, Value]) -> bool:
        """Spend what tracing an expression costs at most, if it is there."""
        if self.number <= 0:
            return False
        self.number -= 1
        cost = trace_cost(expression, values)
        if cost > self.work:
            return False
        self.work -= cost
        return True


def explain(
    snapshot: Snapshot | None,
    facts: RequestFacts,
    at: float,
    client_of: ClientFunction = judged,
    seed: Seed = bytes,
    budget: TraceBudget | None = None,
) -> Explanation:
    """The decision of `authorize` and its reasons.

    Args:
        budget: of the traces; None for all of them.
    """
    # The same random bytes for the decision and for its reasons.
    seed = cache(seed)
    decision = authorize(snapshot, facts, at, client_of, seed)
    site = snapshot.hosts.find(facts.host) if snapshot else None
    if snapshot is None or site is None:
        host = HostExplained(sent=facts.host, read_as=normalise_host(facts.host), sni=facts.sni)
        return Explanation(decision=decision, host=host)
    client = client_of(facts, site.trust, at)
    target = target_of(facts.path)
    paths = path_readings(site, facts, target)
    values = field_values(facts, client, site.name, target, at, snapshot.geo, seed)
    unknown = unknown_fields(values, site.ruleset.fields)
    readings: tuple[ReadingExplained, ...] = ()
    # What would cost too much to judge costs more to explain.
    if decision.reason is not Reason.EVALUATION_BUDGET:
        readings = tuple(
            _reading(site, values.read_as(path), unknown, budget) for path in (paths or (target,))
        )
    return Explanation(
        decision=decision,
        host=_host(snapshot, site, facts),
        certificate=_certificate(client),
        readings=readings,
        path_refused=paths is None,
        paths=site.paths,
        unknown_fields=unknown,
        fields={
            name: values[name]
            for name in dict.fromkeys((*_OF_THE_CERTIFICATE, *sorted(site.ruleset.fields)))
        },
        default_action=site.default_action,
    )


def _host(snapshot: Snapshot, site: Site, facts: RequestFacts) -> HostExplained:
    other = snapshot.hosts.find(facts.sni.encode("utf-8", "surrogateescape")) if facts.sni else None
    return HostExplained(
        sent=facts.host,
        read_as=normalise_host(facts.host),
        pattern=snapshot.hosts.pattern_of(facts.host),
        site=site.name,
        sni=facts.sni,
        sni_site=None if other is None else other.name,
        misdirected=is_misdirected(snapshot, site, facts),
    )


def _certificate(client: Client) -> CertificateExplained:
    return CertificateExplained(
        presented=client.presented,
        verified=client.verified,
        revoked=client.revoked,
        failure=client.failure,
        detail=client.detail,
        certificate=client.certificate,
        authority=client.judgement.authority if client.verified else "",
        path=client.judgement.path if client.verified else (),
    )


def _reading(
    site: Site, values: FieldValues, unknown: frozenset[str], budget: TraceBudget | None
) -> ReadingExplained:
    ruling = site.rulings.of(site.ruleset.run(values, unknown))
    rules = site.ruleset.rules
    found = list(_rules(rules, unknown, values))
    # What matched is what explains the decision; then what evaluation came to, then the rest.
    for position in sorted(
        range(len(found)),
        key=lambda one: (found[one].outcome not in _COUNT, not found[one].reached),
    ):
        expression = rules[position].filter.expression
        if budget is None or budget.takes(expression, values):
            found[position] = replace(found[position], traced=traced(expression, values))
    return ReadingExplained(
        path=values.path, verdict=ruling.verdict, ended_by=ruling.rule, rules=tuple(found)
    )


def _rules(
    rules: Sequence[CompiledRule], unknown: frozenset[str], values: FieldValues
) -> Iterator[RuleExplained]:
    """What every rule says, also those that evaluation does not come to."""
    skipped: dict[int, str] = {}
    ended = False
    for position, rule in enumerate(rules):
        known = unknown.isdisjoint(rule.filter.fields)
        matches = rule.filter.matches(values) if known else None
        blocks = rule.action is Action.BLOCK
        if ended:
            outcome = RuleOutcome.NOT_REACHED
        elif position in skipped:
            outcome = RuleOutcome.SKIPPED
        elif matches is None:
            # Architecture 4.9.
            outcome = RuleOutcome.COUNTED if blocks else RuleOutcome.NOT_COUNTED
        else:
            outcome = RuleOutcome.MATCHED if matches else RuleOutcome.NOT_MATCHED
        yield RuleExplained(
            ref=rule.ref,
            action=rule.action,
            expression=rule.filter.expression.source,
            matches=matches,
            outcome=outcome,
            skipped_by="" if ended else skipped.get(position, ""),
        )
        # As Ruleset.run has it (architecture 4.8).
        if outcome in _COUNT:
            ended = blocks or rule.skips_rest
            for one in rule.skipped_rules:
                skipped.setdefault(one, rule.ref)
