# SPDX-License-Identifier: Apache-2.0
"""A request decided by a zone's rules, those in force or others, without anybody asking Envoy.

    simulate(store, live, zone_id, data, at=now, how=how)                 # the rules in force
    simulate(store, live, zone_id, data, at=now, how=how, draft=rules)    # others instead

The decision is that of the service that answers Envoy (explanation.py), by the policy in force
(live_policy.py). Nothing is written, nothing is fetched, and nothing of other zones is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError
from authz.extauthz.decode import Undecodable, decode
from authz.policy.explain import OF_CERTIFICATE
from authz.policy.snapshot import compile_snapshot
from authz.services.account_rules import PREFIX, kept_rules, models_in
from authz.services.allowed import ALL, Allowed, check_lists, fields_shown
from authz.services.context import zone_of
from authz.services.explanation import explain_check, trace_budget
from authz.services.judging import drafted, with_rules
from authz.services.live_policy import site_named, sites_of
from authz.services.scopes import Scope, scope_of
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authz.policy.explain import TraceBudget
    from authz.policy.explanation import Explanation, RuleExplained
    from authz.policy.geo import GeoLookup
    from authz.policy.snapshot import Snapshot
    from authz.services.explanation import CheckReading, ExplainedCheck
    from authz.services.live_policy import LivePolicy
    from authz.store.engine import Store
    from authz.store.records import Zone

    Rules = Sequence[Mapping[str, Any]]

#: Bytes of a CheckRequest: no listener sends as much without a body.
MAX_REQUEST: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleNote:
    """What people call a rule.

    Args:
        rule_id: "" for a rule that is only tried.
        of_account: whether it is the account's, and runs before the zone's.
    """

    ref: str
    rule_id: str
    description: str
    of_account: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A request decided, and why.

    Args:
        notes: the enabled rules by the name that the explanation has for them.
        disabled: those that are switched off.
        is_draft: whether other rules than those in force decided.
    """

    check: ExplainedCheck
    notes: Mapping[str, RuleNote]
    disabled: tuple[RuleNote, ...] = ()
    is_draft: bool = False


def simulate(
    store: Store,
    policy: LivePolicy,
    zone_id: str,
    data: bytes,
    *,
    at: float,
    how: CheckReading,
    geo: GeoLookup | None = None,
    draft: Rules | None = None,
    allowed: Allowed = ALL,
    budget: TraceBudget | None = None,
) -> Simulation:
    """Decide the CheckRequest `data` as of Unix time `at`.

    Args:
        draft: the zone's rules, as the API takes them; None for those in force.
        budget: how much may be spent on traces; None for as much as anybody may.

    Raises:
        NotFoundError: there is no such zone.
        InvalidInputError: the host is another zone's, or the policy file's; or it is too large.
        RulesetError: the draft could not be deployed.
        ForbiddenError: the rules read a list, and what is in it is not for whoever asks.
        AuthzError: what is in force cannot be compiled.
    """
    if len(data) > MAX_REQUEST:
        raise InvalidInputError(
            f"the CheckRequest has {len(data):,} bytes, {MAX_REQUEST:,} are possible here",
            hint="leave some of the body out",
        )
    live = policy.now(store, at, geo)
    with store.read() as session:
        zone = zone_of(session, zone_id)
        sites = sites_of(session, zone, live.model)
        ours = frozenset(one.name for one in sites)
        account = kept_rules(session, Scope(account_id=zone.account_id))
        rules: Rules = kept_rules(session, scope_of(zone))
        known = frozenset(str(one["id"]) for one in rules)
        _check_host(live.snapshot, zone, ours, data, how)
        if draft is not None:
            rules = drafted(session, scope_of(zone), draft, geo=geo, at=at)
        check_lists(session, zone.account_id, (*account, *rules), allowed)
    snapshot = live.snapshot
    if draft is not None:
        first = models_in(Scope(account_id=zone.account_id), account)
        every = (*first, *models_in(scope_of(zone), rules))
        model = with_rules(live.model, ours, every)
        snapshot = compile_snapshot(model, 0, at, geo, previous=snapshot, lint=False)
    hidden = bool(account) and not allowed.account_rules
    check = explain_check(snapshot, data, at, how, budget=budget or trace_budget())
    if check.explanation is not None:
        shown = _of_zone(check.explanation, ours)
        check = replace(check, explanation=_without_account(shown, snapshot) if hidden else shown)
    notes = [*_notes(account, PREFIX, known), *_notes(rules, "", known)]
    return Simulation(
        check=check,
        notes={one.ref: one for one, enabled in notes if enabled},
        disabled=tuple(one for one, enabled in notes if not enabled),
        is_draft=draft is not None,
    )


def _check_host(
    snapshot: Snapshot, zone: Zone, ours: frozenset[str], data: bytes, how: CheckReading
) -> None:
    """Whose rules a request meets may be another zone's, or the policy file's: not shown here."""
    try:
        site = snapshot.hosts.find(host := decode(data, how.options).host)
    except Undecodable:
        return
    if site is not None and site.name not in ours:
        raise InvalidInputError(
            f'the host "{host.decode("utf-8", "backslashreplace")}" is not one of the zone '
            f"{zone.name}",
            hint="open the simulator of its own zone, or ask authz check about a host of the "
            "policy file",
        )


def _of_zone(found: Explanation, ours: frozenset[str]) -> Explanation:
    """Without the name of another zone's site."""
    if found.host.sni_site is None or found.host.sni_site in ours:
        return found
    return replace(found, host=replace(found.host, sni_site=None))


def _without_account(found: Explanation, snapshot: Snapshot) -> Explanation:
    """Without what the account's rules ask."""
    site = site_named(snapshot, found.host.site) if found.host.site is not None else None
    read = fields_shown(site, Allowed(account_rules=False)) or frozenset()
    return replace(
        found,
        readings=tuple(
            replace(one, rules=tuple(map(_without_expression, one.rules))) for one in found.readings
        ),
        unknown_fields=found.unknown_fields & read,
        fields={
            name: value
            for name, value in found.fields.items()
            if name in read or name.startswith(OF_CERTIFICATE)
        },
    )


def _without_expression(rule: RuleExplained) -> RuleExplained:
    if not rule.ref.startswith(PREFIX):
        return rule
    return replace(rule, expression="", traced=None)


def _notes(rules: Rules, prefix: str, known: frozenset[str]) -> Iterator[tuple[RuleNote, bool]]:
    for one in rules:
        rule_id = str(one.get("id", ""))
        note = RuleNote(
            ref=prefix + ref_of(one),
            rule_id=rule_id if prefix or rule_id in known else "",
            description=str(one.get("description") or ""),
            of_account=bool(prefix),
        )
        yield note, bool(one.get("enabled", True))
