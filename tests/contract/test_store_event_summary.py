# SPDX-License-Identifier: Apache-2.0
"""Events added up, and found by what they begin with or were logged by, in both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.store.records_activity import StoredEvent
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.engine import Store

ZONE, OTHER = "1" * 32, "2" * 32
BEGIN = int(AT) // 60 * 60
COLUMNS = ("path", "rule")


def _event(number: int, **changes: Any) -> StoredEvent:
    given: dict[str, Any] = {
        "id": f"event {number}",
        "at": BEGIN + number + 0.75,
        "site": "a",
        "verdict": "deny",
        "rule": "r",
        "fingerprint_sha256": "",
        "path": "/",
        "zone_id": ZONE,
        "event": {"logged": []},
    }
    return StoredEvent(**given | changes)


def _keep(store: Store, *events: StoredEvent) -> None:
    with store.note() as session:
        session.events.add(events)


def test_events_are_added_up(store: Store) -> None:
    _keep(
        store,
        _event(1, path="/a"),
        _event(2, path="/b", weight=5),
        _event(3, path="/a"),
        _event(4, path="/a", rule=""),
        _event(5, path="/c", verdict="allow", weight=10),
        _event(6, path="/d", zone_id=OTHER),
    )
    with store.read() as session:
        found = session.events.summary(columns=COLUMNS, most=2, among=100, zone_id=ZONE)

    assert found.looked_at == 5
    assert found.kept == {"deny": (4, 8), "allow": (1, 10)}
    assert [(name, checks) for name, checks, _, _ in found.top["path"]] == [("/b", 5), ("/a", 3)]
    assert [(name, checks) for name, checks, _, _ in found.top["rule"]] == [("r", 7)]
    (_, _, _, at) = found.top["path"][1]
    assert at == BEGIN + 4.75


def test_the_latest_are_looked_at(store: Store) -> None:
    _keep(store, *(_event(number, path=f"/{number}") for number in range(5)))
    with store.read() as session:
        found = session.events.summary(columns=("path",), most=10, among=2)

    assert found.looked_at == 2
    assert sorted(name for name, *_ in found.top["path"]) == ["/3", "/4"]


def test_checks_over_time_are_those_that_events_stand_for(store: Store) -> None:
    _keep(
        store,
        _event(4, at=BEGIN - 0.1),
        _event(0, at=BEGIN + 59.9),
        _event(1, at=BEGIN + 60.0, weight=3),
        _event(2, at=BEGIN + 119.9),
        _event(3, at=BEGIN + 100.0, verdict="allow", weight=10),
    )
    with store.read() as session:
        found = session.events.summary(
            columns=(), most=1, among=100, step=("verdict", BEGIN, 60), step_among=100
        )

    assert sorted(found.steps) == [
        (BEGIN, "deny", "deny", 1),
        (BEGIN + 60, "allow", "allow", 10),
        (BEGIN + 60, "deny", "deny", 4),
    ]


def test_more_are_added_up_over_time_than_are_ranked(store: Store) -> None:
    _keep(store, *(_event(number, path=f"/{number}") for number in range(5)))
    with store.read() as session:
        found = session.events.summary(
            columns=("path",), most=9, among=2, step=("verdict", BEGIN, 60), step_among=4
        )

    assert (found.looked_at, found.kept) == (2, {"deny": (4, 4)})
    assert sorted(name for name, *_ in found.top["path"]) == ["/3", "/4"]
    assert found.steps == [(BEGIN, "deny", "deny", 4)]


def test_nothing_adds_up_to_nothing(store: Store) -> None:
    with store.read() as session:
        found = session.events.summary(
            columns=COLUMNS, most=5, among=5, step=("rule", 0, 60), since=0.0, until=5.0
        )

    assert (found.looked_at, found.kept, found.steps) == (0, {}, [])
    assert found.top == {"path": [], "rule": []}


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, [3, 2, 1]),
        (20.0, None, [3, 1]),
        (None, 30.0, [2, 1]),
        (10.0, 30.0, [2, 1]),
        (31.0, None, []),
        (None, 10.0, []),
    ],
)
def test_a_span_counts_though_numbers_are_not_quite_in_its_order(
    store: Store, since: float | None, until: float | None, expected: list[int]
) -> None:
    # The second was told late.
    _keep(store, _event(1, at=20.0), _event(2, at=10.0), _event(3, at=30.0))
    with store.read() as session:
        found = session.events.latest(most=10, since=since, until=until, zone_id=ZONE)

    assert [one.number for one in found] == expected


def test_a_path_is_found_by_what_it_begins_with(store: Store) -> None:
    paths = ("/admin", "/admin/x", "/Admin", "/%dmin", "/a", "/")
    _keep(store, *(_event(number, path=path) for number, path in enumerate(paths)))

    def found(prefix: str) -> set[str]:
        with store.read() as session:
            return {one.path for one in session.events.latest(most=10, path_prefix=prefix)}

    assert found("/admin") == {"/admin", "/admin/x"}
    assert found("/%") == {"/%dmin"}
    assert found("") == set(paths)


def test_events_are_found_by_a_rule_that_decided_or_logged(store: Store) -> None:
    _keep(
        store,
        _event(1, rule="watch"),
        _event(2, event={"logged": ["other", "watch"]}),
        _event(3, event={"logged": ["watch 2"]}),
        _event(4, event={"logged": [], "detail": '"logged":["watch"]'}),
        _event(5, event={"logged": ['"watch"', "WATCH"]}),
        _event(6, event={"number": 6}),
    )
    with store.read() as session:
        found = session.events.latest(most=10, matched="watch")

    assert [one.id for one in found] == ["event 2", "event 1"]
