# SPDX-License-Identifier: Apache-2.0
"""A policy compiled for answering checks: immutable, numbered, swapped whole.

`compile_snapshot` turns a PolicyModel into a Snapshot or says what is wrong with it; it reads no
file and no clock. One Snapshot answers one check from beginning to end. What did not change since
the snapshot before is taken from there (policy.parts).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError, PolicyError
from authz.policy.budget import Budget
from authz.policy.fields import SETTLED_FIELDS, scheme_for
from authz.policy.hosts import HostTable
from authz.policy.lint import PolicyFinding, authorities_of, lint_rules
from authz.policy.lint_here import Places
from authz.policy.model import Action, Misdirected
from authz.policy.parts import CompiledExpression, Parts, SiteRules
from authz.policy.rule_index import index_by
from authz.policy.ruleset import CompiledRule, Ruleset
from authz.policy.rulings import Rulings
from authz.policy.unknown import UNSURE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authz.certs.trust import TrustBundle
    from authz.policy.decision import Decision
    from authz.policy.geo import GeoLookup
    from authz.policy.model import (
        DefaultAction,
        PathMode,
        PolicyModel,
        RuleModel,
        SiteModel,
    )
    from authz.rules import Filter, NamedList
    from authz.rules.lint import KnownAuthority

    DecisionKey = tuple[bytes, bytes, bytes, bytes]


#: Decisions remembered by a snapshot, some 4 MB, and how many bytes of host, path and TLS session
#: are worth it.
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

    `geo` answers for the fields of places, None when no GeoIP database is configured; `parts` are
    for the next snapshot.
    """

    generation: int
    created_at: float
    hosts: HostTable[Site]
    sites: tuple[Site, ...]
    findings: tuple[PolicyFinding, ...]
    rulings: Rulings
    parts: Parts
    geo: GeoLookup | None = None
    #: Whether a request may reach a site over the TLS of one with different trust.
    sni_matters: bool = False
    #: What `remember` was told, by what the decisions follow from (extauthz.service).
    decided: dict[DecisionKey, Decision] = field(default_factory=dict)

    def remember(self, key: DecisionKey, decision: Decision) -> None:
        """Keep a decision that follows from its key: certificate, host, path, TLS session."""
        _, host, path, tls = key
        if len(path) + len(host) + len(tls) > MAX_DECIDED_KEY:
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

    def anchor_ends(self) -> dict[str, float]:
        """When the first anchor of each authority expires (Unix seconds), by its name alone.

        Sites that trust the same share a bundle, and there may be a hundred thousand of them; of
        authorities that only share a name the first one to expire counts.
        """
        ends: dict[str, float] = {}
        for trust in {id(site.trust): site.trust for site in self.sites}.values():
            for name, end in trust.anchor_ends().items():
                ends[name] = min(end, ends.get(name, end))
        return ends


def compile_snapshot(
    model: PolicyModel,
    generation: int,
    at: float,
    geo: GeoLookup | None = None,
    *,
    previous: Snapshot | None = None,
    lint: bool = True,
) -> Snapshot:
    """Compile `model` as generation number `generation`, at Unix time `at`.

    A rule that asks for places is refused where `geo` cannot answer.

    Args:
        previous: where parts that did not change are taken from.
        lint: whether to look for findings; whoever answers checks leaves that to others.

    Raises:
        PolicyError: no sites, two sites for one host, a rule without effect, a bad list.
        ExpressionError: an expression that cannot be used.
        CertificateError: a certificate or CRL that cannot be used.
    """
    if not model.sites:
        raise PolicyError("the policy has no sites", hint='add one with hosts: ["*"]')
    parts = Parts(scheme_for(geo), None if previous is None else previous.parts)
    lists: dict[str, dict[str, NamedList]] = {}
    for item in model.lists:
        lists.setdefault(item.scope, {})[item.name] = parts.named_list(item)
    bundles = [parts.bundle(site.trust, placed=lint) for site in model.sites]
    several = len({bundle.digest for bundle in bundles}) > 1
    hosts: HostTable[Site] = HostTable()
    sites: list[Site] = []
    rules: list[SiteRules] = []
    for site_model, bundle in zip(model.sites, bundles, strict=True):
        compiled = _compile_rules(site_model, parts, lists.get(site_model.scope, {}))
        rules.append(compiled)
        site = _site(site_model, compiled, bundle, generation)
        for host in site_model.hosts:
            hosts.add(host, site, where=site_model.where)
        sites.append(site)
    parts.finish()
    return Snapshot(
        generation=generation,
        created_at=at,
        hosts=hosts,
        sites=tuple(sites),
        findings=tuple(_findings(model, rules, bundles, hosts)) if lint else (),
        rulings=Rulings(generation=generation),
        parts=parts,
        geo=geo,
        sni_matters=several
        and any(one.misdirected is Misdirected.ANSWER_421 for one in model.sites),
    )


