# SPDX-License-Identifier: Apache-2.0
"""Items of lists: read in parts, added, replaced, removed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.rules.list_items import ListKind
from authz.services import list_items as module
from authz.services.activity import KEEP_OPERATIONS_SECONDS, forget_old
from authz.services.audited import MAX_BYTES
from authz.services.checking import check_rules
from authz.services.list_items import (
    append_items,
    get_operation,
    read_item,
    read_items,
    remove_items,
    replace_items,
)
from authz.services.list_values import GivenHostname, GivenItem, judge_items
from authz.services.lists import create_list, get_list
from authz.services.model import StoreModels
from authz.services.scopes import scope_of
from tests.factories.pki import AT
from tests.unit.services.test_lists import account_of, from_a_file

if TYPE_CHECKING:
    from authz.services.list_items import Page, Place
    from authz.services.list_values import JudgedItems
    from authz.store.engine import Store
    from authz.store.records import List, ListOperation
    from tests.unit.services.conftest import World


class Office:
    """A list, and the calls that many tests make."""

    def __init__(self, store: Store, kind: str = "ip") -> None:
        self.store = store
        self.account_id = account_of(store)
        self.id = create_list(store, self.account_id, "offices", kind, actor="t", at=AT).list.id

    @property
    def list(self) -> List:
        return get_list(self.store, self.account_id, self.id).list

    @property
    def values(self) -> list[str]:
        with self.store.read() as session:
            return list(session.lists.values(self.id))

    def append(self, *items: Any, at: float = AT + 1) -> ListOperation:
        judged = _judged(self.list.kind, items)
        return append_items(self.store, self.account_id, self.id, judged, actor="tester", at=at)

    def replace(self, *items: Any) -> ListOperation:
        judged = _judged(self.list.kind, items)
        return replace_items(
            self.store, self.account_id, self.id, judged, actor="tester", at=AT + 1
        )

    def remove(self, *item_ids: str) -> ListOperation:
        return remove_items(
            self.store, self.account_id, self.id, item_ids, actor="tester", at=AT + 1
        )

    def page(self, search: str = "", place: Place | None = None, most: int = 500) -> Page:
        return read_items(
            self.store, self.account_id, self.id, search=search, place=place, most=most
        )

    def found(self, search: str = "", most: int = 500) -> list[str]:
        """The values of every page."""
        found: list[str] = []
        place = None
        for _ in range(1_000):
            page = self.page(search, place, most)
            assert 0 < len(page.items) <= most or (place is None and page.following is None)
            found += [one.value for one in page.items]
            place = page.following
            if place is None:
                return found
        raise AssertionError("it does not end")


def _judged(kind: str, items: Any) -> JudgedItems:
    given = [one if isinstance(one, GivenItem) else GivenItem(**{kind: one}) for one in items]
    judged = judge_items(ListKind(kind), given)
    assert judged.problems == ()
    return judged


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def test_items_are_added_behind_those_that_are_there(world: World) -> None:
    office = Office(world.store)
    office.append("192.0.2.2", "192.0.2.1")

    done = office.append(GivenItem(ip="10.0.0.0/8", comment="inside"))

    assert office.values == ["192.0.2.2", "192.0.2.1", "10.0.0.0/8"]
    assert office.list.items == 3
    assert (done.status, done.completed_at, done.list_id) == ("completed", AT + 1, office.id)
    row = world.last()
    assert (row.action, row.actor, row.object_id) == ("list.append_items", "tester", office.id)
    assert row.before == {"items": 2, "values": []}
    assert row.after == {"items": 3, "values": [{"value": "10.0.0.0/8", "comment": "inside"}]}


def test_an_item_that_is_there_is_changed_and_not_doubled(world: World) -> None:
    office = Office(world.store)
    office.append("192.0.2.1", "192.0.2.2")
    (before, _) = office.page().items

    office.append(GivenItem(ip="192.0.2.1", comment="door"), "192.0.2.3", at=AT + 5)

    (after, _, _) = office.page().items
    assert after == replace(before, comment="door", modified_at=AT + 5)
    assert office.list.items == 3
    row = world.last()
    assert row.before == {"items": 2, "values": [{"value": "192.0.2.1"}]}
    assert row.after is not None
    assert row.after["values"][0] == {"value": "192.0.2.1", "comment": "door"}


def test_the_same_items_again_change_nothing(office: Office) -> None:
    office.append("192.0.2.1")
    before = office.list

    first, second = office.append("192.0.2.1"), office.append()

    assert office.list == before
    assert first.id != second.id


def test_a_new_comment_leaves_the_rules_as_they_are_but_is_kept(office: Office) -> None:
    office.append("192.0.2.1")
    office.append(GivenItem(ip="192.0.2.1", comment="a"))
    office.append("192.0.2.1")

    assert [one.comment for one in office.page().items] == [""]


def test_items_replace_all_others(world: World) -> None:
    office = Office(world.store)
    office.append("192.0.2.1", "192.0.2.2")

    office.replace("192.0.2.2", "192.0.2.3")

    assert office.values == ["192.0.2.2", "192.0.2.3"]
    row = world.last()
    assert row.action == "list.replace_items"
    assert row.before == {"items": 2, "values": [{"value": "192.0.2.1"}]}
    assert row.after == {"items": 2, "values": [{"value": "192.0.2.3"}]}
    office.replace()
    assert (office.values, office.list.items) == ([], 0)


def test_items_go_by_their_identifiers(world: World) -> None:
    office = Office(world.store)
    office.append("192.0.2.1", "192.0.2.2", "192.0.2.3")
    first, second, _ = (one.id for one in office.page().items)

    office.remove(first, second, second, "0" * 32)
    row = world.last()
    changed = office.list
    office.remove(first)

    assert office.values == ["192.0.2.3"]
    assert row.action == "list.remove_items"
    assert row.before is not None
    assert row.before["items"] == 3
    assert sorted(row.before["values"]) == ["192.0.2.1", "192.0.2.2"]
    assert row.after == {"items": 1}
    # Who repeats it changes nothing.
    assert office.list == changed


def test_items_of_another_list_stay(store: Store) -> None:
    office = Office(store)
    office.append("192.0.2.1")
    (item,) = office.page().items
    other = create_list(store, office.account_id, "other", "ip", actor="t", at=AT).list

    remove_items(store, office.account_id, other.id, [item.id], actor="t", at=AT)

    assert office.values == ["192.0.2.1"]
    with pytest.raises(NotFoundError, match="no such item"):
        read_item(store, office.account_id, other.id, item.id)


def test_the_audit_log_has_a_bounded_part_of_many_values(world: World) -> None:
    office = Office(world.store)
    office.append(*(f"10.{n // 250}.{n % 250}.1" for n in range(9000)))

    after = world.last().after
    assert after is not None
    assert len(after["values"]) + after["values_left_out"] == after["items"] == 9000
    assert after["values_left_out"] > 0
    assert len(json.dumps(after, separators=(",", ":"))) < MAX_BYTES + 500


def test_an_item_that_only_gets_another_comment_is_told_by_both(world: World) -> None:
    office = Office(world.store)
    office.append("192.0.2.1", "192.0.2.2")
    office.replace("192.0.2.1", GivenItem(ip="192.0.2.2", comment="door"))

    row = world.last()
    assert row.before == {"items": 2, "values": [{"value": "192.0.2.2"}]}
    assert row.after == {"items": 2, "values": [{"value": "192.0.2.2", "comment": "door"}]}


def test_one_item_is_read(office: Office) -> None:
    office.append("192.0.2.1")
    (item,) = office.page().items

    page = read_item(office.store, office.account_id, office.id, item.id)
    assert (page.items, page.list) == ((item,), office.list)
    with pytest.raises(NotFoundError, match="no such item"):
        read_item(office.store, office.account_id, office.id, "0" * 32)


@pytest.mark.parametrize("most", [1, 2, 3, 500])
def test_items_are_read_part_by_part(office: Office, most: int) -> None:
    values = [f"192.0.2.{n}" for n in range(7)]
    office.append(*values)

    assert office.found(most=most) == values


@pytest.mark.parametrize("most", [1, 2, 500])
def test_addresses_are_looked_for_by_their_beginning(office: Office, most: int) -> None:
    office.append("192.0.2.10", "192.0.2.100", "10.192.0.2", "192.0.2.1", "2001:db8::/32")

    # The one itself comes first: whoever looks for an item takes the first one.
    assert office.found("192.0.2.1", most) == ["192.0.2.1", "192.0.2.10", "192.0.2.100"]
    assert office.found("192.0.2.1/32", most) == ["192.0.2.1"]
    assert office.found("192.", most) == ["192.0.2.10", "192.0.2.100", "192.0.2.1"]
    assert office.found("2001:DB8", most) == ["2001:db8::/32"]
    assert office.found("0.2", most) == []


@pytest.mark.parametrize("most", [1, 2, 500])
def test_host_names_are_looked_for_by_a_part(store: Store, most: int) -> None:
    office = Office(store, "hostname")
    office.append(
        *(
            GivenItem(hostname=GivenHostname(url_hostname=one))
            for one in ("a.example.com", "*.example.com", "example.com", "example.net")
        )
    )

    assert office.found("Example.com", most) == ["example.com", "a.example.com", "*.example.com"]
    assert office.found("*.example.com", most) == ["*.example.com"]


def test_numbers_are_looked_for_as_they_are(store: Store) -> None:
    office = Office(store, "asn")
    office.append(64496, 4496, 6)

    assert office.found("64496") == ["64496"]
    assert office.found("6") == ["6"]
    assert office.found("4") == []


@pytest.mark.parametrize("search", ["", "10.", "10.0.0.4"])
@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_pages_are_gone_through_backwards_as_well(office: Office, most: int, search: str) -> None:
    office.append("192.0.2.1", *(f"10.0.0.{number}" for number in range(1, 10)))
    pages = [office.page(search, None, most)]
    while (place := pages[-1].following) is not None:
        pages.append(office.page(search, place, most))

    for earlier, later in zip(pages[-2::-1], pages[:0:-1], strict=True):
        place = later.preceding
        assert place is not None
        back = read_items(
            office.store,
            office.account_id,
            office.id,
            search=search,
            place=place,
            backwards=True,
            most=most,
        )
        assert back.items == earlier.items
        assert back.following is not None

    assert pages[0].preceding is None


def test_who_comes_back_to_fewer_items_is_at_the_beginning(office: Office) -> None:
    office.append(*(f"10.0.0.{number}" for number in range(1, 7)))
    second = office.page(place=office.page(most=3).following, most=3)
    office.remove(office.page(most=1).items[0].id)

    back = read_items(
        office.store,
        office.account_id,
        office.id,
        place=second.preceding,
        backwards=True,
        most=3,
    )

    assert [one.value for one in back.items] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    assert back.preceding is None


def test_items_that_go_while_they_are_read_are_no_trouble(office: Office) -> None:
    office.append(*(f"192.0.2.{n}" for n in range(6)))
    page = office.page(most=2)
    office.remove(*(one.id for one in page.items))
    office.append("198.51.100.1")

    rest = office.page(place=page.following)

    assert [one.value for one in rest.items] == [
        *(f"192.0.2.{n}" for n in range(2, 6)),
        "198.51.100.1",
    ]


def test_who_reads_items_that_are_replaced_begins_anew(office: Office) -> None:
    office.append(*(f"192.0.2.{n}" for n in range(6)))
    page = office.page(most=2)
    office.replace("10.0.0.1")

    with pytest.raises(InvalidInputError, match="replaced since") as caught:
        office.page(place=page.following)
    assert caught.value.hint == "begin without a cursor"


def test_a_place_of_another_list_or_search_is_refused(office: Office) -> None:
    office.append("192.0.2.1", "192.0.2.2")
    place = office.page(most=1).following
    assert place is not None

    with pytest.raises(InvalidInputError, match="another list or another search"):
        office.page(search="192", place=place)
    with pytest.raises(InvalidInputError, match="another list or another search"):
        office.page(place=replace(place, list_id="0" * 32))
    assert office.page(place=replace(place, number=2**63 - 1)).items == ()


def test_a_call_and_a_list_are_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OF_A_CALL", 3)
    monkeypatch.setattr(module, "MAX_OF_A_LIST", 4)
    office.append("192.0.2.1", "192.0.2.2", "192.0.2.3")

    for call in (office.append, office.replace):
        with pytest.raises(InvalidInputError, match="4 items, 3 are possible"):
            call(*(f"10.0.0.{n}" for n in range(4)))
    with pytest.raises(InvalidInputError, match="4 items, 3 are possible"):
        office.remove(*"abcd")
    with pytest.raises(ConflictError, match="would have 5 items, 4 are possible"):
        office.append("10.0.0.1", "10.0.0.2")
    assert office.list.items == 3
    office.append("192.0.2.1", "10.0.0.1")
    assert office.list.items == 4


def test_items_for_a_list_of_another_kind_are_refused(office: Office) -> None:
    judged = judge_items(ListKind.ASN, [GivenItem(asn=1)])

    with pytest.raises(ConflictError, match="of kind ip, not asn"):
        append_items(office.store, office.account_id, office.id, judged, actor="t", at=AT)


def test_items_of_a_list_of_a_policy_file_are_changed_there(store: Store) -> None:
    account_id, list_id = account_of(store), from_a_file(store)
    judged = judge_items(ListKind.IP, [GivenItem(ip="192.0.2.1")])

    for call, given in (
        (append_items, judged),
        (replace_items, judged),
        (remove_items, ["0" * 32]),
    ):
        with pytest.raises(ConflictError, match="policy file of the zone default"):
            call(store, account_id, list_id, given, actor="t", at=AT)  # type: ignore[operator]  # each with its own
    assert read_items(store, account_id, list_id, most=5).items == ()


def test_a_list_that_is_not_there_has_no_items(office: Office) -> None:
    with pytest.raises(NotFoundError, match="no such list"):
        read_items(office.store, office.account_id, "0" * 32, most=5)
    with pytest.raises(NotFoundError, match="no such list"):
        remove_items(office.store, office.account_id, "0" * 32, [], actor="t", at=AT)


def test_operations_are_kept_for_a_week(office: Office) -> None:
    done = office.append("192.0.2.1")

    assert get_operation(office.store, office.account_id, done.id) == done
    with pytest.raises(NotFoundError, match="no such operation"):
        get_operation(office.store, "0" * 32, done.id)
    forget_old(office.store, done.created_at + KEEP_OPERATIONS_SECONDS)
    assert get_operation(office.store, office.account_id, done.id) == done
    forget_old(office.store, done.created_at + KEEP_OPERATIONS_SECONDS + 1)
    with pytest.raises(NotFoundError, match="no such operation"):
        get_operation(office.store, office.account_id, done.id)


def test_whoever_publishes_sees_every_change(office: Office) -> None:
    models = StoreModels()

    def published() -> tuple[str, ...]:
        with office.store.read() as session:
            (one,) = models.build(session).model.lists
        return one.items

    assert published() == ()
    office.append("192.0.2.1", "192.0.2.2")
    assert published() == ("192.0.2.1", "192.0.2.2")
    office.replace("192.0.2.3")
    assert published() == ("192.0.2.3",)
    office.remove(office.page().items[0].id)
    assert published() == ()


def test_what_an_item_does_not_exclude_is_enforced(store: Store) -> None:
    office = Office(store, "hostname")

    def published() -> tuple[str, ...]:
        with store.read() as session:
            zone = session.zones.all()[0]
            rule = {"ref": "a", "expression": "http.host in $offices", "action": "block"}
            check_rules(session, scope_of(zone), [rule], at=AT)
            (one,) = StoreModels().build(session).model.lists
        return one.items

    for exclude, items in (
        (None, ("*.a.example",)),
        (True, ("*.a.example",)),
        (False, ("*.a.example", "a.example")),
    ):
        name = GivenHostname(url_hostname="*.a.example", exclude_exact_hostname=exclude)
        office.append(GivenItem(hostname=name))
        assert published() == items
        assert office.list.items == 1
    # A name of its own beside it is no trouble.
    office.append(GivenItem(hostname=GivenHostname(url_hostname="a.example")))
    assert published() == ("*.a.example", "a.example", "a.example")
