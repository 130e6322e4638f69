# SPDX-License-Identifier: Apache-2.0
"""What the zones of an account at Cloudflare share, as far as no zone of the import needs it.

Lists and authorities that a zone needs come with the zone (cloudflare_zone).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError
from authz.services.checking import lists_named_by
from authz.services.cloudflare_lists import put_list, translate_list
from authz.services.cloudflare_report import Item, Note, Part, item_of
from authz.services.cloudflare_trust import (
    put_authority,
    put_serials,
    put_settings,
    serial_of,
    wanted_of,
)
from authz.services.revocation import UNSPECIFIED
from authz.sources.cloudflare_document import CUSTOM_RULES, ENTRY_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    session: Session, account: AccountObject, zones: Sequence[ZoneObject], options: ImportOptions
) -> Part:
    """Everything of an account that no zone brings along; what was found and done."""
    items, losses = account_rules(account.rulesets)
    more, lost = other_rulesets(account.rulesets)
    items += more
    losses += lost
    changes: list[str] = []
    needed = {name for zone in zones for name in lists_of(zone)}
    for one in account.lists:
        if one.name not in needed:
            take_list(session, one, options, items, losses, changes)
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


def account_rules(rulesets: Iterable[RulesetObject]) -> tuple[list[Item], list[str]]:
    """The custom rules of an account, which run before those of its zones.

    They need rulesets of the account here: until then they cannot be carried over.
    """
    items: list[Item] = []
    losses: list[str] = []
    for ruleset in rulesets:
        if ruleset.phase != CUSTOM_RULES or ruleset.kind not in ENTRY_POINTS:
            continue
        for rule in ruleset.rules or ():
            name = f"{rule.get('ref') or rule.get('id')} ({rule.get('action')})"
            text = "a rule of the account: needs account rulesets"
            items.append(
                item_of("account rule", name, [Note(code="account_rule", text=text)], cannot=True)
            )
            if rule.get("enabled") is not False and rule.get("action") not in ("skip", "log"):
                losses.append(f"account rule {name} is left out")
    return items, losses


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
    return lists_named_by(
        str(rule.get("expression", ""))
        for ruleset in zone.rulesets
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
