# SPDX-License-Identifier: Apache-2.0
"""One zone of Cloudflare's, in one transaction: the lists it names, whom it trusts, its rules.

(1) the zone itself and its settings, (2) the lists that its rules name, (3) the authorities that
its hosts ask for, the hosts, and what is revoked, (4) its custom rules, (5) what stays behind. The
zone's rules and the hosts of these authorities become those of Cloudflare; what else is here stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authz.certs.authority import AuthorityModel
from authz.errors import CertificateError
from authz.policy.fields import scheme_for
from authz.policy.model import PolicyModel, SiteModel
from authz.policy.snapshot import compile_snapshot
from authz.rules import compile_list
from authz.services.checking import stored_lists
from authz.services.cloudflare_account import (
    lists_of,
    other_rulesets,
    take_list,
)
from authz.services.cloudflare_report import Item, Note, Part, Verdict, item_of
from authz.services.cloudflare_rules import translate_rules
from authz.services.cloudflare_trust import MANAGED, is_revoked
from authz.services.cloudflare_work import Work
from authz.services.cloudflare_zone_trust import import_trust
from authz.services.context import audit, facts_of, zone_of
from authz.services.loosening import loosened
from authz.services.model import hosts_of
from authz.services.namespace import normalise_zone_name
from authz.services.rules import changes_between
from authz.services.rulesets import audit_rules, put_rules, rules_of
from authz.services.zones import add_zone, checked_headers, checked_setting, protected_before
from authz.sources.cloudflare_document import CUSTOM_RULES
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
    before = rules_of(session, zone)
    after = _rules(work, before, _cas_in_use(given, account, zones))
    work.losses += loosened(zone, zone, before.rules, after.rules)
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
        work.losses += protected_before(session, name)
        zone = add_zone(session, name, force=True, **work.who())
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


def _rules(work: Work, before: RulesInForce, cas: set[str]) -> RulesInForce:
    """(4) The custom rules."""
    session, options = work.session, work.options
    given = [
        rule
        for ruleset in work.given.rulesets
        if ruleset.phase == CUSTOM_RULES and ruleset.kind == "zone"
        for rule in ruleset.rules or ()
    ]
    named = lists_of(work.given)
    lists = {
        one.name: compile_list(one) for one in stored_lists(session, before.scope.account_id, named)
    }
    # An export of this service has settings, and means by its rules what they mean here.
    is_theirs = work.given.settings is None
    by_host: dict[str, set[str]] = {}
    for one in work.given.hostname_associations:
        for host in one.hostnames:
            by_host.setdefault(host, set()).add(one.mtls_certificate_id or MANAGED)
    done = translate_rules(
        given,
        scheme=scheme_for(options.geo),
        lists=lists,
        challenge=options.challenge,
        trust_narrows=is_theirs and any(trusted != cas for trusted in by_host.values()),
        hosts_ask=is_theirs and bool(by_host),
    )
    work.losses += done.losses
    work.losses += _unknown_revoked(work, done.rules)
    after = before
    if done.rules or before.rules:
        after = put_rules(session, before, done.rules, geo=options.geo, **work.who())
    work.items += _with_findings(work, done.items, after)
    if after is not before:
        audit_rules(session, "ruleset.import", before, after, **work.who())
        told = changes_between(before.rules, after.rules)
        for what, refs in (
            ("new", told.added),
            ("changed", told.changed),
            ("removed", told.removed),
        ):
            if refs:
                work.changes.append(f"rules {what}: {', '.join(refs)}")
        if told.moved:
            work.changes.append("the order of rules changes")
    return after


def _unknown_revoked(work: Work, rules: Sequence[dict[str, Any]]) -> list[str]:
    """Rules that keep out revoked certificates, where which are revoked does not come along."""
    cannot = any(
        one.kind == "client certificates" and one.verdict is Verdict.CANNOT for one in work.items
    )
    revoked = [one for one in work.given.client_certificates if is_revoked(one)]
    if not (cannot and revoked):
        return []
    return [
        f"rule {rule['ref']} knows none of {len(revoked)} revoked certificates here"
        for rule in rules
        if rule["action"] == "block"
        and rule.get("enabled") is not False
        and "cert_revoked" in rule["expression"]
        and "cert_verified" not in rule["expression"]
    ]


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


def _cas_in_use(given: ZoneObject, account: AccountObject, zones: Sequence[ZoneObject]) -> set[str]:
    """The CAs whose certificates are verified at every host of the account at Cloudflare."""
    mine = [one for one in zones if one.account.id == given.account.id] or [given]
    used = {
        each.mtls_certificate_id or MANAGED
        for one in mine
        for each in one.hostname_associations
        if each.hostnames
    }
    return used | {one.id for one in account.mtls_certificates if one.ca}
