# SPDX-License-Identifier: Apache-2.0
"""Events added up, for people; how both databases do it is in tests/contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import InvalidInputError
from authz.services.activity import keep_activity
from authz.services.event_summary import (
    MAX_EVENTS,
    Kept,
    Over,
    summarise_events,
)
from authz.services.events import EventFilter
from tests.factories.events import blocked

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

PRINT = "ab" * 32


def _keep(world: World) -> None:
    keep_activity(
        world.store,
        {},
        [
            blocked(id="1", at=10.0, path="/a", fingerprint=PRINT),
            blocked(id="2", at=70.0, path="/b", host="B.example.com:443"),
            blocked(id="3", at=80.0, path="/b", rule="other"),
            blocked(id="4", at=90.0, verdict="allow", rule="", action="allow", weight=10),
        ],
    )


def test_what_was_blocked_most_and_how_much_there_is(world: World) -> None:
    _keep(world)

    found = summarise_events(world.store, EventFilter())

    assert (found.looked_at, found.complete) == (4, True)
    assert (found.blocked, found.allowed) == (Kept(events=3, checks=3), Kept(events=1, checks=10))
    assert {by: [(one.name, one.blocked) for one in top] for by, top in found.top.items()} == {
        "certificate": [(PRINT, 1)],
        "path": [("/b", 2), ("/a", 1)],
        "host": [("api.example.com", 2), ("b.example.com", 1)],
        "rule": [("protect", 2), ("other", 1)],
    }
    assert found.top["path"][0].last_at == 80.0


def test_of_those_that_are_wanted(world: World) -> None:
    _keep(world)

    found = summarise_events(world.store, EventFilter(path="/b", since=75.0), most=1)

    assert found.looked_at == 1
    assert [one.name for one in found.top["rule"]] == ["other"]


def test_the_latest_are_looked_at_when_there_are_too_many(world: World) -> None:
    for part in range(0, MAX_EVENTS, 5_000):
        some = [blocked(id=str(number), at=float(number)) for number in range(part, part + 5_000)]
        keep_activity(world.store, {}, some)

    found = summarise_events(world.store, EventFilter())

    assert (found.looked_at, found.complete) == (MAX_EVENTS, False)


def test_checks_over_time_are_estimated(world: World) -> None:
    _keep(world)
    over = Over(since=1.0, until=100.0, step=60)

    found = summarise_events(world.store, EventFilter(), over=over)
    blocked_ones = summarise_events(world.store, EventFilter(verdict="deny"), over=over)

    assert found.over is not None
    assert (found.over.since, found.over.until, found.over.is_exact) == (0, 120, False)
    assert [(one.name, one.checks) for one in found.over.series] == [
        ("allow", (0, 10)),
        ("deny", (1, 2)),
    ]
    assert (found.blocked.checks, found.allowed.checks) == (3, 10)
    assert blocked_ones.over is not None
    assert [one.name for one in blocked_ones.over.series] == ["deny"]
    assert blocked_ones.allowed == found.allowed


def test_what_is_not_in_the_span_is_in_no_step(world: World) -> None:
    _keep(world)

    found = summarise_events(world.store, EventFilter(), over=Over(since=60, until=120, step=60))

    assert found.over is not None
    assert [(one.name, one.checks) for one in found.over.series] == [
        ("allow", (10,)),
        ("deny", (2,)),
    ]


@pytest.mark.parametrize(("since", "until"), [(60.0, 60.0), (0.0, 1e9)])
def test_a_span_has_some_steps_and_not_too_many(world: World, since: float, until: float) -> None:
    over = Over(since=since, until=until, step=60)

    with pytest.raises(InvalidInputError, match="steps"):
        summarise_events(world.store, EventFilter(), over=over)


@pytest.mark.parametrize("most", [0, 101])
def test_so_many_cannot_be_told(world: World, most: int) -> None:
    with pytest.raises(InvalidInputError, match="cannot be told"):
        summarise_events(world.store, EventFilter(), most=most)
