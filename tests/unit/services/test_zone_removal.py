# SPDX-License-Identifier: Apache-2.0
"""How what keeps a zone is told. What keeps one, in both databases: tests/contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import ConflictError
from authz.services.hosts import add_host
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource
from authz.services.rulesets import replace_rules
from authz.services.tokens import create_token
from authz.services.zone_removal import check_removable, remove_zone
from authz.services.zones import change_zone, create_zone
from tests.factories.pki import AT
from tests.factories.stored import named_list

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_everything_that_keeps_it_is_told_at_once(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca(zone="example.com")
    rules = [{"ref": name, "expression": "true", "action": "log"} for name in ("a", "b")]
    replace_rules(world.store, "example.com", rules, actor="t", at=AT)

    with pytest.raises(ConflictError) as caught:
        remove_zone(world.store, "example.com", actor="t", at=AT)

    told = "the zone example.com is not empty: 1 CA (Acme); 2 rules"
    assert caught.value.message == told
    assert caught.value.hint == (
        "remove them first, or give the zone another name: authz zone rename"
    )
    with pytest.raises(ConflictError):
        check_removable(world.store, "example.com")


def test_names_are_for_whoever_may_read_them(world: World) -> None:
    zone = create_zone(world.store, "example.com", actor="t", at=AT).zone
    world.ca(zone="example.com")
    add_host(world.store, "a.example.com", authority="Acme", actor="t", at=AT)
    one = named_list(zone.account_id, zone_id=zone.id, name="office")
    with world.store.write() as session:
        session.lists.add(one)
    bound = Grant(resource=Resource.RULES, level=Level.READ, place=zone.id)
    create_token(world.store, "robot", frozenset({bound}), actor="t", at=AT)

    def told(*grants: tuple[Resource, str]) -> str:
        within = frozenset(
            Grant(resource=resource, level=Level.READ, place=place) for resource, place in grants
        )
        with pytest.raises(ConflictError) as caught:
            remove_zone(world.store, zone.id, within=within, actor="t", at=AT)
        return caught.value.message.partition(" is not empty: ")[2]

    assert told((Resource.ZONES, zone.id)) == "1 host; 1 CA; 1 list; 1 token"
    assert told((Resource.CERTIFICATES, zone.id)) == (
        "1 host (a.example.com); 1 CA (Acme); 1 list; 1 token"
    )
    assert told((Resource.LISTS, ACCOUNT_WIDE)) == "1 host; 1 CA; 1 list (office); 1 token"
    assert told((Resource.TOKENS, ACCOUNT_WIDE)) == "1 host; 1 CA; 1 list; 1 token (robot)"


def test_settings_of_the_next_zone_are_for_whoever_may_read_them(world: World) -> None:
    zone = create_zone(world.store, "example.com", actor="t", at=AT).zone
    change_zone(world.store, "default", paths="as_sent", misdirected="ignore", actor="t", at=AT)
    mine = Grant(resource=Resource.ZONES, level=Level.WRITE, place=zone.id)

    with pytest.raises(ConflictError) as caught:
        remove_zone(world.store, zone.id, within=frozenset({mine}), actor="t", at=AT)

    assert caught.value.message == (
        "the zone that they would be in is less strict with the names of the zone example.com: "
        "paths is compare; misdirected is answer_421"
    )
