# SPDX-License-Identifier: Apache-2.0
"""One zone of Cloudflare's, in one transaction: the lists it names, whom it trusts, its rules.

(1) the zone itself and its settings, (2) the lists that its rules name, (3) the authorities that
its hosts ask for, the hosts, and what is revoked, (4) its custom rules, (5) what stays behind. The
zone's rules and the hosts of these authorities become those of Cloudflare; what else is here stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from authz.certs.authority import AuthorityModel
from authz.errors import CertificateError, InvalidInputError
from authz.policy.fields import scheme_for
from authz.policy.model import PolicyModel, SiteModel
from authz.policy.snapshot import compile_snapshot
from authz.rules import compile_list
from authz.services.checking import stored_lists
from authz.services.cloudflare_account import (
    lists_of,
    other_rulesets,
    take_authority,
    take_list,
)
from authz.services.cloudflare_report import Item, Note, Part, Verdict, item_of
from authz.services.cloudflare_rules import translate_rules
from authz.services.cloudflare_trust import (
    MANAGED,
    clients_item,
    find_authority,
    hostnames_of,
    managed_of,
    put_authority,
    put_serials,
    revoked_serials,
    still_valid,
    wanted_of,
)
from authz.services.context import audit, facts_of, zone_of
from authz.services.hosts import put_hosts
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
    from authz.services.cloudflare_trust import Wanted
    from authz.services.rulesets import ZoneRules
    from authz.sources.cloudflare_document import AccountObject, ZoneObject
    from authz.store.records import Authority, Zone
    from authz.store.session import Session

_SETTINGS = ("default_action", "paths", "misdirected", "upstream_headers")


@dataclass(kw_only=True)
class _Work:
    """What the steps of one zone hand on, and what they find."""

    session: Session
    given: ZoneObject
    account: AccountObject
    options: ImportOptions
    items: list[Item] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    authorities: list[Authority] = field(default_factory=list)

    def who(self) -> dict[str, Any]:
        return {"actor": self.options.actor, "at": self.options.at}


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
    work = _Work(session=session, given=given, account=account, options=options)
    zone = _zone(work)
    for one in account.lists:
        if one.name in lists_of(given):
            take_list(session, one, options, work.items, work.losses, work.changes)
    _trust(work, zone)
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


def _zone(work: _Work) -> Zone:
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


def _trust(work: _Work, zone: Zone) -> None:
    """(3) Authorities, the hosts that ask for them, and what is revoked."""
    given, session, options = work.given, work.session, work.options
    asked: dict[str, list[str]] = {}
    for one in given.hostname_associations:
        asked.setdefault(one.mtls_certificate_id or MANAGED, []).extend(one.hostnames)
    hosts: dict[str, list[str]] = {}
    for certificate in work.account.mtls_certificates:
        if certificate.id in asked:
            authority = take_authority(session, certificate, options, work.items, work.changes)
            names = asked.pop(certificate.id)
        else:
            wanted, _ = wanted_of(certificate, options.at)
            authority = None if wanted is None else find_authority(session, wanted)
            names = []
        if authority is None:
            _not_trusted(work, names, certificate.name or certificate.id)
            continue
        hosts.setdefault(authority.id, []).extend(names)
        work.authorities.append(authority)
        serials = revoked_serials(given, [certificate.id])
        _changed(work, put_serials(session, authority, serials, **work.who()))
    managed = _managed(work, asked.pop(MANAGED, []), hosts)
    item = clients_item(given, managed)
    work.items += [item] if item is not None else []
    for unknown, names in asked.items():
        _not_trusted(work, names, f"{unknown}, which was not read")
    for authority in {one.id: one for one in work.authorities}.values():
        _hosts(work, zone, authority, hosts.get(authority.id, []))


def _managed(work: _Work, names: list[str], hosts: dict[str, list[str]]) -> Wanted | None:
    """The managed CA and its hosts; None when its certificate is not known."""
    given, session = work.given, work.session
    ours = {one.id for one in work.account.mtls_certificates}
    clients = [
        one
        for one in given.client_certificates
        if one.certificate_authority is None or one.certificate_authority.id not in ours
    ]
    if not names and not clients:
        return None
    wanted = managed_of(work.options.managed_ca, clients, work.options.at)
    if wanted is None:
        _not_trusted(work, names, "Cloudflare's managed CA")
        return None
    authority, uploaded = put_authority(session, wanted, **work.who())
    _changed(work, uploaded)
    work.items.append(item_of("authority", wanted.name))
    work.authorities.append(authority)
    hosts.setdefault(authority.id, []).extend(names)
    own = given.model_copy(update={"client_certificates": clients})
    serials = revoked_serials(own, [None])
    _changed(work, put_serials(session, authority, serials, **work.who()))
    return wanted


def _hosts(work: _Work, zone: Zone, authority: Authority, asked: Sequence[str]) -> None:
    """The hosts of one authority, those of Cloudflare in their order."""
    session = work.session
    names, refused = hostnames_of(session, zone, asked)
    work.items += refused
    before = tuple(one.hostname for one in session.hosts.all(zone.id, authority_id=authority.id))
    if names:
        work.items.append(_hosts_item(work, authority, names))
    if names == before:
        return
    put_hosts(session, zone, authority, names, **work.who())
    shown = ", ".join(names) or "no host"
    work.changes.append(f"authority {authority.name}: {shown} of the zone asks for it")
    gone = [name for name in before if name not in names]
    work.losses += [f"{name} asks no more for certificates of {authority.name}" for name in gone]


def _hosts_item(work: _Work, authority: Authority, names: Sequence[str]) -> Item:
    notes = []
    revoked = still_valid(work.session, authority, work.given)
    if revoked:
        text = f"{revoked} certificates that are active at Cloudflare are revoked here and stay so"
        notes.append(Note(code="revoked_here", text=text, changes=True))
    return item_of("hosts", f"{', '.join(names)}: {authority.name}", notes)


def _not_trusted(work: _Work, names: Sequence[str], whose: str) -> None:
    if names:
        text = f"they ask for certificates of {whose}: nobody is verified there by it"
        work.items.append(
            item_of("hosts", ", ".join(names), [Note(code="not_trusted", text=text)], cannot=True)
        )


def _rules(work: _Work, before: ZoneRules, cas: set[str]) -> ZoneRules:
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
        one.name: compile_list(one) for one in stored_lists(session, before.zone.account_id, named)
    }
    by_host: dict[str, set[str]] = {}
    for one in work.given.hostname_associations:
        for host in one.hostnames:
            by_host.setdefault(host, set()).add(one.mtls_certificate_id or MANAGED)
    done = translate_rules(
        given,
        scheme=scheme_for(options.geo),
        lists=lists,
        challenge=options.challenge,
        trust_narrows=any(trusted != cas for trusted in by_host.values()),
        hosts_ask=bool(by_host),
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


def _unknown_revoked(work: _Work, rules: Sequence[dict[str, Any]]) -> list[str]:
    """Rules that keep out revoked certificates, where which are revoked does not come along."""
    cannot = any(
        one.kind == "client certificates" and one.verdict is Verdict.CANNOT for one in work.items
    )
    revoked = [one for one in work.given.client_certificates if str(one.status) != "active"]
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


def _with_findings(work: _Work, items: Sequence[Item], after: ZoneRules) -> list[Item]:
    """What the engine's lint says of the rules, as notes: it is meant so at Cloudflare as well."""
    zone = after.zone
    where = "rules"
    models = rule_models(after.rules, where)
    trust = {
        one.id: AuthorityModel(
            name=one.name,
            certificates=tuple(each.der for each in work.session.authorities.certificates(one.id)),
        )
        for one in work.authorities
    }
    named = lists_of(work.given)
    site = SiteModel(
        name=zone.name, hosts=hosts_of(zone), trust=tuple(trust.values()), rules=models
    )
    model = PolicyModel(
        sites=(site,), lists=tuple(stored_lists(work.session, zone.account_id, named))
    )
    try:
        found = compile_snapshot(
            model, generation=1, at=work.options.at, geo=work.options.geo
        ).findings
    except (CertificateError, InvalidInputError):
        return list(items)
    notes: dict[str, list[Note]] = {}
    for one in found:
        if one.rule:
            notes.setdefault(one.rule, []).append(Note(code=one.code, text=one.message))
    return [
        replace(item, notes=(*item.notes, *notes.get(item.name.rpartition(" (")[0], ())))
        for item in items
    ]


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


def _changed(work: _Work, text: str) -> None:
    if text:
        work.changes.append(text)
