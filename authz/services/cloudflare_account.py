# SPDX-License-Identifier: Apache-2.0
"""What the zones of an account at Cloudflare share: its custom rules, lists and authorities.

Its rules come before those of the zones and need their lists; lists and authorities that only zones
need come with them (cloudflare_zone). There is one account here: where several were read, nobody's
rules can be those of all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ConflictError
from authz.services.account_rules import kept_rules
from authz.services.checking import lists_named_by
from authz.services.cloudflare_custom_rules import entry_point_given, surroundings_of, take_rules
from authz.services.cloudflare_lists import put_list, translate_list
from authz.services.cloudflare_report import Item, Note, Part, item_of
from authz.services.cloudflare_rules import PROTECTING, Surroundings
from authz.services.cloudflare_trust import (
    is_revoked,
    put_authority,
    put_serials,
    put_settings,
    serial_of,
    wanted_of,
)
from authz.services.context import account_of
from authz.services.namespace import DEFAULT_ZONE
from authz.services.revocation import UNSPECIFIED
from authz.services.scopes import Scope
from authz.sources.cloudflare_document import CUSTOM_RULES, ENTRY_POINTS
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authz.services.cloudflare_custom_rules import TakenRules
    from authz.services.cloudflare_options import ImportOptions
    from authz.sources.cloudflare_document import (
        AccountObject,
        ListObject,
        MtlsCertificateObject,
        RulesetObject,
        ZoneObject,
    )
    from authz.store.records import Authority, Zone
    from authz.store.session import Session

#: Phases that keep somebody out at Cloudflare, besides the custom rules.
PROTECTING_PHASES: Final = frozenset(
    {
        "ddos_l7",
        "http_ratelimit",
        "http_request_firewall_managed",
        "http_request_sbfm",
        "http_response_firewall_managed",
    }
)


def import_account(
    session: Session,
    account: AccountObject,
    zones: Sequence[ZoneObject],
    options: ImportOptions,
    *,
    alone: bool = True,
) -> Part:
    """Everything of an account that no zone brings along; what was found and done.

    Args:
        zones: of this account.
        alone: no other account was read.

    Raises:
        AuthzError: it cannot be applied as a whole.
    """
    items: list[Item] = []
    losses: list[str] = []
    changes: list[str] = []
    mine = lists_named_by_rules(account.rulesets) if alone else set()
    needed = {name for zone in zones for name in lists_of(zone)} - mine
    for one in account.lists:
        if one.name not in needed:
            take_list(session, one, options, items, losses, changes)
    entry = entry_point_given(account.rulesets, "root")
    if entry is not None and not alone:
        _other_accounts(entry.rules or (), items, losses)
    elif entry is not None:
        taken = _rules(session, entry, account, zones, options)
        items += taken.items
        losses += taken.losses
        changes += taken.changes
    elif kept_rules(session, Scope(account_id=account_of(session).id)):
        text = "there are none of the account at Cloudflare: those that are here stay"
        items.append(item_of("ruleset", CUSTOM_RULES, [Note(code="only_here", text=text)]))
    more, lost = other_rulesets(account.rulesets)
    items += more
    losses += lost
    used = {each.mtls_certificate_id for zone in zones for each in zone.hostname_associations}
    for certificate in account.mtls_certificates:
        if certificate.id not in used:
            take_authority(session, certificate, options, items, changes)
    return Part(
        scope="account",
        name=account.name or account.id or "(not named)",
        items=tuple(items),
        losses=tuple(losses),
        changes=tuple(changes),
    )


def _rules(
    session: Session,
    entry: RulesetObject,
    account: AccountObject,
    zones: Sequence[ZoneObject],
    options: ImportOptions,
) -> TakenRules:
    """The account's custom rules become those of the account here."""
    found = [surroundings_of(zone, account, zones) for zone in zones]
    around = Surroundings(
        trust_narrows=any(one.trust_narrows for one in found),
        hosts_ask=any(one.hosts_ask for one in found),
        of_account=True,
    )
    taken = take_rules(
        session,
        Scope(account_id=account_of(session).id),
        entry,
        options,
        around=around,
        unknown_revoked=_unknown_revoked(account, zones, options),
    )
    names = {zone.name.lower() for zone in zones}
    others = [one.name for one in session.zones.all() if one.name not in {*names, DEFAULT_ZONE}]
    if taken.after.rules and others:
        text = f"the account's rules are in force in other zones here as well: {', '.join(others)}"
        note = Note(code="other_zones", text=text, changes=True)
        ruleset = item_of("ruleset", CUSTOM_RULES, [note])
        return replace(taken, items=(ruleset, *taken.items))
    return taken


