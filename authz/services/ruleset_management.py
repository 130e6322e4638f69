# SPDX-License-Identifier: Apache-2.0
"""Rulesets as the API manages them: of a zone or the account, one for each phase, by identifier.

Single rules are in ruleset_rules, old versions in ruleset_versions. Every change reads what is in
force and writes the next version in one transaction, so nobody's change is lost; whoever replaces
everything may say which version they have seen (`version`).
https://developers.cloudflare.com/ruleset-engine/rulesets-api/
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError, NotFoundError, PreconditionError, RulesetError
from authz.services.context import checked_name
from authz.services.ready import made_ready
from authz.services.ruleset_input import MAX_DESCRIPTION, MAX_RULES, Given, refuse, rules_from
from authz.services.rulesets import (
    NAME,
    RulesInForce,
    audit_rules,
    keep,
    new_ruleset,
    rules_in,
)
from authz.services.scopes import CUSTOM_RULES
from authz.settings.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authz.policy.geo import GeoLookup
    from authz.services.ready import Ready
    from authz.services.rules import Rule
    from authz.services.scopes import Scope
    from authz.store.engine import Store
    from authz.store.records import Ruleset
    from authz.store.session import Session

#: Versions of which one must be in force, ANY for one at all; None for whatever is there.
Expected = int | frozenset[int] | None

#: `version` of whoever only wants a ruleset to be there.
ANY: Final = -1

#: Cloudflare's code of a second entry point.
SECOND: Final = 20217

_KINDS: Final[Mapping[str, str]] = {
    "managed": "managed rulesets are Cloudflare's own",
    "custom": "only execute rules run it, and there are none here: write its rules into the "
    "entry point",
    "root": "that is the account's entry point: create it there",
    "zone": "that is a zone's entry point: create it there",
}


def list_rulesets(store: Store, scope: Scope) -> list[Ruleset]:
    """The rulesets of a scope, the oldest first."""
    with store.read() as session:
        if scope.zone is None:
            return session.rulesets.all(account_id=scope.account_id)
        return session.rulesets.all(zone_id=scope.zone.id)


def get_ruleset(store: Store, scope: Scope, ruleset_id: str) -> RulesInForce:
    """A ruleset and its rules.

    Raises:
        NotFoundError: the scope has none of this identifier.
    """
    with store.read() as session:
        return ruleset_of(session, scope, ruleset_id)


def get_entry_point(store: Store, scope: Scope, phase: str) -> RulesInForce | None:
    """The ruleset that a phase begins with; None: there is none yet, or never (other phases)."""
    if phase != CUSTOM_RULES:
        return None
    with store.read() as session:
        found = rules_in(session, scope)
    return None if found.ruleset is None else found


def create_ruleset(
    store: Store,
    scope: Scope,
    body: Any,
    *,
    version: Expected = None,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Make the entry point of a phase.

    Args:
        body: `{name, kind, phase, description?, rules?}`.
        version: 0 for none at all; any other is never that of what is not there yet.

    Raises:
        PreconditionError: another version is in force than `version`.
        RulesetError: it is no ruleset, or the phase has one already.
    """
    given = _object(body)
    found = [
        *_unknown(given, ("name", "kind", "phase", "description", "rules")),
        *_wrong_name(given, required=True),
        *_wrong_kind(given.get("kind"), scope),
        *wrong_phase(given.get("phase"), ("phase",)),
        *_wrong_description(given),
    ]
    ready = made_ready(store, scope, given.get("rules"), most=MAX_RULES, geo=geo)
    with store.write() as session:
        before = rules_in(session, scope)
        check_version(before, version)
        if before.ruleset is not None and not found:
            found.append(
                RulesetError(
                    f"'{scope.kind}' is not a valid value for kind because exceeded maximum "
                    f"number of {scope.kind} rulesets for phase {CUSTOM_RULES}",
                    path=("kind",),
                    number=SECOND,
                    hint=f"update the one that is there: {before.ruleset.id}",
                )
            )
            refuse(found)
        name = str(given.get("name") or NAME).strip()
        after = _replaced(session, before, given, found, name=name, ready=ready, actor=actor, at=at)
        return audit_rules(session, "ruleset.create", before, after, actor=actor, at=at)


