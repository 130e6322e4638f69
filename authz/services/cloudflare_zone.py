# SPDX-License-Identifier: Apache-2.0
"""One zone of Cloudflare's, in one transaction: the lists it names, whom it trusts, its rules.

(1) the zone itself and its settings, (2) the lists that its rules name, (3) the authorities that
its hosts ask for, the hosts, and what is revoked, (4) its custom rules, (5) what stays behind. The
zone's rules and the hosts of these authorities become those of Cloudflare; what else is here stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.authority import AuthorityModel
from authz.errors import CertificateError
from authz.policy.model import PolicyModel, SiteModel
from authz.policy.snapshot import compile_snapshot
from authz.services.checking import stored_lists
from authz.services.cloudflare_account import (
    lists_of,
    other_rulesets,
    take_list,
)
from authz.services.cloudflare_custom_rules import entry_point_given, surroundings_of, take_rules
from authz.services.cloudflare_report import Item, Note, Part, Verdict, item_of
from authz.services.cloudflare_trust import is_revoked
from authz.services.cloudflare_work import Work
from authz.services.cloudflare_zone_trust import import_trust
from authz.services.context import audit, facts_of, zone_of
from authz.services.loosening import loosened
from authz.services.model import hosts_of
from authz.services.namespace import normalise_zone_name
from authz.services.scopes import scope_of
from authz.services.zones import add_zone, checked_headers, checked_setting
from authz.sources.rule_json import rule_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.services.cloudflare_options import ImportOptions
    from authz.services.rulesets import RulesInForce
    from authz.sources.cloudflare_document import AccountObject, ZoneObject
    from authz.store.records import Zone
    from authz.store.session import Session

_SETTINGS = ("default_action", "paths", "misdirected", "upstream_headers")


def import_zone(
    session: Session,
    given: ZoneObject,
    account: AccountObject,
    options: ImportOptions,
    zones: Sequence[ZoneObject] = (),
) -> Part:
    """Make a zone what it is at Cloudflare, in a transaction of the caller's.

    Args:
        account: of the zone.
        zones: all that were read: which CAs the account uses.

    Raises:
        AuthzError: it cannot be applied as a whole.
    """
    work = Work(session=session, given=given, account=account, options=options)
    zone = _zone(work)
    for one in account.lists:
        if one.name in lists_of(given):
            take_list(session, one, options, work.items, work.losses, work.changes)
    import_trust(work, zone)
    _rules(work, zone, account, zones)
    items, losses = other_rulesets(given.rulesets)
    return Part(
        scope="zone",
        name=given.name,
        items=(*work.items, *items),
        losses=tuple(dict.fromkeys([*work.losses, *losses])),
        changes=tuple(work.changes),
    )


def _zone(work: Work) -> Zone:
    """(1) The zone, made when there is none, and its settings where an export has them."""
    session, given = work.session, work.given
    name = given.name if given.name == "default" else normalise_zone_name(given.name)
    if any(one.name == name for one in session.zones.all()):
        zone = zone_of(session, name)
    else:
        made = add_zone(session, name, force=True, **work.who())
        zone = made.zone
        work.losses += made.losses
        work.changes.append("the zone is made")
    notes = []
    if given.paused:
        text = "it is paused at Cloudflare: its rules do nothing there, and they do here"
        notes.append(Note(code="paused", text=text, changes=True))
    work.items.append(item_of("zone", given.name, notes))
    if given.settings is None:
        return zone
    wanted = {
        name: checked_setting(name, getattr(given.settings, name)) for name in _SETTINGS[:-1]
    } | {"upstream_headers": checked_headers(given.settings.upstream_headers)}
    changed = {name: value for name, value in wanted.items() if value != getattr(zone, name)}
    if not changed:
        return zone
    after = replace(zone, **changed, modified_at=work.options.at)  # type: ignore[arg-type]  # text for text
    session.zones.update(after)
    audit(
        session,
        "zone.change",
        of=("zone", zone.id),
        zone_id=zone.id,
        before=facts_of(zone),
        after=facts_of(after),
        **work.who(),
    )
    work.losses += loosened(zone, after, (), ())
    work.changes += [f"{name}: {value}" for name, value in changed.items()]
    return after


def _rules(work: Work, zone: Zone, account: AccountObject, zones: Sequence[ZoneObject]) -> None:
    """(4) The custom rules."""
    given = work.given
    cannot = any(
        one.kind == "client certificates" and one.verdict is Verdict.CANNOT for one in work.items
    )
    taken = take_rules(
        work.session,
        scope_of(zone),
        entry_point_given(given.rulesets, "zone"),
        work.options,
        around=surroundings_of(given, account, zones),
        unknown_revoked=sum(map(is_revoked, given.client_certificates)) if cannot else 0,
    )
    work.items += _with_findings(work, taken.items, taken.after)
    work.losses += taken.losses
    work.changes += taken.changes


def _with_findings(work: Work, items: Sequence[Item], after: RulesInForce) -> list[Item]:
    """What the engine's lint says of the rules, as notes: it is meant so at Cloudflare as well."""
    zone = after.scope.zone
    assert zone is not None, "these are rules of a zone"
    lists = stored_lists(work.session, zone.account_id, lists_of(work.given))
    model = PolicyModel(sites=_sites(work, after), lists=tuple(lists))
    try:
        found = compile_snapshot(
            model, generation=1, at=work.options.at, geo=work.options.geo
        ).findings
    except CertificateError:
        return list(items)
    notes: dict[str, dict[Note, None]] = {}
    for one in found:
        if one.rule:
            notes.setdefault(one.rule, {})[Note(code=one.code, text=one.message)] = None
    return [
        replace(item, notes=(*item.notes, *notes.get(item.name.rpartition(" (")[0], ())))
        for item in items
    ]


def _sites(work: Work, rules: RulesInForce) -> tuple[SiteModel, ...]:
    """The zone as it will be enforced: hosts that trust the same are a site."""
    session, zone = work.session, rules.scope.zone
    assert zone is not None, "these are rules of a zone"
    models = rule_models(rules.rules, rules.scope.where)
    asked: dict[str, list[str]] = {}
    for one in session.hosts.all(zone.id):
        asked.setdefault(one.hostname, []).append(one.authority_id)
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, authorities in asked.items():
        groups.setdefault(tuple(authorities), []).append(host)
    others = [host for host in hosts_of(zone) if host not in asked]
    if others:
        groups[()] = others
    return tuple(
        SiteModel(
            name=hosts[0] if authorities else zone.name,
            hosts=tuple(hosts),
            trust=tuple(
                AuthorityModel(
                    name=each,
                    certificates=tuple(one.der for one in session.authorities.certificates(each)),
                )
                for each in authorities
            ),
            rules=models,
        )
        for authorities, hosts in groups.items()
    )
