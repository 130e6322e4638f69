# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's lists: what they are here, and keeping them.

An account's lists stay the account's. A list is compared item by item: the same again is no change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ConflictError, PolicyError
from authz.rules import ListKind, ListModel, NamedList, compile_list
from authz.services.audited import Told, told_item
from authz.services.checking import lists_named_by
from authz.services.cloudflare_report import Item, Note, item_of
from authz.services.context import account_of, audit, new_id
from authz.services.list_values import NewItem, excludes_exact
from authz.store.records import List, ListItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authz.sources.cloudflare_document import ItemObject, ListObject
    from authz.store.session import Session

#: What Cloudflare has lists of and this service has not.
_ELSEWHERE: Final = {
    "redirect": "a list of redirects: this service decides about requests and does not redirect; "
    "Envoy's routes do"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedList:
    """A list as it is kept, and compiled."""

    name: str
    kind: str
    description: str
    items: tuple[NewItem, ...]
    compiled: NamedList


@dataclass(frozen=True, slots=True, kw_only=True)
class PutList:
    """What happened to a list, a phrase; "" for nothing.

    `loss` says that rules which were here may let in more than before.
    """

    change: str = ""
    loss: str = ""


def translate_list(one: ListObject) -> tuple[TranslatedList | None, Item]:
    """A list of Cloudflare's as one of ours, None when it cannot be."""
    if one.kind in _ELSEWHERE or one.kind not in list(ListKind):
        text = _ELSEWHERE.get(one.kind, f"there are no lists of the kind {one.kind} here")
        return None, item_of("list", one.name, [Note(code="list_kind", text=text)], cannot=True)
    items = tuple({each.value: each for each in map(_item, one.items) if each}.values())
    model = ListModel(
        name=one.name,
        kind=ListKind(one.kind),
        items=tuple(value for each in items for value, _ in _matched(each)),
        where=f'list "{one.name}"',
    )
    try:
        compiled = compile_list(model)
    except PolicyError as error:
        return None, item_of("list", one.name, cannot=error)
    translated = TranslatedList(
        name=one.name,
        kind=one.kind,
        description=one.description or "",
        items=items,
        compiled=compiled,
    )
    return translated, item_of("list", one.name)


def put_list(session: Session, one: TranslatedList, *, actor: str, at: float) -> PutList:
    """Keep a list, in a transaction of the caller's.

    Raises:
        ConflictError: there is another list of this name: of another kind, or with other items and
            from the policy file of a zone.
    """
    account = account_of(session)
    there = session.lists.named(account.id, one.name)
    before: list[NewItem] = []
    if there is not None:
        if there.kind != one.kind:
            raise ConflictError(
                f'there is a list "{one.name}" of the kind {there.kind} already',
                hint="rename one of the two",
            )
        before = [
            NewItem(
                value=as_sent(one.kind, each.value),
                comment=each.comment,
                exclude_exact=excludes_exact(each.value, each.exclude_exact),
            )
            for each in session.lists.items(there.id)
        ]
        same = before == list(one.items)
        if same and there.description == one.description:
            return PutList()
        if there.zone_id is not None and not same:
            raise ConflictError(
                f'there is a list "{one.name}" already that came with the policy file of a zone',
                hint="rename one of the two",
            )
    else:
        there = List(
            id=new_id(),
            account_id=account.id,
            zone_id=None,
            name=one.name,
            kind=one.kind,
            description=one.description,
            items=0,
            revision=0,
            created_at=at,
            modified_at=at,
        )
        session.lists.add(there)
    is_new = not before and there.created_at == at
    if there.description != one.description:
        session.lists.describe(there.id, one.description, at)
    if before != list(one.items):
        session.lists.replace_items(there.id, _records(there.id, one.items, at), at)
    audit(
        session,
        "list.import",
        actor=actor,
        at=at,
        of=("list", there.id),
        before=None
        if is_new
        else {
            "items": len(before),
            "description": there.description,
            **_told(before, one.items),
        },
        after={
            "name": one.name,
            "items": len(one.items),
            "description": one.description,
            **_told(one.items, before),
        },
    )
    old, new = (
        {pair for each in items for pair in _matched(each)} for items in (before, one.items)
    )
    gone, come = len(old - new), len(new - old)
    if is_new:
        return PutList(change=f"list {one.name}: {len(one.items)} items")
    change = f"list {one.name}: {come} items come, {gone} go"
    read = (come or gone) and one.name in _named_here(session)
    return PutList(change=change, loss=f"{change}, and rules that are here read it" if read else "")


def _item(one: ItemObject) -> NewItem | None:
    comment = one.comment or ""
    if one.hostname is not None:
        name = one.hostname.url_hostname
        exact = excludes_exact(name, one.hostname.exclude_exact_hostname)
        return NewItem(value=name, comment=comment, exclude_exact=exact)
    values = (one.ip, one.asn, one.string, one.integer)
    value = next((each for each in values if each is not None), None)
    return None if value is None else NewItem(value=str(value), comment=comment)


def _matched(one: NewItem) -> Iterator[tuple[str, bool]]:
    """What is in a list by an item, and whether it is the item itself: of a wildcard that does not
    exclude it, the name as well."""
    yield one.value, True
    if one.exclude_exact is False and one.value.startswith("*."):
        yield one.value.removeprefix("*."), False


def as_sent(kind: str, value: str) -> str:
    """A value as Cloudflare has it: numbers of systems without the letters that people write."""
    return value.upper().removeprefix("AS") if kind == "asn" else value


def _told(items: Sequence[NewItem], others: Sequence[NewItem]) -> dict[str, Any]:
    """What the audit log has of the items that are not among the others."""
    there = frozenset(others)
    return Told().all_of(
        "values",
        (
            told_item((one.value, one.comment, one.exclude_exact))
            for one in items
            if one not in there
        ),
    )


def _records(list_id: str, items: Iterable[NewItem], at: float) -> list[ListItem]:
    return [
        ListItem(
            id=new_id(),
            list_id=list_id,
            value=one.value,
            comment=one.comment,
            exclude_exact=one.exclude_exact,
            created_at=at,
            modified_at=at,
        )
        for one in items
    ]


def _named_here(session: Session) -> set[str]:
    """The lists that rules of the store name."""
    named: set[str] = set()
    for ruleset in session.rulesets.all():
        version = session.rulesets.version(ruleset.id, ruleset.version)
        if version is not None:
            named |= lists_named_by(str(rule.get("expression", "")) for rule in version.rules)
    return named
