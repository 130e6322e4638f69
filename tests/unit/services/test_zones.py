# SPDX-License-Identifier: Apache-2.0
"""Zones: made, listed, changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from authz.services.hosts import add_host
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.rulesets import replace_rules
from authz.services.zones import (
    change_zone,
    create_zone,
    get_zone,
    list_zones,
    losses_by,
)
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.unit.services.conftest import World


def _create(store: Store, name: str) -> Any:
    return create_zone(store, name, actor="tester", at=AT).zone


def test_a_zone_is_made(world: World) -> None:
    zone = _create(world.store, "Example.com.")

    assert zone.name == "example.com"
    assert [one.name for one in list_zones(world.store)] == ["example.com", "default"]
    assert get_zone(world.store, "example.com") == zone
    row = world.last()
    assert (row.action, row.actor, row.object_id, row.zone_id) == (
        "zone.create",
        "tester",
        zone.id,
        zone.id,
    )
    assert row.after is not None
    assert row.after["name"] == "example.com"


@pytest.mark.parametrize("name", ["default", "EXAMPLE.com"])
def test_a_name_that_is_taken(world: World, name: str) -> None:
    _create(world.store, "example.com")
    rows = len(world.audited())

    with pytest.raises(ConflictError, match="already"):
        _create(world.store, name)
    assert len(world.audited()) == rows


def test_hostnames_are_not_taken_away_from_another_zone(world: World) -> None:
    world.ca()
    add_host(world.store, "api.example.com", authority="Acme", actor="t", at=AT)

    with pytest.raises(ConflictError, match=r"zone default would belong to it: api\.example\.com"):
        _create(world.store, "example.com")


@pytest.mark.parametrize("name", ["a.example.com", "c.b.example.com"])
def test_names_are_not_taken_out_from_under_a_wildcard_unseen(world: World, name: str) -> None:
    world.ca()
    _create(world.store, "example.org")
    add_host(world.store, "*.example.com", authority="Acme", protect=["/*"], actor="t", at=AT)
    rows = len(world.audited())

    with pytest.raises(
        ConflictError, match=r"\*\.example\.com of the zone default answers for them"
    ):
        _create(world.store, name)
    assert len(world.audited()) == rows

    made = create_zone(world.store, name, force=True, actor="t", at=AT)
    assert made.zone.name == name
    assert made.losses == (
        "*.example.com of the zone default answers for them",
        "rules of the zone default block requests: protect-*.example.com",
    )
    row = world.last()
    assert row.after is not None
    assert row.after["no_longer_protected_by"] == list(made.losses)


def test_names_are_not_taken_out_of_a_zone_that_blocks_unseen(world: World) -> None:
    change_zone(world.store, "default", default_action="block", actor="t", at=AT)

    with pytest.raises(ConflictError, match="the zone default blocks what no rule decides") as told:
        _create(world.store, "example.com")

    assert told.value.hint is not None
    assert "--force" in told.value.hint


def _rules(count: int, **changes: Any) -> list[dict[str, Any]]:
    rule = {"expression": 'http.host eq "a.example.com"', "action": "block", **changes}
    return [{"ref": f"r{number}", **rule} for number in range(count)]


def test_names_are_not_taken_out_from_under_rules_that_block_unseen(world: World) -> None:
    replace_rules(world.store, "default", _rules(12), actor="t", at=AT)
    told = "rules of the zone default block requests: r0, .*, r9 and 2 more"

    with pytest.raises(ConflictError, match=told):
        _create(world.store, "a.example.com")
    assert len(list_zones(world.store)) == 1

    replace_rules(world.store, "default", _rules(1, enabled=False), actor="t", at=AT)
    _create(world.store, "a.example.com")
    replace_rules(world.store, "default", _rules(1, action="log"), actor="t", at=AT)
    _create(world.store, "b.example.com")


def test_whoever_takes_names_out_of_rules_may_change_them(world: World) -> None:
    default = get_zone(world.store, "default").id
    replace_rules(world.store, "default", _rules(1), actor="t", at=AT)
    zones = Grant(resource=Resource.ZONES, level=Level.WRITE, place=EVERY_ZONE)
    rules = Grant(resource=Resource.RULES, level=Level.WRITE, place=default)

    for force in (False, True):
        with pytest.raises(ForbiddenError, match="may not change that zone's rules") as refused:
            create_zone(
                world.store,
                "a.example.com",
                force=force,
                within=frozenset({zones}),
                actor="t",
                at=AT,
            )
        assert "r0" not in refused.value.render()

    within = frozenset({zones, rules})
    create_zone(world.store, "a.example.com", force=True, within=within, actor="t", at=AT)


def test_settings_change_and_the_others_stay(world: World) -> None:
    zone = change_zone(
        world.store,
        "default",
        default_action="block",
        upstream_headers=["cf-cert", "cf-cert"],
        actor="tester",
        at=AT,
    )

    assert (zone.default_action, zone.paths) == ("block", "compare")
    assert zone.upstream_headers == ("cf-cert",)
    assert get_zone(world.store, "default") == zone
    row = world.last()
    assert row.action == "zone.change"
    assert row.before is not None
    assert row.before["default_action"] == "allow"
    later = change_zone(world.store, "default", paths="refuse", actor="tester", at=AT)
    assert (later.default_action, later.paths) == ("block", "refuse")
    assert later.upstream_headers == ("cf-cert",)


@pytest.mark.parametrize(
    "change",
    [
        {"default_action": "deny"},
        {"default_action": ""},
        {"paths": "x"},
        {"misdirected": "x"},
        {"upstream_headers": ["x"]},
    ],
)
def test_a_value_that_there_is_not(store: Store, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        change_zone(store, "default", actor="t", at=AT, **change)


def test_a_zone_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFoundError):
        get_zone(store, "example.org")


def test_what_a_new_zone_would_lose_is_told_before(store: Store) -> None:
    assert losses_by(store, "Example.COM") == ()
    change_zone(store, "default", default_action="block", actor="t", at=AT)

    assert losses_by(store, "example.com") == ("the zone default blocks what no rule decides",)
    with pytest.raises(ForbiddenError, match="may not change that zone's rules"):
        losses_by(store, "example.com", within=frozenset())
    with pytest.raises(ConflictError, match="already"):
        losses_by(store, "default")
    with pytest.raises(InvalidInputError, match="no name for a zone"):
        losses_by(store, "*.example.com")
    assert [one.name for one in list_zones(store)] == ["default"]


def test_names_are_not_taken_out_of_a_stricter_zone_unseen(world: World) -> None:
    """A new zone has compare; a path with two readings is refused by the one that has it."""
    change_zone(world.store, "default", paths="refuse", misdirected="ignore", actor="t", at=AT)
    told = ("the zone default has paths: refuse, not compare",)

    assert losses_by(world.store, "example.com") == told
    with pytest.raises(ConflictError, match="paths: refuse, not compare"):
        _create(world.store, "example.com")

    assert create_zone(world.store, "example.com", force=True, actor="t", at=AT).losses == told
    change_zone(world.store, "default", paths="as_sent", actor="t", at=AT)
    assert _create(world.store, "example.org").paths == "compare"
