# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from authz.services.replay_groups import MAX_EXAMPLES, MAX_GROUPS, Change, Gathering
from authz.store.records_activity import StoredEvent


def _event(number: int, path: str = "/", weight: int = 1) -> StoredEvent:
    return StoredEvent(
        id=f"e{number}",
        at=0.0,
        site="a",
        verdict="deny",
        rule="",
        fingerprint_sha256="",
        event={},
        host="a",
        path=path,
        weight=weight,
    )


def test_nothing_gathered_is_no_change() -> None:
    change = Gathering().change()

    assert (change.requests, change.checks, change.examples) == (0, 0, ())
    assert all(groups == () for groups in change.by.values())
    assert Change().by == {}


def test_the_largest_groups_come_first_with_some_examples() -> None:
    gathering = Gathering()
    for number in range(MAX_EXAMPLES + 3):
        gathering.add(_event(number, "/b", weight=2), "r")
    gathering.add(_event(99, "/a"), "s")
    change = gathering.change()

    assert (change.requests, change.checks) == (MAX_EXAMPLES + 4, 2 * MAX_EXAMPLES + 7)
    first, second = change.by["path"]
    assert (first.name, first.requests, first.checks) == (
        "/b",
        MAX_EXAMPLES + 3,
        2 * MAX_EXAMPLES + 6,
    )
    assert first.examples == tuple(f"e{number}" for number in range(MAX_EXAMPLES))
    assert (second.name, second.examples) == ("/a", ("e99",))
    assert [one.name for one in change.by["rule"]] == ["r", "s"]


def test_many_groups_are_cut() -> None:
    gathering = Gathering()
    for number in range(MAX_GROUPS + 5):
        gathering.add(_event(number, f"/{number}"), "")

    assert len(gathering.change().by["path"]) == MAX_GROUPS
