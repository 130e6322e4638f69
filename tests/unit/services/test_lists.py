# SPDX-License-Identifier: Apache-2.0
"""Lists of the account: made, described, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.rules.list_items import ListKind
from authz.services.list_items import append_items
from authz.services.list_values import GivenItem, judge_items
from authz.services.lists import (
    KnownList,
    all_lists,
    create_list,
    describe_list,
    get_list,
    remove_list,
)
from authz.services.rulesets import replace_rules
from authz.services.zones import create_zone
from tests.factories.pki import AT
from tests.factories.stored import account, named_list, ruleset, ruleset_version

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.unit.services.conftest import World


def account_of(store: Store) -> str:
    with store.read() as session:
        return session.zones.accounts()[0].id


def made(store: Store, name: str = "offices", kind: str = "ip", description: str = "") -> KnownList:
    return create_list(
        store, account_of(store), name, kind, description=description, actor="tester", at=AT
    )


def rule_with(store: Store, *names: str, zone: str = "default") -> None:
    rules = [
        {"ref": f"r{number}", "expression": f"ip.src in ${name}", "action": "block"}
        for number, name in enumerate(names)
    ]
    replace_rules(store, zone, rules, actor="tester", at=AT)


def from_a_file(store: Store) -> str:
    """The identifier of a list that came with a zone's policy file."""
    with store.write() as session:
        zone = session.zones.all()[0]
        one = named_list(zone.account_id, "filed", zone_id=zone.id)
        session.lists.add(one)
    return one.id


@pytest.mark.parametrize("kind", list(ListKind))
def test_a_list_is_made_and_read(world: World, kind: str) -> None:
    one = made(world.store, "some_1", kind, "places")

    assert (one.list.name, one.list.kind, one.list.description) == ("some_1", kind, "places")
    assert (one.list.items, one.rules, one.list.zone_id) == (0, (), None)
    found = get_list(world.store, account_of(world.store), one.list.id)
    assert [found] == all_lists(world.store, account_of(world.store))
    assert found.list.revision > 0
    row = world.last()
    assert (row.action, row.object_type, row.object_id) == ("list.create", "list", one.list.id)
    assert row.before is None
    assert row.after is not None
    assert row.after["kind"] == kind


@pytest.mark.parametrize("name", ["", "Offices", "my-list", "a.b", "a b", "a\n", "x" * 51, "ä"])
def test_a_name_is_one_that_expressions_can_have(store: Store, name: str) -> None:
    with pytest.raises(InvalidInputError, match="a-z, 0-9 and _"):
        made(store, name)


def test_a_name_has_fifty_characters(store: Store) -> None:
    assert made(store, "x" * 50).list.name == "x" * 50


def test_lists_of_redirects_are_refused_by_name(store: Store) -> None:
    with pytest.raises(InvalidInputError, match="bulk redirects, which this service does not do"):
        made(store, kind="redirect")
    with pytest.raises(InvalidInputError, match='no kind of list "colour"'):
        made(store, kind="colour")


def test_a_name_is_there_once(store: Store) -> None:
    made(store)

    with pytest.raises(ConflictError, match='a list "offices" already'):
        made(store, kind="asn")


def test_a_description_changes_and_nothing_else(world: World) -> None:
    one = made(world.store, description="a").list

    after = describe_list(world.store, one.account_id, one.id, "b", actor="tester", at=AT + 1)

    assert (after.list.description, after.list.modified_at) == ("b", AT + 1)
    assert (after.list.name, after.list.kind, after.list.created_at) == ("offices", "ip", AT)
    row = world.last()
    assert (row.before, row.after) == ({"description": "a"}, {"description": "b"})


def test_a_description_has_500_characters(store: Store) -> None:
    one = made(store, description="x" * 500).list

    with pytest.raises(InvalidInputError, match="too long"):
        made(store, "other", description="x" * 501)
    with pytest.raises(InvalidInputError, match="too long"):
        describe_list(store, one.account_id, one.id, "x" * 501, actor="t", at=AT)


def test_a_list_goes_with_its_items(world: World) -> None:
    one = made(world.store).list
    judged = judge_items(ListKind.IP, [GivenItem(ip="192.0.2.1")])
    append_items(world.store, one.account_id, one.id, judged, actor="t", at=AT)

    remove_list(world.store, one.account_id, one.id, actor="tester", at=AT)

    assert all_lists(world.store, one.account_id) == []
    with world.store.read() as session:
        assert list(session.lists.values(one.id)) == []
    row = world.last()
    assert (row.action, row.after) == ("list.remove", None)
    assert row.before is not None
    assert (row.before["items"], row.before["values"]) == (1, [{"value": "192.0.2.1"}])


def test_a_list_that_rules_name_stays(store: Store) -> None:
    one = made(store).list
    create_zone(store, "example.com", actor="t", at=AT)
    rule_with(store, *["offices"] * 8)
    rule_with(store, *["offices"] * 4, zone="example.com")

    known = get_list(store, one.account_id, one.id)
    assert len(known.rules) == 12
    with pytest.raises(ConflictError, match=r'"r0" of the zone default, .* and 2 more') as caught:
        remove_list(store, one.account_id, one.id, actor="t", at=AT)
    assert '"offices"' in str(caught.value)

    rule_with(store)
    rule_with(store, zone="example.com")
    remove_list(store, one.account_id, one.id, actor="t", at=AT)


def test_rules_of_the_account_count_and_those_of_another_do_not(store: Store) -> None:
    one = made(store).list
    with store.write() as session:
        other = account()
        session.zones.add_account(other)
        for account_id in (one.account_id, other.id):
            own = ruleset(account_id, None, id=account_id[::-1], kind="root")
            rules = ({"id": "a" * 32, "expression": "ip.src in $offices"},)
            session.rulesets.add(own, ruleset_version(own.id, rules=rules))

    (use,) = get_list(store, one.account_id, one.id).rules

    assert (use.zone, use.rule_id, str(use)) == (None, "a" * 32, f'"{"a" * 32}" of the account')


def test_the_rules_of_an_earlier_version_do_not_count(store: Store) -> None:
    one = made(store).list
    rule_with(store, "offices")
    rule_with(store)

    assert get_list(store, one.account_id, one.id).rules == ()


def test_a_list_of_a_policy_file_is_changed_there(store: Store) -> None:
    account_id, list_id = account_of(store), from_a_file(store)

    assert get_list(store, account_id, list_id).list.name == "filed"
    with pytest.raises(ConflictError, match="policy file of the zone default") as caught:
        remove_list(store, account_id, list_id, actor="t", at=AT)
    assert "apply" in str(caught.value.hint)
    with pytest.raises(ConflictError, match="policy file"):
        describe_list(store, account_id, list_id, "new", actor="t", at=AT)


def test_a_list_of_nobody_or_of_another_account_is_not_found(store: Store) -> None:
    one = made(store).list

    for account_id, list_id in ((one.account_id, "0" * 32), ("0" * 32, one.id)):
        with pytest.raises(NotFoundError, match="no such list"):
            get_list(store, account_id, list_id)
        with pytest.raises(NotFoundError, match="no such list"):
            remove_list(store, account_id, list_id, actor="t", at=AT)
    assert all_lists(store, "0" * 32) == []
