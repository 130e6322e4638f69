# SPDX-License-Identifier: Apache-2.0
"""The account's rules among a zone's: they run first, and have names of their own.

A zone's rule and a rule of the account may have the same ref. What logs, metrics and answers call
the account's is `account:REF`, and no rule of a zone gets a ref that begins like that: it would
keep the account from having the rule, and be taken for it.
The account's rules do not skip: that could only end the zone's rules, which are the zone's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import PolicyError
from authz.policy.model import Action
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from authz.sources.rule_json import ref_of, rule_models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authz.policy.model import RuleModel
    from authz.store.records import Ruleset
    from authz.store.session import Session

#: In front of the ref of a rule of the account, wherever a rule is named outside of its ruleset.
PREFIX: Final = "account:"


def models_in(scope: Scope, rules: Sequence[Mapping[str, Any]]) -> tuple[RuleModel, ...]:
    """A scope's rules as they are enforced.

    Raises:
        PolicyError: one is no rule, or skips and is the account's; the first, others in `others`.
    """
    models = rule_models(rules, scope.where)
    if scope.zone is not None:
        return models
    for model in models:
        if model.action is Action.SKIP:
            raise PolicyError(
                "rules of the account cannot skip",
                where=f"{model.where}.action",
                hint="it would end the zones' rules: write the skip rule into a zone's ruleset",
            )
    return tuple(replace(model, ref=PREFIX + model.ref) for model in models)


def account_models(session: Session, account_id: str) -> tuple[RuleModel, ...]:
    """The account's rules; raises what `models_in` does."""
    scope = Scope(account_id=account_id)
    return models_in(scope, kept_rules(session, scope))


def entry_point(session: Session, scope: Scope) -> Ruleset | None:
    """The ruleset that a scope's rules are in; None before the first."""
    if scope.zone is None:
        return session.rulesets.root(scope.account_id, CUSTOM_RULES)
    return session.rulesets.entry_point(scope.zone.id, CUSTOM_RULES)


def kept_rules(session: Session, scope: Scope) -> tuple[Mapping[str, Any], ...]:
    """A scope's rules as they are kept; none, too, where their version is missing (db check)."""
    ruleset = entry_point(session, scope)
    version = None if ruleset is None else session.rulesets.version(ruleset.id, ruleset.version)
    return () if version is None else version.rules


def names_taken(
    session: Session, scope: Scope, refs: Iterable[str]
) -> Iterator[tuple[str, PolicyError]]:
    """Refs of a scope's rules with which a rule of the account and one of a zone had one name.

    What a zone has already it keeps, where no rule of the account is called so.
    """
    if scope.zone is not None:
        account = Scope(account_id=scope.account_id)
        named = {PREFIX + ref_of(rule) for rule in kept_rules(session, account)}
        mine = {ref_of(rule) for rule in kept_rules(session, scope)}
        for ref in refs:
            if ref in named:
                yield (
                    ref,
                    PolicyError(f'a rule of the account is called "{ref}"', hint="another ref"),
                )
            elif ref.startswith(PREFIX) and ref not in mine:
                yield (
                    ref,
                    PolicyError(
                        f'the ref "{ref}" begins with "{PREFIX}", as only the names of the '
                        "account's rules do",
                        hint="another ref",
                    ),
                )
        return
    there = {
        ref_of(rule): zone.name
        for zone in session.zones.all()
        for rule in kept_rules(session, scope_of(zone))
    }
    for ref in refs:
        if PREFIX + ref in there:
            yield (
                ref,
                PolicyError(
                    f'a rule of the zone {there[PREFIX + ref]} is called "{PREFIX + ref}"',
                    hint="another ref",
                ),
            )
