# SPDX-License-Identifier: Apache-2.0
"""How what keeps a zone is told. What keeps one, in both databases: tests/contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import ConflictError
from authz.services.rulesets import replace_rules
from authz.services.zone_removal import check_removable, remove_zone
from authz.services.zones import create_zone
from tests.factories.pki import AT

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
