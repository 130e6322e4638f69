# SPDX-License-Identifier: Apache-2.0
"""Named lists of the account: made, described, removed. Their items are in list_items.

A list that came with a zone's policy file is changed there and nowhere else: the next `policy
apply` would undo what was done to it here. A list that a rule names stays.
https://developers.cloudflare.com/waf/tools/lists/lists-api/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.rules.list_items import ListKind
from authz.services.audited import Told, told_item
from authz.services.checking import lists_named_by
from authz.services.context import audit, facts_of, new_id
from authz.store.records import List

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import Zone
    from authz.store.session import Session

#: As at Cloudflare, but for capital letters, which no expression can name.
NAME: Final = r"^[a-z0-9_]+$"
MAX_NAME: Final = 50
MAX_DESCRIPTION: Final = 500

#: So many rules are told that name a list.
_TOLD: Final = 10

#: Why there is no such list here; the word is Cloudflare's.
REDIRECT: Final = "redirect"
NO_REDIRECTS: Final = (
    'lists of the kind "redirect" are for bulk redirects, which this service does not do'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleUse:
    """A rule that names a list; as text `"block-offices" of the zone example.com`.

    Args:
        zone: None for a rule of the account.
        ref: its name, or its identifier where it has none.
    """

    zone: Zone | None
    rule_id: str
    ref: str
    description: str

    def __str__(self) -> str:
        place = "the account" if self.zone is None else f"the zone {self.zone.name}"
        return f'"{self.ref}" of {place}'


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownList:
    """A list, and the rules that name it."""

    list: List
    rules: tuple[RuleUse, ...] = ()


def create_list(
    store: Store,
    account_id: str,
    name: str,
    kind: str,
    *,
    description: str = "",
    actor: str,
    at: float,
) -> KnownList:
    """Make a list without items.

    Args:
        kind: of Cloudflare's `ip`, `hostname` and `asn`, or of ours besides, `string`, `integer`.

    Raises:
        InvalidInputError: a name, kind or description that no list has.
        ConflictError: the account has a list of this name.
    """
    if kind == REDIRECT:
        raise InvalidInputError(NO_REDIRECTS, hint=f"of {', '.join(ListKind)}")
    if kind not in list(ListKind):
        raise InvalidInputError(f'there is no kind of list "{kind}"', hint=f"{', '.join(ListKind)}")
    if len(name) > MAX_NAME or not re.fullmatch(NAME, name):
        raise InvalidInputError(
            "the name of a list consists of a-z, 0-9 and _",
            hint=f"{MAX_NAME} characters at most: expressions name it",
        )
    made = List(
        id=new_id(),
        account_id=account_id,
        zone_id=None,
        name=name,
        kind=kind,
        description=_checked_description(description),
        items=0,
        revision=0,
        created_at=at,
        modified_at=at,
    )
    with store.write() as session:
        if session.lists.named(account_id, name) is not None:
            raise ConflictError(
                f'there is a list "{name}" already', hint="use it, or give this one another name"
            )
        session.lists.add(made)
        audit(
            session, "list.create", actor=actor, at=at, of=("list", made.id), after=facts_of(made)
        )
    return KnownList(list=made)


def all_lists(store: Store, account_id: str) -> list[KnownList]:
    """The lists of an account, by name."""
    with store.read() as session:
        rules = rules_by_list(session, account_id)
        return [
            KnownList(list=one, rules=tuple(rules.get(one.name, ())))
            for one in session.lists.all()
            if one.account_id == account_id
        ]


def get_list(store: Store, account_id: str, list_id: str) -> KnownList:
    """One list.

    Raises:
        NotFoundError: there is none.
    """
    with store.read() as session:
        return _known(session, list_of(session, account_id, list_id))


def describe_list(
    store: Store, account_id: str, list_id: str, description: str, *, actor: str, at: float
) -> KnownList:
    """Give a list another description; name and kind stay for ever.

    Raises:
        NotFoundError: there is no such list.
        ConflictError: it came with a policy file.
        InvalidInputError: the description is too long.
    """
    text = _checked_description(description)
    with store.write() as session:
        before = own_list(session, account_id, list_id)
        session.lists.describe(before.id, text, at)
        after = list_of(session, account_id, list_id)
        audit(
            session,
            "list.describe",
            actor=actor,
            at=at,
            of=("list", before.id),
            before={"description": before.description},
            after={"description": after.description},
        )
        return _known(session, after)


def remove_list(store: Store, account_id: str, list_id: str, *, actor: str, at: float) -> None:
    """Remove a list and its items.

    Raises:
        NotFoundError: there is no such list.
        ConflictError: it came with a policy file, or rules name it.
    """
    with store.write() as session:
        known = _known(session, own_list(session, account_id, list_id))
        if known.rules:
            told = ", ".join(map(str, known.rules[:_TOLD]))
            more = len(known.rules) - _TOLD
            raise ConflictError(
                f'rules name the list "{known.list.name}": {told}'
                + (f" and {more} more" if more > 0 else ""),
                hint="change or remove them first",
            )
        values = Told().all_of("values", map(told_item, session.lists.every_item(list_id)))
        session.lists.remove(list_id)
        audit(
            session,
            "list.remove",
            actor=actor,
            at=at,
            of=("list", list_id),
            before=facts_of(known.list) | values,
        )


def list_of(session: Session, account_id: str, list_id: str) -> List:
    """The account's list with this identifier.

    Raises:
        NotFoundError: there is none.
    """
    found = session.lists.get(list_id)
    if found is None or found.account_id != account_id:
        raise NotFoundError("there is no such list", hint="its identifier is in the list of lists")
    return found


def own_list(session: Session, account_id: str, list_id: str) -> List:
    """The same, to change it.

    Raises:
        NotFoundError: there is none.
        ConflictError: it came with a policy file.
    """
    found = list_of(session, account_id, list_id)
    if found.zone_id is not None:
        zone = session.zones.get(found.zone_id)
        assert zone is not None, "a zone with lists is kept"
        raise ConflictError(
            f'the list "{found.name}" came with the policy file of the zone {zone.name}',
            hint="change the file and apply it, which would undo this; or make another list",
        )
    return found


def rules_by_list(session: Session, account_id: str) -> dict[str, list[RuleUse]]:
    """The rules of the account and its zones that name a list, by the list's name."""
    zones = {one.id: one for one in session.zones.all()}
    found: dict[str, list[RuleUse]] = {}
    for ruleset in session.rulesets.all():
        version = session.rulesets.version(ruleset.id, ruleset.version)
        if ruleset.account_id != account_id or version is None:
            continue
        for rule in version.rules:
            rule_id = str(rule.get("id", ""))
            use = RuleUse(
                zone=None if ruleset.zone_id is None else zones[ruleset.zone_id],
                rule_id=rule_id,
                ref=str(rule.get("ref") or rule_id),
                description=str(rule.get("description") or ""),
            )
            for name in lists_named_by([str(rule.get("expression", ""))]):
                found.setdefault(name, []).append(use)
    return found


def _known(session: Session, one: List) -> KnownList:
    rules = rules_by_list(session, one.account_id)
    return KnownList(list=one, rules=tuple(rules.get(one.name, ())))


def _checked_description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise InvalidInputError(
            "the description of the list is too long", hint=f"{MAX_DESCRIPTION} characters at most"
        )
    return text
