# SPDX-License-Identifier: Apache-2.0
"""Scopes as people write them; what is refused is in tests/cli/token.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.services.permissions import EVERYTHING, Grant, Level, Resource
from authz.services.token_scopes import WORDS, grants_of_scopes, scopes_of
from authz.services.zones import create_zone
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


@pytest.mark.parametrize(
    ("scope", "places"),
    [
        ("certificates:write", {"*", "account"}),
        ("certificates:write@*", {"*"}),
        ("certificates:write@account", {"account"}),
        ("certificates:write@Example.COM", {"zone"}),
        ("certificates:write@ZONE", {"zone"}),
        ("zones:read", {"*"}),
        ("lists:read", {"account"}),
        ("tokens:write", {"account"}),
        ("events:read", {"*", "account"}),
        ("audit:read", {"account"}),
    ],
)
def test_a_scope_is_for_a_zone_or_wherever_there_is_such_a_thing(
    world: World, scope: str, places: set[str]
) -> None:
    zone = create_zone(world.store, "example.com", actor="t", at=AT).zone.id

    grants = grants_of_scopes(world.store, [scope.replace("ZONE", zone)])

    word, _, level = scope.partition("@")[0].partition(":")
    assert {one.place.replace(zone, "zone") for one in grants} == places
    assert {(one.resource, one.level) for one in grants} == {(WORDS[word], Level(level))}


def test_every_resource_has_a_word() -> None:
    assert set(WORDS.values()) == set(Resource)


def test_scopes_are_shown_as_they_are_written(world: World) -> None:
    zone = create_zone(world.store, "example.com", actor="t", at=AT).zone.id
    names = {zone: "example.com"}
    scopes = ["certificates:write@example.com", "lists:read@account", "zones:write@*"]

    grants = grants_of_scopes(world.store, scopes)
    more = grants | {Grant(resource=Resource.ZONES, level=Level.READ, place=zone)}

    assert scopes_of(grants, names) == scopes
    assert scopes_of(more, names) == scopes
    assert scopes_of(EVERYTHING, names) == ["everything"]
    assert scopes_of(grants, {})[0] == f"certificates:write@{zone}"
