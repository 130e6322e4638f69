# SPDX-License-Identifier: Apache-2.0
"""What several processes tell, in one place and bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from authz.observability.activity import Activity, CertificateCounted, Report, Rule
from authz.observability.recorded import Recorded
from tests.factories.events import blocked, counted, logged

if TYPE_CHECKING:
    from authz.observability.events import Event

PLAIN = blocked(id="1", site="api", rule="r", host="h", client_ip="", failure="absent")


def event(**changes: object) -> Event:
    return msgspec.structs.replace(PLAIN, **changes)


def test_a_report_survives_being_sent() -> None:
    report = Report(events=(PLAIN,), seen={"f": 1.0}, counts=(counted("r", 2),))

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(report), type=Report) == report
    assert not report.is_empty
    certificate = CertificateCounted(fingerprint="f", allowed=1, blocked=0, verified=True)
    assert not Report(certificates=(certificate,)).is_empty
    assert Report().is_empty


def test_the_latest_events_come_first_and_are_found_by_what_they_say() -> None:
    activity = Activity()
    activity.add(Report(events=(event(id="1"), event(id="2", site="other"))))
    activity.add(Report(events=(event(id="3"),)))

    assert [one.id for one in activity.events()] == ["3", "2", "1"]
    assert [one.id for one in activity.events(1)] == ["3"]
    assert [one.id for one in activity.events(10, lambda one: one.site == "other")] == ["2"]
    found = activity.event("2")
    assert found is not None
    assert found.site == "other"
    assert activity.event("4") is None


def test_old_events_make_room() -> None:
    activity = Activity(max_events=2)
    activity.add(Report(events=tuple(event(id=str(n)) for n in range(5))))

    assert [one.id for one in activity.events()] == ["4", "3"]


def test_a_certificate_was_seen_when_any_process_saw_it_last() -> None:
    activity = Activity()
    activity.add(Report(seen={"a": 20.0, "b": 5.0}))
    activity.add(Report(seen={"a": 10.0}))

    assert activity.last_seen("a") == 20.0
    assert activity.last_seen("b") == 5.0
    assert activity.last_seen("c") is None


def test_those_that_nobody_told_of_for_longest_make_room() -> None:
    activity = Activity(max_seen=2, max_rules=2)
    for name in ("a", "b", "a", "c"):
        activity.add(Report(seen={name: 1.0}, counts=(counted(name),)))

    assert [activity.last_seen(name) for name in "abc"] == [1.0, None, 1.0]
    assert activity.rules() == {Rule("api", "a", "block"): 2, Rule("api", "c", "block"): 1}


def test_what_rules_did_is_added_up_over_processes() -> None:
    activity = Activity()
    activity.add(Report(counts=(counted("r", 2), logged("l", 3))))
    activity.add(Report(counts=(counted("r", 5), counted("", 9, reason="default_action"))))

    assert activity.rules() == {Rule("api", "r", "block"): 7, Rule("api", "l", "log"): 3}


def test_what_was_asked_is_not_kept_in_memory() -> None:
    activity = Activity()
    activity.add(Report(events=(event(recorded=Recorded(request=b"large")), event())))

    assert [one.recorded for one in activity.events()] == [None, None]
