# SPDX-License-Identifier: Apache-2.0
"""Filters, pages and permissions are in tests/unit/api/routes/test_events.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import NotFoundError
from authz.services.events import EventFilter, event_host, get_event, hex_of, list_events

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
