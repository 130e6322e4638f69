# SPDX-License-Identifier: Apache-2.0
"""A policy compiled for answering checks: immutable, numbered, swapped whole.

`compile_snapshot` turns a PolicyModel into a Snapshot or says what is wrong with it; it reads no
file and no clock. One Snapshot answers one check from beginning to end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authz.certs.trust import TrustBundle, compile_trust
from authz.errors import AuthzError, PolicyError
from authz.policy.budget import Budget
from authz.policy.fields import SETTLED_FIELDS, scheme_for
from authz.policy.hosts import HostTable
from authz.policy.lint import PolicyFinding, authorities_of, lint_rules
from authz.policy.model import Action, Misdirected
from authz.policy.rule_index import index_of
from authz.policy.ruleset import CompiledRule, Ruleset
from authz.policy.rulings import Rulings
from authz.policy.unknown import UNSURE_FIELDS
from authz.rules import compile_expression, compile_list, parse

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from authz.certs.trust import AuthorityModel
    from authz.policy.decision import Decision
    from authz.policy.geo import GeoLookup
    from authz.policy.model import (
        DefaultAction,
        PathMode,
        PolicyModel,
        RuleModel,
        SiteModel,
    )
    from authz.rules import Expression, Filter, NamedList, Scheme

    DecisionKey = tuple[Hashable | None, bytes, bytes, str | None]


#: Decisions remembered by a snapshot, some 8 MB with their answers, and how many bytes of host,
#: path and SNI are worth it.
MAX_DECIDED: Final = 16_384
MAX_DECIDED_KEY: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """A host resolved: whom it trusts, what it asks and what it answers."""

    name: str
    trust: TrustBundle
    ruleset: Ruleset
    budget: Budget
    default_action: DefaultAction
    paths: PathMode
    misdirected: Misdirected
    rulings: Rulings
    #: Whether a rule reads what may have been cut short on its way.
    may_be_unknown: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """Everything a check needs. `created_at` is Unix seconds; `sites` in the policy's order.

    `geo` answers for the fields of places, None when no GeoIP database is configured.
    """

    generation: int
    created_at: float
    hosts: HostTable[Site]
    sites: tuple[Site, ...]
    findings: tuple[PolicyFinding, ...]
    rulings: Rulings
    geo: GeoLookup | None = None
    #: Whether a request may reach a site over the TLS of one with different trust.
    sni_matters: bool = False
    #: What `remember` was told, by credential, host, path and, where it matters, SNI.
    decided: dict[DecisionKey, Decision] = field(default_factory=dict)

    def remember(self, key: DecisionKey, decision: Decision) -> None:
        """Keep a decision that follows from its key."""
        _, host, path, sni = key
        if len(path) + len(host) + len(sni or "") > MAX_DECIDED_KEY:
            return
        if len(self.decided) >= MAX_DECIDED:
            # The client chooses paths; clearing is rare, and cheaper than an order on every hit.
            self.decided.clear()
        self.decided[key] = decision

    def crl_next_updates(self) -> dict[tuple[str, str], float]:
        """Earliest nextUpdate (Unix seconds) of each authority with CRLs, by (site, authority)."""
        return {
            (site.name, authority): next_update
            for site in self.sites
            for authority, next_update in site.trust.crl_next_updates().items()
        }


def compile_snapshot(
    model: PolicyModel, generation: int, at: float, geo: GeoLookup | None = None
) -> Snapshot:
    """Compile `model` as generation number `generation`, at Unix time `at`.

    A rule that asks for places is refused where `geo` cannot answer.

    Raises:
        PolicyError: no sites, two sites for one host, a rule without effect, a bad list.
        ExpressionError: an expression that cannot be used.
        CertificateError: a certificate or CRL that cannot be used.
    """
    if not model.sites:
        raise PolicyError("the policy has no sites", hint='add one with hosts: ["*"]')
    scheme = scheme_for(geo)
    lists = {item.name: compile_list(item) for item in model.lists}
    bundles: dict[tuple[AuthorityModel, ...], TrustBundle] = {}
    for site_model in model.sites:
        if site_model.trust not in bundles:
            bundles[site_model.trust] = compile_trust(site_model.trust)
    several = len({bundle.digest for bundle in bundles.values()}) > 1
    hosts: HostTable[Site] = HostTable()
    sites: list[Site] = []
    findings: list[PolicyFinding] = []
    for site_model in model.sites:
        bundle = bundles[site_model.trust]
        ruleset, parsed = _compile_rules(site_model, scheme, lists)
        findings += lint_rules(parsed, authorities_of(bundle))
        findings += [
            PolicyFinding(where=note.where, code="trust", message=note.message)
            for note in bundle.notes
        ]
        budget = Budget(rule.filter for rule in ruleset.rules)
        settled_size = budget.ample if ruleset.fields <= SETTLED_FIELDS else -1
        site = Site(
            name=site_model.name,
            trust=bundle,
            ruleset=ruleset,
            budget=budget,
            default_action=site_model.default_action,
            paths=site_model.paths,
            misdirected=site_model.misdirected,
            rulings=Rulings(
                site=site_model.name,
                generation=generation,
                default_action=site_model.default_action,
                upstream_headers=frozenset(kind.value for kind in site_model.upstream_headers),
                outcomes=ruleset.outcomes,
                settled_size=settled_size,
            ),
            may_be_unknown=not ruleset.fields.isdisjoint(UNSURE_FIELDS),
        )
        for host in site_model.hosts:
            hosts.add(host, site, where=site_model.where)
        sites.append(site)
    return Snapshot(
        generation=generation,
        created_at=at,
        hosts=hosts,
        sites=tuple(sites),
        findings=tuple(findings),
        rulings=Rulings(generation=generation),
        geo=geo,
        sni_matters=several
        and any(one.misdirected is Misdirected.ANSWER_421 for one in model.sites),
    )


def _compile_rules(
    site: SiteModel, scheme: Scheme, lists: Mapping[str, NamedList]
) -> tuple[Ruleset, list[tuple[RuleModel, Expression]]]:
    enabled = [rule for rule in site.rules if rule.enabled]
    positions = {rule.ref: position for position, rule in enumerate(enabled)}
    known = {rule.ref for rule in site.rules}
    compiled: list[CompiledRule] = []
    parsed: list[tuple[RuleModel, Expression]] = []
    for rule in site.rules:
        # A disabled rule must be right as well: it is one click from being enabled.
        try:
            expression = parse(rule.expression, scheme, lists)
        except AuthzError as error:
            error.where = error.where or rule.expression_where or rule.where
            raise
        if not rule.enabled:
            continue
        parsed.append((rule, expression))
        compiled.append(_compile_rule(rule, compile_expression(expression), positions, known))
    fields = frozenset[str]().union(*(rule.filter.fields for rule in compiled))
    index = index_of([expression for _, expression in parsed])
    return Ruleset(tuple(compiled), fields, index), parsed


def _compile_rule(
    rule: RuleModel, compiled: Filter, positions: Mapping[str, int], known: set[str]
) -> CompiledRule:
    skip = rule.skip
    if rule.action is not Action.SKIP:
        return CompiledRule(
            ref=rule.ref, action=rule.action, filter=compiled, response=rule.response
        )
    if skip is None or not (skip.current or skip.rules or skip.without_effect):
        raise PolicyError(
            f'rule "{rule.ref}" skips nothing',
            where=rule.where,
            hint="add action_parameters: {ruleset: current}, {phase: current} or {rules: {…}}",
        )
    missing = [ref for ref in skip.rules if ref not in known]
    if missing:
        raise PolicyError(
            f'rule "{rule.ref}" skips "{missing[0]}", which is no rule of this site',
            where=rule.where,
            hint="name the ref of a rule of the same site",
        )
    return CompiledRule(
        ref=rule.ref,
        action=rule.action,
        filter=compiled,
        skips_rest=skip.current,
        # A rule that is disabled has no position: there is nothing to leave out.
        skipped_rules=frozenset(positions[ref] for ref in skip.rules if ref in positions),
    )
