# SPDX-License-Identifier: Apache-2.0
"""Custom rules of Cloudflare's, of a zone or of its account, made the rules of the scope here.

What each rule is here is for cloudflare_rules to say; this keeps them, in a transaction of the
caller's, and tells what changed and what protection is lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authz.errors import InvalidInputError
from authz.policy.fields import scheme_for
from authz.rules import compile_list
from authz.services.account_rules import names_taken
from authz.services.checking import lists_named_by, stored_lists
from authz.services.cloudflare_rules import Surroundings, translate_rules
from authz.services.cloudflare_trust import MANAGED
from authz.services.context import checked_name
from authz.services.loosening import loosened_rules
from authz.services.rules import changes_between
from authz.services.rulesets import NAME, audit_rules, put_rules, rules_in
from authz.sources.cloudflare_document import CUSTOM_RULES
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authz.services.cloudflare_options import ImportOptions
    from authz.services.cloudflare_report import Item
    from authz.services.rulesets import RulesInForce
    from authz.services.scopes import Scope
    from authz.sources.cloudflare_document import AccountObject, RulesetObject, ZoneObject
    from authz.store.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenRules:
    """The rules afterwards, and what there is to say: of each one, what is lost, what changed."""

    after: RulesInForce
    items: tuple[Item, ...]
    losses: tuple[str, ...]
    changes: tuple[str, ...]


def take_rules(
    session: Session,
    scope: Scope,
    entry: RulesetObject | None,
    options: ImportOptions,
    *,
    around: Surroundings,
    unknown_revoked: int = 0,
) -> TakenRules:
    """Make the rules of an entry point those of a scope, as far as they can be.

    Args:
        entry: None where there is none: no rules.
        unknown_revoked: how many certificates are revoked there, and are not known here.

    Raises:
        PolicyError, ExpressionError: together they cannot be the rules of the scope.
    """
    before = rules_in(session, scope)
    given = (entry.rules if entry else None) or []
    named = lists_named_by(str(rule.get("expression", "")) for rule in given)
    done = translate_rules(
        given,
        scheme=scheme_for(options.geo),
        lists={
            one.name: compile_list(one) for one in stored_lists(session, scope.account_id, named)
        },
        challenge=options.challenge,
        around=around,
        taken=dict(names_taken(session, scope, map(ref_of, given))),
    )
    after = before
    if done.rules or before.ruleset is not None:
        who: dict[str, Any] = {"actor": options.actor, "at": options.at}
        after = put_rules(
            session,
            before,
            done.rules,
            name=_name(entry),
            description=entry.description if entry else None,
            geo=options.geo,
            **who,
        )
        if after is not before:
            audit_rules(session, "ruleset.import", before, after, **who)
    return TakenRules(
        after=after,
        items=done.items,
        losses=(
            *done.losses,
            *_blind_to_revoked(done.rules, unknown_revoked),
            *loosened_rules(before.rules, after.rules),
        ),
        changes=tuple(_changes(before, after)),
    )


def entry_point_given(rulesets: Iterable[RulesetObject], kind: str) -> RulesetObject | None:
    """The entry point of custom rules of this kind, None where there is none."""
    found = [one for one in rulesets if one.phase == CUSTOM_RULES and one.kind == kind]
    return found[0] if found else None


def surroundings_of(
    zone: ZoneObject, account: AccountObject, zones: Sequence[ZoneObject]
) -> Surroundings:
    """What is known of where a zone's rules run.

    Args:
        zones: all that were read.
    """
    # An export of this service has settings, and means by its rules what they mean here.
    if zone.settings is not None:
        return Surroundings()
    cas = _cas_in_use(zone, account, zones)
    by_host: dict[str, set[str]] = {}
    for one in zone.hostname_associations:
        for host in one.hostnames:
            by_host.setdefault(host, set()).add(one.mtls_certificate_id or MANAGED)
    return Surroundings(
        trust_narrows=any(trusted != cas for trusted in by_host.values()),
        hosts_ask=bool(by_host),
    )


def _cas_in_use(zone: ZoneObject, account: AccountObject, zones: Sequence[ZoneObject]) -> set[str]:
    """The CAs whose certificates are verified at every host of the account at Cloudflare."""
    mine = [one for one in zones if one.account.id == zone.account.id] or [zone]
    used = {
        each.mtls_certificate_id or MANAGED
        for one in mine
        for each in one.hostname_associations
        if each.hostnames
    }
    return used | {one.id for one in account.mtls_certificates if one.ca}


def _changes(before: RulesInForce, after: RulesInForce) -> Iterator[str]:
    told = changes_between(before.rules, after.rules)
    for what, refs in (("new", told.added), ("changed", told.changed), ("removed", told.removed)):
        if refs:
            yield f"rules {what}: {', '.join(refs)}"
    if told.moved:
        yield "the order of rules changes"
    if before.ruleset and after.ruleset and before.ruleset.description != after.ruleset.description:
        yield "the description of the ruleset changes"


def _name(entry: RulesetObject | None) -> str:
    """What the ruleset is called there, as far as it can be: Terraform compares it."""
    try:
        return checked_name("name of the ruleset", (entry.name if entry else None) or NAME)
    except InvalidInputError:
        return NAME


def _blind_to_revoked(rules: Sequence[Mapping[str, Any]], unknown: int) -> Iterator[str]:
    """Rules that keep out revoked certificates, where which are revoked does not come along."""
    for rule in rules if unknown else ():
        if (
            rule["action"] == "block"
            and rule.get("enabled") is not False
            and "cert_revoked" in rule["expression"]
            and "cert_verified" not in rule["expression"]
        ):
            yield f"rule {rule['ref']} knows none of {unknown} revoked certificates here"
