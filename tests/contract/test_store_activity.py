# SPDX-License-Identifier: Apache-2.0
"""Events with their requests, counts by minute and hour, and by certificate, in both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authz.store.check_counts import HOUR, MINUTE
from authz.store.records_activity import (
    CertificateChecks,
    CheckCount,
    RecordedRequest,
    StoredEvent,
)
from tests.factories.pki import AT
from tests.factories.stored import certificate, with_authority

if TYPE_CHECKING:
    from authz.store.engine import Store

ZONE, OTHER = "1" * 32, "2" * 32
#: A whole hour.
BEGIN = int(AT) // HOUR * HOUR


def _event(number: int, **changes: Any) -> StoredEvent:
    given: dict[str, Any] = {
        "id": f"event {number}",
        "at": AT + number,
        "site": "a",
        "verdict": "deny",
        "rule": "r",
        "fingerprint_sha256": "",
        "event": {"number": number},
        "path": "/",
        "zone_id": ZONE,
        "bytes": 100,
    }
    return StoredEvent(**given | changes)


def _request(number: int) -> RecordedRequest:
    return RecordedRequest(request=b"\0request %d" % number, left_out={"headers": ["cookie"]})


def _count(at: int = BEGIN, checks: int = 1, **changes: Any) -> CheckCount:
    given: dict[str, Any] = {
        "seconds": MINUTE,
        "site": "a",
        "verdict": "deny",
        "reason": "rule",
        "action": "block",
        "rule": "r",
        "zone_id": ZONE,
    }
    return CheckCount(at=at, checks=checks, **given | changes)


def _checks(fingerprint: str, **changes: Any) -> CertificateChecks:
    given: dict[str, Any] = {
        "allowed": 1,
        "blocked": 2,
        "first_at": AT,
        "last_at": AT,
        "verified": True,
    }
    return CertificateChecks(fingerprint_sha256=fingerprint, **given | changes)


def test_a_request_is_kept_with_its_event_and_goes_with_it(store: Store) -> None:
    with store.note() as session:
        session.events.add(
            [_event(1), _event(2), _event(3)],
            {"event 1": _request(1), "event 3": _request(3), "event 9": _request(9)},
        )
        session.events.add([_event(4)], {"event 9": _request(9)})
    with store.read() as session:
        third, first = (session.events.get(f"event {number}") for number in (3, 1))
        assert third is not None
        assert first is not None
        numbers = [one.number for one in session.events.latest(most=9)]
        assert session.events.request(third.number) == replace(_request(3), number=third.number)
        assert session.events.requests(numbers) == {
            one.number: replace(_request(number), number=one.number)
            for number, one in ((1, first), (3, third))
        }
    with store.note() as session:
        assert session.events.forget(before=AT + 2, keep=9) == 1
        assert session.events.request(first.number) is None
        assert session.events.request(third.number) is not None


def test_events_after_a_number_come_in_their_order(store: Store) -> None:
    with store.note() as session:
        session.events.add([_event(number) for number in range(1, 6)])
    with store.read() as session:
        [second] = session.events.latest(most=1, before=3)
        found = session.events.latest(most=2, after=second.number)
        assert [one.id for one in found] == ["event 3", "event 4"]
        assert session.events.latest(most=2, after=99) == []
        assert [one.id for one in session.events.latest(most=9, path="/", rule="r")] == [
            f"event {number}" for number in (5, 4, 3, 2, 1)
        ]


def test_what_most_events_have(store: Store) -> None:
    some = [
        _event(1, path="/a"),
        _event(2, path="/b", weight=5),
        _event(3, path="/b"),
        _event(4, path="/a", verdict="allow"),
        _event(5, path="/c", zone_id=OTHER),
        _event(6, path=""),
    ]
    with store.note() as session:
        session.events.add(some)
    with store.read() as session:
        top = session.events.top
        wanted = {"zone_id": ZONE, "verdict": "deny"}
        found = top("path", most=9, **wanted)
        assert [(one[0], one[1], one[3]) for one in found] == [("/b", 6, AT + 3), ("/a", 1, AT + 1)]
        assert [one[0] for one in top("path", most=1, **wanted)] == ["/b"]
        assert [one[0] for one in top("path", most=9, since=AT + 2, until=AT + 5)] == ["/b", "/a"]


def test_events_are_kept_as_far_as_they_fit(store: Store) -> None:
    with store.note() as session:
        session.events.add([_event(number, bytes=number * 100) for number in range(1, 6)])
        assert session.events.size() == 1500
        assert session.events.forget(before=0, keep=99, keep_bytes=1500) == 0
        assert session.events.forget(before=0, keep=99, keep_bytes=1499) == 1
        assert session.events.forget(before=0, keep=99, keep_bytes=900) == 2
        assert [one.id for one in session.events.latest(most=9)] == ["event 5", "event 4"]
        assert session.events.forget(before=0, keep=99, keep_bytes=0) == 2
        assert session.events.size() == 0


def test_counts_are_added_up_by_what_they_are_of(store: Store) -> None:
    allow = {"verdict": "allow", "reason": "default_action", "action": "allow", "rule": ""}
    with store.note() as session:
        session.check_counts.add([])
        session.check_counts.add([_count(checks=2), _count(BEGIN + 60), _count(rule="s")])
        session.check_counts.add(
            [_count(checks=3), _count(checks=9, **allow), _count(zone_id=OTHER, site="b")]
        )
        session.check_counts.add([_count(checks=7, verdict="", reason="logged", action="log")])
    with store.read() as session:
        summed = session.check_counts.summed
        span = {"since": BEGIN, "until": BEGIN + 120, "step": 60}
        assert summed("rule", **span, zone_id=ZONE) == [
            (BEGIN, "", 9),
            (BEGIN, "r", 5),
            (BEGIN, "s", 1),
            (BEGIN + 60, "r", 1),
        ]
        assert summed("verdict", **span) == [
            (BEGIN, "allow", 9),
            (BEGIN, "deny", 7),
            (BEGIN + 60, "deny", 1),
        ]
        assert summed("site", since=BEGIN, until=BEGIN + 60, step=3600) == [
            (BEGIN, "a", 15),
            (BEGIN, "b", 1),
        ]
        # A step may begin anywhere.
        assert summed("site", since=BEGIN - 60, until=BEGIN + 120, step=120, zone_id=ZONE) == [
            (BEGIN - 60, "a", 15),
            (BEGIN + 60, "a", 1),
        ]
        assert sorted(session.check_counts.of_rules(ZONE, BEGIN)) == [
            ("r", "block", "rule", 6, BEGIN + 60),
            ("r", "log", "logged", 7, BEGIN),
            ("s", "block", "rule", 1, BEGIN),
        ]
        assert session.check_counts.of_rules(ZONE, BEGIN + 61) == []
        assert session.check_counts.first() == BEGIN
        assert session.check_counts.first("3" * 32) is None


def test_minutes_become_hours(store: Store) -> None:
    minutes = [_count(BEGIN + 60 * n) for n in range(120)]
    with store.note() as session:
        session.check_counts.add(
            [*minutes, _count(BEGIN, rule="s"), _count(site="n", zone_id=None)]
        )
        assert not session.check_counts.has_hours(0, 2**40)
        # Half an hour is not enough.
        assert session.check_counts.roll_up(BEGIN + 1800) == 0
        assert session.check_counts.roll_up(BEGIN + HOUR + 1800) == 62
        assert session.check_counts.roll_up(BEGIN + HOUR + 1800) == 0
        # And what comes late is added.
        session.check_counts.add([_count(BEGIN + 60, checks=40)])
        assert session.check_counts.roll_up(BEGIN + HOUR) == 1
    with store.read() as session:
        assert session.check_counts.summed(
            "rule", since=BEGIN, until=BEGIN + 2 * HOUR, step=HOUR, zone_id=ZONE
        ) == [(BEGIN, "r", 100), (BEGIN, "s", 1), (BEGIN + HOUR, "r", 60)]
        assert session.check_counts.has_hours(BEGIN, BEGIN + 60, ZONE)
        assert not session.check_counts.has_hours(BEGIN + HOUR, BEGIN + 2 * HOUR)
        assert not session.check_counts.has_hours(BEGIN, BEGIN + 60, OTHER)


def test_counts_are_kept_for_so_long_and_so_many(store: Store) -> None:
    with store.note() as session:
        session.check_counts.add(
            [_count(BEGIN + 60 * n, site=site) for n in range(5) for site in "ab"]
        )
        assert session.check_counts.forget(before=BEGIN + 60, keep=99) == 2
        # All of a minute go together.
        assert session.check_counts.forget(before=0, keep=7) == 2
        assert session.check_counts.forget(before=0, keep=6) == 0
        assert session.check_counts.first() == BEGIN + 120
        assert session.check_counts.forget(before=0, keep=0) == 6


def test_certificates_are_counted_and_found_by_their_fingerprint(store: Store) -> None:
    with store.note() as session:
        session.certificate_checks.add([])
        session.certificate_checks.add([_checks("a"), _checks("b", verified=False)])
        session.certificate_checks.add(
            [_checks("a", first_at=AT + 5, last_at=AT + 5, verified=False), _checks("b")]
        )
    with store.read() as session:
        found = session.certificate_checks.get(["a", "b", "c"])
        assert found == {
            "a": _checks("a", allowed=2, blocked=4, last_at=AT + 5),
            "b": _checks("b", allowed=2, blocked=4),
        }
        assert session.certificate_checks.get([]) == {}
        many = [f"{number:064x}" for number in range(1200)]
        assert session.certificate_checks.get([*many, "a"]).keys() == {"a"}


def test_certificates_that_are_managed_here_are_known_and_never_forgotten(store: Store) -> None:
    with store.write() as session:
        zone, of = with_authority(session)
        mine = certificate(of, zone.id, 1)
        session.certificates.add(mine)
    fingerprint = mine.fingerprint_sha256
    with store.note() as session:
        counts = session.certificate_checks
        assert counts.known([fingerprint, "00"]) == {fingerprint}
        assert counts.known([fingerprint], zone.id) == {fingerprint}
        assert counts.known([fingerprint], OTHER) == set()
        counts.add([_checks(fingerprint), *(_checks(f"{n}", last_at=AT + n) for n in range(5))])
        assert counts.forget(before=AT + 1, keep=99) == 1
        # Those that were seen longest ago.
        assert counts.forget(before=0, keep=3) == 1
        assert counts.get(["0", "1", "2", "3", "4", fingerprint]).keys() == {
            *("2", "3", "4"),
            fingerprint,
        }
        assert counts.forget(before=AT + 99, keep=0) == 3
        assert counts.get([fingerprint]).keys() == {fingerprint}


def test_several_may_count_the_same_at_once(store: Store) -> None:
    sites = [f"s{number}" for number in range(20)]

    def count(order: int) -> None:
        for _ in range(5):
            with store.note() as session:
                session.check_counts.add([_count(site=one) for one in sites[::order]])
                session.certificate_checks.add([_checks(one) for one in sites[::order]])

    threads = [threading.Thread(target=count, args=(order,)) for order in (1, -1, 1)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    with store.read() as session:
        [(_, _, checks)] = session.check_counts.summed(
            "rule", since=BEGIN, until=BEGIN + 60, step=60
        )
        assert checks == 300
        assert session.certificate_checks.get(["s3"])["s3"].blocked == 30
