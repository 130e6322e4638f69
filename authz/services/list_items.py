# SPDX-License-Identifier: Apache-2.0
"""Items of the account's lists: read part by part, added, replaced, removed; all or nothing.

What Cloudflare does later (an operation that is asked for until it is completed) is done here
before the call returns: the operation is kept as a completed one, for any node to answer for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.rules.lists import ListKind, ListModel, pack_list
from authz.services.audited import Told, told_item
from authz.services.context import audit, new_id
from authz.services.list_values import searched
from authz.services.lists import list_of, own_list
from authz.store.records import List, ListItem, ListOperation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authz.services.audited import Parts
    from authz.services.list_values import JudgedItems, NewItem
    from authz.services.preconditions import Precondition
    from authz.store.engine import Store
    from authz.store.session import Session

#: Items of one call. Others who write wait for it: some seconds at most.
MAX_OF_A_CALL: Final = 100_000

#: Items of one list: what lists are made for (rules.list_items).
MAX_OF_A_LIST: Final = 1_000_000

#: Every operation there is, for it is kept when it is done.
COMPLETED: Final = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a reader of items is.

    Args:
        replaced: when all items were last replaced, 0 for never: a reader has to begin anew then.
        number: of the last item that was read; of the first one, to read backwards.
    """

    list_id: str
    search: str
    replaced: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some items of a list, where they go on, and where those before are; None where there are
    none."""

    list: List
    items: tuple[ListItem, ...]
    following: Place | None = None
    preceding: Place | None = None


def read_items(
    store: Store,
    account_id: str,
    list_id: str,
    *,
    search: str = "",
    place: Place | None = None,
    backwards: bool = False,
    most: int,
) -> Page:
    """Items in the order they were added.

    Args:
        search: addresses begin with it, host names and strings have it in them, numbers are it
            (as Cloudflare has it); the item whose value it is comes first.
        place: where the page before ended (`following`).
        backwards: the place is where the page behind begins (`preceding`).

    Raises:
        NotFoundError: there is no such list.
        InvalidInputError: the place is of another list or search, or is no more.
    """
    with store.read() as session:
        one = list_of(session, account_id, list_id)
        if place is not None:
            _check_place(place, one, search)
        kind = ListKind(one.kind)
        value = searched(kind, search)
        exact = session.lists.with_values(one.id, [value]).get(value) if search else None
        if search and kind in (ListKind.ASN, ListKind.INTEGER):
            return Page(list=one, items=() if exact is None or place is not None else (exact,))
        wanted: dict[str, Any] = {
            "search": search.lower() if kind in (ListKind.IP, ListKind.HOSTNAME) else search,
            "begins": kind is ListKind.IP,
            "but": "" if exact is None else exact.id,
        }
        # One more than is asked for: whether there is one.
        if place is not None and backwards:
            found = session.lists.items(one.id, before=place.number, most=most + 1, **wanted)
            if len(found) > most:
                return _page(one, search, found[1:], more_before=True, more=True)
            place = None
        first = [exact] if exact is not None and place is None else []
        number = 0 if place is None else place.number
        found = session.lists.items(one.id, after=number, most=most - len(first) + 1, **wanted)
    given = found[: most - len(first)]
    page = _page(one, search, given, more_before=place is not None, more=len(found) > len(given))
    return replace(page, items=(*first, *given))


def _page(
    one: List, search: str, items: Sequence[ListItem], *, more_before: bool, more: bool
) -> Page:
    def place(number: int) -> Place:
        return Place(list_id=one.id, search=search, replaced=one.replaced or 0, number=number)

    # Without any, there is one that was looked for and is read first: all others are behind it.
    first, last = (items[0].number, items[-1].number) if items else (0, 0)
    return Page(
        list=one,
        items=tuple(items),
        following=place(last) if more else None,
        preceding=place(first) if more_before and items else None,
    )


def read_item(store: Store, account_id: str, list_id: str, item_id: str) -> Page:
    """One item, as a page with nothing else.

    Raises:
        NotFoundError: there is no such list, or no such item in it.
    """
    with store.read() as session:
        one = list_of(session, account_id, list_id)
        item = session.lists.item(one.id, item_id)
    if item is None:
        raise NotFoundError("there is no such item", hint="its identifier is in the list of items")
    return Page(list=one, items=(item,))


def append_items(
    store: Store, account_id: str, list_id: str, judged: JudgedItems, *, actor: str, at: float
) -> ListOperation:
    """Add items; one that has the value of an item there is gives that one its comment.

    Args:
        judged: without problems, for a list of its kind.

    Raises:
        NotFoundError: there is no such list.
        ConflictError: it came with a policy file, or would have too many items.
        InvalidInputError: these are too many at once.
    """
    _check_items(judged)
    with store.write() as session:
        before = _own(session, account_id, list_id, judged)
        there = session.lists.with_values(before.id, [one.value for one in judged.items])
        added: list[ListItem] = []
        changed: list[ListItem] = []
        for given in judged.items:
            earlier = there.get(given.value)
            item = _item(before.id, given, at, earlier)
            if earlier is None:
                added.append(item)
            elif item != earlier:
                changed.append(item)
        if before.items + len(added) > MAX_OF_A_LIST:
            raise ConflictError(
                f'the list "{before.name}" would have {before.items + len(added)} items, '
                f"{MAX_OF_A_LIST} are possible",
                hint="make another list, and name both in the rule",
            )
        if changed:
            session.lists.change_items(before.id, changed, at)
        if added:
            session.lists.add_items(before.id, added, at)
        audit(
            session,
            "list.append_items",
            actor=actor,
            at=at,
            of=("list", before.id),
            before=_facts(before.items, map(_parts, (there[one.value] for one in changed))),
            after=_facts(before.items + len(added), map(_parts, (*changed, *added))),
        )
        return _done(session, before, at)


def replace_items(
    store: Store,
    account_id: str,
    list_id: str,
    judged: JudgedItems,
    *,
    precondition: Precondition | None = None,
    actor: str,
    at: float,
) -> ListOperation:
    """Make these the items of a list.

    Args:
        precondition: on the revision of the list that they replace the items of.

    Raises:
        PreconditionError: it does not hold; and what `append_items` raises.
    """
    _check_items(judged)
    with store.write() as session:
        before = _own(session, account_id, list_id, judged)
        if precondition is not None:
            precondition.check(str(before.revision), "the items of the list")
        items = [_item(before.id, one, at) for one in judged.items]
        # Those that go are told while they are there: a long list is never in memory as a whole.
        new = {one.value: _parts(one) for one in items}
        stayed: set[str] = set()
        then = _facts(before.items, _gone(session, before, new, stayed))
        now = _facts(len(items), (one for one in new.values() if one[0] not in stayed))
        session.lists.replace_items(before.id, items, at)
        audit(
            session,
            "list.replace_items",
            actor=actor,
            at=at,
            of=("list", before.id),
            before=then,
            after=now,
        )
        return _done(session, before, at)


def remove_items(
    store: Store, account_id: str, list_id: str, item_ids: Iterable[str], *, actor: str, at: float
) -> ListOperation:
    """Remove items by their identifiers; what is not there (any more) is passed over, so that
    whoever repeats a call is answered as before.

    Raises:
        NotFoundError: there is no such list.
        ConflictError: it came with a policy file.
        InvalidInputError: these are too many at once.
    """
    wanted = list(dict.fromkeys(item_ids))
    _check_count(len(wanted))
    with store.write() as session:
        before = own_list(session, account_id, list_id)
        there = session.lists.with_ids(before.id, wanted)
        if there:
            session.lists.remove_items(before.id, list(there), at)
        audit(
            session,
            "list.remove_items",
            actor=actor,
            at=at,
            of=("list", before.id),
            before={"items": before.items, **Told().all_of("values", there.values())},
            after={"items": before.items - len(there)},
        )
        return _done(session, before, at)


def get_operation(store: Store, account_id: str, operation_id: str) -> ListOperation:
    """An operation on items.

    Raises:
        NotFoundError: there is none, or it was a week ago (services.activity).
    """
    with store.read() as session:
        found = session.list_operations.get(account_id, operation_id)
    if found is None:
        raise NotFoundError("there is no such operation", hint="they are kept for a week")
    return found


def _check_place(place: Place, one: List, search: str) -> None:
    if place.list_id != one.id or place.search != search:
        raise InvalidInputError(
            "the cursor is of another list or another search",
            hint="begin without a cursor, and keep the parameters",
        )
    if place.replaced != (one.replaced or 0):
        raise InvalidInputError(
            "the items of the list were replaced since", hint="begin without a cursor"
        )


def _check_items(judged: JudgedItems) -> None:
    assert not judged.problems, "items with problems are nobody's items"
    _check_count(len(judged.items))
    # Whoever publishes must have nothing to refuse; they were judged, so this finds nothing.
    pack_list(
        ListModel(name="items", kind=judged.kind, items=tuple(one.value for one in judged.items))
    )


def _check_count(items: int) -> None:
    if items > MAX_OF_A_CALL:
        raise InvalidInputError(
            f"the call has {items} items, {MAX_OF_A_CALL} are possible",
            hint="send them in several calls",
        )


def _own(session: Session, account_id: str, list_id: str, judged: JudgedItems) -> List:
    found = own_list(session, account_id, list_id)
    if found.kind != judged.kind:
        raise ConflictError(
            f'the list "{found.name}" is of kind {found.kind}, not {judged.kind}',
            hint="read it again",
        )
    return found


def _item(list_id: str, given: NewItem, at: float, earlier: ListItem | None = None) -> ListItem:
    return ListItem(
        id=new_id() if earlier is None else earlier.id,
        list_id=list_id,
        value=given.value,
        comment=given.comment,
        exclude_exact=given.exclude_exact,
        created_at=at if earlier is None else earlier.created_at,
        modified_at=at if earlier is None else earlier.modified_at,
        number=0 if earlier is None else earlier.number,
    )


def _parts(one: ListItem) -> Parts:
    return one.value, one.comment, one.exclude_exact


def _gone(
    session: Session, one: List, new: Mapping[str, Parts], stayed: set[str]
) -> Iterator[Parts]:
    """The items of a list that are not the same among the new; `stayed` gets the others."""
    for parts in session.lists.every_item(one.id):
        if new.get(parts[0]) == parts:
            stayed.add(parts[0])
        else:
            yield parts


def _facts(count: int, items: Iterable[Parts]) -> dict[str, Any]:
    """What the audit log has of items: how many the list has, and these, as many as have room."""
    return {"items": count, **Told().all_of("values", map(told_item, items))}


def _done(session: Session, one: List, at: float) -> ListOperation:
    operation = ListOperation(
        id=new_id(),
        account_id=one.account_id,
        list_id=one.id,
        status=COMPLETED,
        created_at=at,
        completed_at=at,
    )
    session.list_operations.add(operation)
    return operation
