# SPDX-License-Identifier: Apache-2.0
"""Filters, pages and permissions are in tests/unit/api/routes/test_events.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import NotFoundError
from authz.services.activity import keep_activity
from authz.services.events import (
    EventFilter,
    event_host,
    get_event,
    hex_of,
    last_number,
    list_events,
    recorded_request,
)
from tests.factories.events import blocked

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_a_store_without_events(world: World) -> None:
    page = list_events(world.store, EventFilter(), most=10)

    assert (page.events, page.cursor) == ((), None)
    with pytest.raises(NotFoundError):
        get_event(world.store, "x")


def test_hosts_and_fingerprints_are_found_in_any_spelling() -> None:
    assert event_host("API.example.com.:443") == "api.example.com"
    assert event_host("\ud800") == "\ud800"
    assert hex_of("AB:cd") == "abcd"


def test_a_live_tail_begins_behind_the_latest_event(world: World) -> None:
    assert last_number(world.store) == 0
    keep_activity(world.store, {}, [blocked(id="1"), blocked(id="2")])
    assert last_number(world.store) == 2
    assert list_events(world.store, EventFilter(), most=9, after=2).events == ()
    assert recorded_request(world.store, get_event(world.store, "1")) is None