def _unknown_revoked(
    account: AccountObject, zones: Sequence[ZoneObject], options: ImportOptions
) -> int:
    """How many revoked certificates are not known here: those of Cloudflare's own CA."""
    if options.managed_ca is not None:
        return 0
    known = {one.id for one in account.mtls_certificates}
    return sum(
        is_revoked(one)
        and (one.certificate_authority is None or one.certificate_authority.id not in known)
        for zone in zones
        for one in zone.client_certificates
    )


def _other_accounts(
    given: Sequence[Mapping[str, Any]], items: list[Item], losses: list[str]
) -> None:
    for rule in given:
        name = f"{ref_of(rule)} ({rule.get('action')})"
        text = "there is one account here: the rules of one would be in force for those of others"
        items.append(item_of("rule", name, [Note(code="one_account", text=text)], cannot=True))
        if rule.get("enabled") is not False and rule.get("action") in PROTECTING:
            losses.append(f"rule {name} is left out")


def other_rulesets(rulesets: Iterable[RulesetObject]) -> tuple[list[Item], list[str]]:
    """Entry points of other phases: products that this service is not."""
    items: list[Item] = []
    losses: list[str] = []
    for ruleset in rulesets:
        rules = ruleset.rules or []
        if ruleset.phase == CUSTOM_RULES or ruleset.kind not in ENTRY_POINTS or not rules:
            continue
        enabled = sum(rule.get("enabled") is not False for rule in rules)
        name = f"{ruleset.phase} ({len(rules)} rules)"
        text = "another product of Cloudflare's: this service has custom rules only"
        items.append(item_of("ruleset", name, [Note(code="other_phase", text=text)], cannot=True))
        if enabled and ruleset.phase in PROTECTING_PHASES:
            losses.append(f"{enabled} rules of {ruleset.phase} are left out")
    return items, losses


def lists_of(zone: ZoneObject) -> set[str]:
    """The lists that a zone's custom rules name."""
    return lists_named_by_rules(zone.rulesets)


def lists_named_by_rules(rulesets: Iterable[RulesetObject]) -> set[str]:
    """The lists that custom rules name."""
    return lists_named_by(
        str(rule.get("expression", ""))
        for ruleset in rulesets
        if ruleset.phase == CUSTOM_RULES
        for rule in ruleset.rules or ()
    )


def take_list(
    session: Session,
    one: ListObject,
    options: ImportOptions,
    items: list[Item],
    losses: list[str],
    changes: list[str],
) -> None:
    """Keep a list; what that is goes behind `items`, `losses` and `changes`."""
    translated, item = translate_list(one)
    if translated is None:
        items.append(item)
        return
    try:
        put = put_list(session, translated, actor=options.actor, at=options.at)
    except ConflictError as error:
        items.append(item_of("list", one.name, cannot=error))
        return
    items.append(item)
    changes += [put.change] if put.change else []
    losses += [put.loss] if put.loss else []


def take_authority(
    session: Session,
    one: MtlsCertificateObject,
    options: ImportOptions,
    items: list[Item],
    changes: list[str],
    zone: Zone | None = None,
) -> Authority | None:
    """Keep an uploaded CA with what an export of this service says of it; None when it cannot.

    Args:
        zone: whose hosts ask for it.
    """
    wanted, item = wanted_of(one, options.at)
    items.append(item)
    if wanted is None:
        return None
    authority, uploaded = put_authority(session, wanted, zone, actor=options.actor, at=options.at)
    authority, settings = put_settings(session, authority, one, actor=options.actor, at=options.at)
    serials = {serial_of(each.serial_number): each.reason or UNSPECIFIED for each in one.revoked}
    revoked = put_serials(session, authority, serials, actor=options.actor, at=options.at)
    changes += [text for text in (uploaded, settings, revoked) if text]
    return authority