def update_ruleset(
    store: Store,
    scope: Scope,
    ruleset_id: str,
    body: Any,
    *,
    version: Expected = None,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Replace a ruleset's rules, its description, or both; what is left out stays.

    Args:
        body: `{description?, rules?}`, and what cannot change as it is: `name`, `kind`, `phase`.
        version: the one that must be in force, or ANY.

    Raises:
        NotFoundError: the scope has no such ruleset.
        PreconditionError: it is at another version.
        RulesetError: the body is not that.
    """
    given = _object(body)
    ready = made_ready(store, scope, given.get("rules"), most=MAX_RULES, geo=geo)
    with store.write() as session:
        before = ruleset_of(session, scope, ruleset_id)
        check_version(before, version)
        assert before.ruleset is not None, "found by its identifier"
        found = [
            *_unknown(given, ("name", "kind", "phase", "description", "rules")),
            *_wrong_description(given),
            *_changed(given, before.ruleset),
        ]
        after = _replaced(session, before, given, found, ready=ready, actor=actor, at=at)
        return audit_rules(session, "ruleset.update", before, after, actor=actor, at=at)


def put_entry_point(
    store: Store,
    scope: Scope,
    phase: str,
    body: Any,
    *,
    version: Expected = None,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Replace the rules that a phase begins with; the ruleset is made where there is none.

    Args:
        body: `{rules?, description?, name?}`; the name counts for a new one only.
        version: the one that must be in force, 0 for none at all, or ANY.

    Raises:
        PreconditionError: another version is.
        RulesetError: the body is not that, or there are no rules of this phase here.
    """
    given = _object(body)
    for key in ("kind", "phase"):
        if key in given:
            # As Cloudflare says it, whose parser stops there.
            raise RulesetError(f'invalid JSON: unknown field "{key}"', path=(key,))
    found = [
        *wrong_phase(phase, None),
        *_unknown(given, ("name", "description", "rules")),
        *_wrong_name(given, required=False),
        *_wrong_description(given),
    ]
    ready = made_ready(store, scope, given.get("rules"), most=MAX_RULES, geo=geo)
    with store.write() as session:
        before = rules_in(session, scope)
        check_version(before, version)
        name = str(given.get("name") or NAME).strip()
        after = _replaced(session, before, given, found, name=name, ready=ready, actor=actor, at=at)
        return audit_rules(session, "ruleset.update", before, after, actor=actor, at=at)


def delete_ruleset(
    store: Store,
    scope: Scope,
    ruleset_id: str,
    *,
    version: Expected = None,
    actor: str,
    at: float,
) -> None:
    """Remove a ruleset with all its versions: the scope has no rules then.

    One that is made later is another one: it has an identifier of its own, and begins at 1.

    Raises:
        NotFoundError: the scope has no such ruleset.
        PreconditionError: it is at another version than `version`.
    """
    with store.write() as session:
        before = ruleset_of(session, scope, ruleset_id)
        check_version(before, version)
        session.rulesets.remove(ruleset_id)
        after = RulesInForce(scope=scope, ruleset=None)
        audit_rules(session, "ruleset.delete", before, after, actor=actor, at=at)


def ruleset_of(session: Session, scope: Scope, ruleset_id: str) -> RulesInForce:
    """A scope's ruleset; raises what `get_ruleset` does."""
    found = rules_in(session, scope)
    if found.ruleset is None or found.ruleset.id != ruleset_id:
        raise NotFoundError(f"could not find ruleset {ruleset_id}")
    return found


def check_version(found: RulesInForce, version: Expected) -> None:
    """Make sure that this version, or one of these, is in force.

    Raises:
        PreconditionError: it is not.
    """
    if version is None or (version == ANY and found.ruleset is not None):
        return
    wanted = frozenset((version,)) if isinstance(version, int) else version
    if found.version not in wanted:
        at = "not there" if found.ruleset is None else f"at version {found.version}"
        named = "" if version == ANY else ", and not at "
        raise PreconditionError(
            f"the ruleset is {at}{named and named + (_either(wanted) or 'the one asked for')}",
            hint="somebody changed it: read it again, and repeat the change",
        )


def _either(versions: frozenset[int]) -> str:
    return " or ".join(str(one) for one in sorted(versions))


def _replaced(
    session: Session,
    before: RulesInForce,
    given: Mapping[str, Any],
    found: list[RulesetError],
    *,
    name: str = NAME,
    ready: Ready,
    actor: str,
    at: float,
) -> RulesInForce:
    """What was given, kept; `found` is what is wrong with it besides its rules."""
    scope = before.scope
    ruleset = before.ruleset or new_ruleset(scope, name=name, at=at)
    rules: tuple[Rule, ...] = before.rules
    listed = given.get("rules")
    if listed is not None and not isinstance(listed, list):
        found.append(RulesetError("the rules are not an array", path=("rules",)))
    elif listed is not None:
        rules = rules_from(
            session,
            scope,
            [Given(rule=one, path=("rules", i)) for i, one in enumerate(listed)],
            before.rules,
            ruleset_id=ruleset.id,
            besides=found,
            ready=ready,
            at=at,
        )
    refuse(found)
    description = given.get("description")
    if description is not None:
        ruleset = replace(ruleset, description=description)
    return keep(session, before, ruleset, rules, actor=actor, at=at)


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise RulesetError("the body is not a JSON object")
    return body


def _unknown(given: Mapping[str, Any], known: Sequence[str]) -> Iterator[RulesetError]:
    for key in given:
        if key not in known:
            yield RulesetError(f'unknown key "{key}"', path=(key,), hint=did_you_mean(key, known))


def _wrong_name(given: Mapping[str, Any], *, required: bool) -> Iterator[RulesetError]:
    name = given.get("name")
    if name is None and not required:
        return
    if not isinstance(name, str):
        yield RulesetError("the name is missing, or is no text", path=("name",))
        return
    if name != name.strip():
        # It would not be what was sent, and Terraform would make another one at every plan.
        yield RulesetError("the name begins or ends with a blank", path=("name",))
        return
    try:
        checked_name("name of the ruleset", name)
    except InvalidInputError as error:
        yield RulesetError(error.message, path=("name",), hint=error.hint)


def _wrong_description(given: Mapping[str, Any]) -> Iterator[RulesetError]:
    text = given.get("description")
    if text is not None and (not isinstance(text, str) or len(text) > MAX_DESCRIPTION):
        yield RulesetError(
            "the description is no text, or too long",
            path=("description",),
            hint=f"at most {MAX_DESCRIPTION} characters",
        )


def _wrong_kind(kind: Any, scope: Scope) -> Iterator[RulesetError]:
    if kind == scope.kind:
        return
    why = _KINDS.get(kind) if isinstance(kind, str) else None
    why = why or f"the entry point of this scope is of kind '{scope.kind}'"
    yield RulesetError(f"'{kind}' is not a valid value for kind because {why}", path=("kind",))


def wrong_phase(phase: Any, path: tuple[str | int, ...] | None) -> Iterator[RulesetError]:
    """Why there are no rules of a phase here; nothing where there are.

    Args:
        path: where it stands in the body; None for the path of the call.
    """
    if phase != CUSTOM_RULES:
        where = "in the path, " if path is None else ""
        yield RulesetError(
            f"{where}'{phase}' is not a valid value for phase because this service has the "
            f"rules of one phase, {CUSTOM_RULES}: it decides about requests, and does nothing else "
            "with them",
            path=path,
        )


def _changed(given: Mapping[str, Any], ruleset: Ruleset) -> Iterator[RulesetError]:
    for key in ("name", "kind", "phase"):
        there = getattr(ruleset, key)
        if given.get(key) is not None and given[key] != there:
            yield RulesetError(
                f"'{given[key]}' is not a valid value for {key} because it cannot change",
                path=(key,),
                hint=f'it is "{there}"; make another ruleset, or leave it out',
            )
