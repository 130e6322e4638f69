# SPDX-License-Identifier: Apache-2.0
"""Items of lists by their values and in parts, and operations on them, in both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.rules.list_items import ListKind
from authz.services.list_items import append_items, read_items, remove_items
from authz.services.list_values import GivenItem, judge_items
from authz.services.lists import create_list
from authz.store.records import ListOperation
from tests.factories.pki import AT
from tests.factories.stored import default_zone, identifier, list_item, named_list

if TYPE_CHECKING:
    from authz.services.list_values import JudgedItems
    from authz.store.engine import Store
    from authz.store.records import List
    from tests.contract.conftest import Place

#: More than one statement looks for, and so many that everything is read instead.
MANY = 1_200
LONG = "x" * 100


def _made(store: Store, *values: str) -> List:
    with store.write() as session:
        made = named_list(default_zone(session).account_id)
        session.lists.add(made)
        session.lists.add_items(made.id, [list_item(made.id, one) for one in values], AT)
    return made


@pytest.mark.parametrize("items", [30, 30_000], ids=["all read", "looked up"])
def test_items_are_found_by_their_values(store: Store, items: int) -> None:
    made = _made(store, *(f"v{n}" for n in range(items)), LONG + "a", LONG + "b")
    with store.read() as session:
        wanted = [f"v{n}" for n in range(0, 2 * MANY, 2)] + [LONG + "b", LONG, "none"]
        found = session.lists.with_values(made.id, wanted)
        assert set(found) == set(session.lists.values(made.id)).intersection(wanted)
        assert found["v2"].id == list_item(made.id, "v2").id
        assert found[LONG + "b"].value == LONG + "b"
        assert session.lists.with_values("0" * 32, ["v2"]) == {}
        assert session.lists.with_values(made.id, []) == {}


def test_values_are_found_by_their_identifiers(store: Store) -> None:
    made = _made(store, "a", "b")
    a, b = (list_item(made.id, one).id for one in "ab")
    with store.read() as session:
        assert session.lists.with_ids(made.id, [b, "0" * 32]) == {b: "b"}
        assert session.lists.with_ids("0" * 32, [a]) == {}


def test_items_change_but_for_their_values(store: Store) -> None:
    made = _made(store, "*.a", "b")
    changed = replace(
        list_item(made.id, "*.a"), value="not this", comment="new", exclude_exact=False, number=7
    )
    with store.write() as session:
        session.lists.change_items(made.id, [changed], AT + 1)
        revision = session.revision
    with store.read() as session:
        (one, other) = session.lists.items(made.id)
        assert (one.value, one.comment, one.exclude_exact) == ("*.a", "new", False)
        assert (one.created_at, one.modified_at, other.modified_at) == (AT, AT + 1, AT)
        kept = session.lists.get(made.id)
        assert kept is not None
        assert (kept.items, kept.revision, kept.modified_at) == (2, revision, AT + 1)
        assert kept.replaced is None


def test_a_list_holds_the_name_that_an_item_does_not_exclude(store: Store) -> None:
    made = _made(store)
    with store.write() as session:
        items = [
            list_item(made.id, "*.a.example", exclude_exact=False),
            list_item(made.id, "*.b.example", exclude_exact=True),
            list_item(made.id, "*.c.example"),
            list_item(made.id, "d.example", exclude_exact=False),
        ]
        session.lists.add_items(made.id, items, AT)
    with store.read() as session:
        assert list(session.lists.values(made.id)) == [
            "*.a.example",
            "a.example",
            "*.b.example",
            "*.c.example",
            "d.example",
        ]


def test_it_is_known_when_all_items_were_replaced(store: Store) -> None:
    made = _made(store, "a")
    with store.write() as session:
        session.lists.replace_items(made.id, [list_item(made.id, "b")], AT)
        revision = session.revision
    with store.write() as session:
        session.lists.add_items(made.id, [list_item(made.id, "c")], AT)
        kept = session.lists.get(made.id)
    assert kept is not None
    assert kept.replaced == revision


def test_a_search_knows_the_case_and_no_signs(store: Store) -> None:
    made = _made(store, "Ab", "ab", "a%b", "cab", "ü")
    with store.read() as session:

        def found(search: str, *, begins: bool = False, but: str = "") -> list[str]:
            return [
                one.value
                for one in session.lists.items(made.id, search=search, begins=begins, but=but)
            ]

        assert found("ab") == ["ab", "cab"]
        assert found("ab", begins=True) == ["ab"]
        assert found("%") == ["a%b"]
        assert found("ü") == ["ü"]
        assert found("", but=list_item(made.id, "ab").id) == ["Ab", "a%b", "cab", "ü"]


def test_operations(store: Store) -> None:
    with store.write() as session:
        account_id = default_zone(session).account_id
        made = ListOperation(
            id=identifier("o"),
            account_id=account_id,
            list_id=identifier("l"),
            status="completed",
            created_at=AT,
            completed_at=AT,
        )
        session.list_operations.add(made)
    with store.note() as session:
        assert session.list_operations.get(account_id, made.id) == made
        assert session.list_operations.get("0" * 32, made.id) is None
        assert session.list_operations.forget(AT) == 0
        assert session.list_operations.forget(AT + 1) == 1
        assert session.list_operations.get(account_id, made.id) is None


def test_another_program_finds_what_this_one_did(place: Place, store: Store) -> None:
    with store.read() as session:
        account_id = default_zone(session).account_id
    made = create_list(store, account_id, "a", "ip", actor="t", at=AT).list
    done = append_items(store, account_id, made.id, _ips("192.0.2.1"), actor="t", at=AT)

    with closing(place.open(create=False)) as other, other.read() as session:
        assert session.list_operations.get(account_id, done.id) == done
        assert list(session.lists.values(made.id)) == ["192.0.2.1"]


def test_writers_at_the_same_time_lose_nothing(store: Store) -> None:
    """Thirty who add, and some who remove what others added."""
    with store.read() as session:
        account_id = default_zone(session).account_id
    made = create_list(store, account_id, "offices", "ip", actor="t", at=AT).list
    shared = [f"203.0.113.{n}" for n in range(10)]

    def write(number: int) -> None:
        mine = [f"10.0.{number}.{n}" for n in range(20)]
        append_items(store, account_id, made.id, _ips(*mine[:10], *shared), actor="t", at=AT)
        append_items(store, account_id, made.id, _ips(*mine[10:]), actor="t", at=AT)
        page = read_items(store, account_id, made.id, search=f"10.0.{number}.", most=500)
        last = [one.id for one in page.items if one.value == mine[-1]]
        remove_items(store, account_id, made.id, last, actor="t", at=AT)

    with ThreadPoolExecutor(30) as threads:
        list(threads.map(write, range(30)))

    with store.read() as session:
        values = list(session.lists.values(made.id))
        kept = session.lists.get(made.id)
    wanted = {f"10.0.{number}.{n}" for number in range(30) for n in range(19)} | set(shared)
    assert sorted(values) == sorted(wanted)
    assert kept is not None
    assert kept.items == len(wanted)


def _ips(*values: str) -> JudgedItems:
    judged = judge_items(ListKind.IP, [GivenItem(ip=one) for one in values])
    assert judged.problems == ()
    return judged
