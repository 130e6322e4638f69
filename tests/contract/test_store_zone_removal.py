# SPDX-License-Identifier: Apache-2.0
"""A zone goes when nothing depends on it, and leaves nothing behind; in both databases."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.services.audit_log import latest_entries
from authz.services.authority_lifecycle import delete_authority
from authz.services.hosts import add_host, remove_host
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.rulesets import replace_rules
from authz.services.tokens import create_token, revoke_token
from authz.services.zone_removal import check_removable, remove_zone
from authz.services.zones import change_zone, create_zone, list_zones
from authz.store.checking import check
from tests.factories.populated import World
from tests.factories.stored import named_list, rule_draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.store.records import Zone
    from tests.contract.conftest import Place

NAME = "example.com"
RULE = {"ref": "shut", "expression": "true", "action": "block"}


@pytest.fixture
def world(place: Place) -> Iterator[World]:
    with closing(place.open()) as store:
        yield World(store)


@pytest.fixture
def zone(world: World) -> Zone:
    return create_zone(world.store, NAME, actor="t", at=time.time()).zone


def _refused(world: World) -> str:
    rows = len(latest_entries(world.store, most=100))
    with pytest.raises(ConflictError) as caught:
        remove_zone(world.store, NAME, actor="t", at=time.time())
    assert len(latest_entries(world.store, most=100)) == rows
    with pytest.raises(ConflictError):
        check_removable(world.store, NAME)
    return caught.value.message.partition(" is not empty: ")[2]


def test_an_empty_one_is_gone(world: World, zone: Zone) -> None:
    assert check_removable(world.store, NAME) == zone
    done = remove_zone(world.store, NAME, actor="tester", at=time.time())

    assert (done.zone, done.heir.name) == (zone, "default")
    assert [one.name for one in list_zones(world.store)] == ["default"]
    (row,) = latest_entries(world.store, most=1)
    assert (row.action, row.actor, row.object_id, row.zone_id) == (
        "zone.remove",
        "tester",
        zone.id,
        zone.id,
    )
    assert row.before is not None
    assert row.before["name"] == NAME
    # What was done in it is still told.
    assert [one.action for one in latest_entries(world.store, of=zone.id, most=9)] == [
        "zone.remove",
        "zone.create",
    ]
    with pytest.raises(NotFoundError):
        remove_zone(world.store, NAME, actor="t", at=time.time())
    assert create_zone(world.store, NAME, actor="t", at=time.time()).zone.id != zone.id


def test_its_names_are_those_of_the_next_zone(world: World, zone: Zone) -> None:
    below = create_zone(world.store, f"a.{NAME}", actor="t", at=time.time()).zone

    assert remove_zone(world.store, below.id, actor="t", at=time.time()).heir == zone


def test_the_zone_default_stays(world: World) -> None:
    with pytest.raises(InvalidInputError, match="the zone default has every host"):
        remove_zone(world.store, "default", actor="t", at=time.time())


def test_hosts_and_authorities_keep_it(world: World, zone: Zone) -> None:
    world.ca(zone=NAME)
    world.ca("Other", zone=NAME)
    for number in range(11):
        add_host(world.store, f"h{number:02}.{NAME}", authority="Acme", actor="t", at=time.time())

    told = _refused(world)

    assert told.startswith(f"11 hosts (h00.{NAME}, h01.{NAME}, ")
    assert told.endswith("and 1 more); 2 CAs (Acme, Other)")
    for number in range(11):
        remove_host(world.store, f"h{number:02}.{NAME}", actor="t", at=time.time())
    delete_authority(world.store, "Other", actor="t", at=time.time())
    assert _refused(world) == "1 CA (Acme)"
    delete_authority(world.store, "Acme", actor="t", at=time.time())
    remove_zone(world.store, NAME, actor="t", at=time.time())
    assert list(check(world.store)) == []


def test_rules_keep_it_and_their_versions_go_with_it(world: World, zone: Zone) -> None:
    replace_rules(world.store, NAME, [RULE], actor="t", at=time.time())
    assert _refused(world) == "1 rule"
    replace_rules(world.store, NAME, [], actor="t", at=time.time())

    remove_zone(world.store, NAME, actor="t", at=time.time())

    with world.store.read() as session:
        assert session.rulesets.all(zone_id=zone.id) == []
    assert list(check(world.store)) == []


def test_drafts_and_lists_of_its_policy_file_keep_it(world: World, zone: Zone) -> None:
    draft = rule_draft(zone.account_id, zone_id=zone.id)
    one = named_list(zone.account_id, zone_id=zone.id, name="office")
    with world.store.write() as session:
        session.rule_drafts.add(draft)
        session.lists.add(one)
    assert _refused(world) == "1 draft of a rule; 1 list (office)"
    with world.store.write() as session:
        session.rule_drafts.remove(draft.id)
        session.lists.remove(one.id)

    assert remove_zone(world.store, NAME, actor="t", at=time.time())


def test_tokens_that_are_bound_to_it_keep_it(world: World, zone: Zone) -> None:
    def token(name: str, place: str) -> str:
        grant = Grant(resource=Resource.RULES, level=Level.WRITE, place=place)
        made = create_token(world.store, name, frozenset({grant}), actor="t", at=time.time())
        return made.token.id

    token("everywhere", EVERY_ZONE)
    bound = token("bound", zone.id)
    assert _refused(world) == "1 token (bound)"
    revoke_token(world.store, bound, actor="t", at=time.time())

    assert remove_zone(world.store, NAME, actor="t", at=time.time())


def test_one_that_blocks_what_no_rule_decides_stays(world: World, zone: Zone) -> None:
    change_zone(world.store, NAME, default_action="block", actor="t", at=time.time())

    assert _refused(world) == "it blocks what no rule decides (default_action)"


@pytest.mark.parametrize(
    ("setting", "strict", "lax"),
    [
        ("paths", "refuse", "as_sent"),
        ("paths", "refuse", "compare"),
        ("paths", "compare", "as_sent"),
        ("misdirected", "answer_421", "ignore"),
    ],
)
def test_one_that_is_stricter_than_the_next_zone_stays(
    world: World, zone: Zone, setting: str, strict: str, lax: str
) -> None:
    """Rules of the account are about its names afterwards as well, by the heir's settings."""

    def change(named: str, value: str) -> None:
        setting_of: dict[str, Any] = {setting: value}
        change_zone(world.store, named, **setting_of, actor="t", at=time.time())

    change(NAME, strict)
    change("default", lax)
    told = f"the zone default is less strict with the names of the zone {NAME}: {setting} is "
    for asked in (check_removable, lambda *of: remove_zone(*of, actor="t", at=time.time())):
        with pytest.raises(ConflictError) as caught:
            asked(world.store, NAME)
        assert caught.value.message == f"{told}{strict}, there {lax}"

    change("default", strict)
    assert remove_zone(world.store, NAME, actor="t", at=time.time()).heir.name == "default"


def test_the_settings_that_count_are_those_of_the_zone_above(world: World, zone: Zone) -> None:
    below = create_zone(world.store, f"a.{NAME}", actor="t", at=time.time()).zone
    change_zone(world.store, NAME, paths="as_sent", actor="t", at=time.time())

    with pytest.raises(ConflictError, match=f"the zone {NAME} is less strict"):
        remove_zone(world.store, below.id, actor="t", at=time.time())

    change_zone(world.store, NAME, paths="refuse", actor="t", at=time.time())
    change_zone(world.store, "default", paths="as_sent", actor="t", at=time.time())
    assert remove_zone(world.store, below.id, actor="t", at=time.time()).heir.name == NAME