def _site(model: SiteModel, compiled: SiteRules, bundle: TrustBundle, generation: int) -> Site:
    ruleset, budget = compiled.ruleset, compiled.budget
    return Site(
        name=model.name,
        trust=bundle,
        ruleset=ruleset,
        budget=budget,
        default_action=model.default_action,
        paths=model.paths,
        misdirected=model.misdirected,
        rulings=Rulings(
            site=model.name,
            generation=generation,
            default_action=model.default_action,
            upstream_headers=frozenset(kind.value for kind in model.upstream_headers),
            settled_size=budget.ample if ruleset.fields <= SETTLED_FIELDS else -1,
        ),
        may_be_unknown=not ruleset.fields.isdisjoint(UNSURE_FIELDS),
    )


def _findings(
    model: PolicyModel,
    rules: Sequence[SiteRules],
    bundles: Sequence[TrustBundle],
    hosts: HostTable[Site],
) -> Iterator[PolicyFinding]:
    def site_of(host: str) -> str | None:
        site = hosts.find(host.encode())
        return None if site is None else site.name

    once = {id(one): one for one in rules}.values()
    expressions = (one.filter.expression for some in once for one in some.expressions)
    places = Places(model, bundles, site_of, expressions)
    linted: dict[tuple[int, Sequence[KnownAuthority], DefaultAction], list[PolicyFinding]] = {}
    for site, compiled, bundle in zip(model.sites, rules, bundles, strict=True):
        # Sites that share their rules are many, and what there is to say is the same.
        authorities = authorities_of(bundle)
        key = id(site.rules), authorities, site.default_action
        if key not in linted:
            enabled = [
                (rule, one.filter.expression)
                for rule, one in zip(site.rules, compiled.expressions, strict=True)
                if rule.enabled
            ]
            linted[key] = list(lint_rules(enabled, authorities, site.default_action, places))
        yield from linted[key]
        for note in bundle.notes:
            yield PolicyFinding(where=note.where, code="trust", message=note.message)


def _compile_rules(site: SiteModel, parts: Parts, lists: Mapping[str, NamedList]) -> SiteRules:
    def expression_of(rule: RuleModel) -> CompiledExpression:
        # A disabled rule must be right as well: it is one click from being enabled.
        try:
            return parts.expression(rule.expression, lists)
        except AuthzError as error:
            error.where = error.where or rule.expression_where or rule.where
            raise

    return parts.rules(site.rules, expression_of, partial(_site_rules, site.rules))


def _site_rules(
    rules: Sequence[RuleModel], expressions: tuple[CompiledExpression, ...]
) -> SiteRules:
    enabled = [(rule, one) for rule, one in zip(rules, expressions, strict=True) if rule.enabled]
    positions = {rule.ref: position for position, (rule, _) in enumerate(enabled)}
    known = {rule.ref for rule in rules}
    compiled = tuple(_compile_rule(rule, one.filter, positions, known) for rule, one in enabled)
    fields = frozenset[str]().union(*(rule.filter.fields for rule in compiled))
    return SiteRules(
        expressions=expressions,
        ruleset=Ruleset(compiled, fields, index_by([one.needed for _, one in enabled])),
        budget=Budget(rule.filter for rule in compiled),
    )


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
