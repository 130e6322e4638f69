# SPDX-License-Identifier: Apache-2.0
"""Zones: made, listed, changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.services.hosts import add_host
from authz.services.zones import (
    change_zone,
    create_zone,
    get_zone,
    list_zones,
    protected_until_then,
)
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.unit.services.conftest import World


def _create(store: Store, name: str) -> Any:
    return create_zone(store, name, actor="tester", at=AT)


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
    add_host(world.store, "*.example.com", authority="Acme", protect=["/*"], actor="t", at=AT)
    rows = len(world.audited())

    with pytest.raises(
        ConflictError, match=r"\*\.example\.com of the zone default answers for them"
    ):
        _create(world.store, name)
    assert len(world.audited()) == rows
    _create(world.store, "example.org")

    assert protected_until_then(world.store, name) == (
        "*.example.com of the zone default answers for them",
    )
    assert create_zone(world.store, name, force=True, actor="t", at=AT).name == name


def test_names_are_not_taken_out_of_a_zone_that_blocks_unseen(world: World) -> None:
    change_zone(world.store, "default", default_action="block", actor="t", at=AT)

    with pytest.raises(ConflictError, match="the zone default blocks what no rule decides") as told:
        _create(world.store, "example.com")

    assert told.value.hint is not None
    assert "--force" in told.value.hint


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
