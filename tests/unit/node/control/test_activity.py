# SPDX-License-Identifier: Apache-2.0
"""What workers tell, into the store: bounded, in one transaction, and never in the way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import StoreUnavailableError
from authz.node.control import activity as module
from authz.node.control.activity import ActivityWriter, retention_of
from authz.node.control.config import KeepConfig
from authz.observability.activity import CertificateCounted, Report
from authz.observability.recorded import Recorded
from tests.factories.events import blocked, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.observability.events import Event
    from authz.store.records_activity import StoredEvent
    from tests.factories.populated import World


def _event(number: int, **changes: Any) -> Event:
    return blocked(id=f"d-{number}", at=float(number), **changes)


def _stored(world: World) -> list[StoredEvent]:
    with world.store.read() as session:
        return session.events.latest(most=5000)


def _counts(world: World) -> dict[str, int]:
    with world.store.read() as session:
        rows = session.check_counts.summed("rule", since=0, until=120, step=60)
    return {rule: checks for _, rule, checks in rows}


@pytest.fixture
def writer(world: World) -> Iterator[ActivityWriter]:
    made = ActivityWriter(clock=lambda: 2_000_000_000.0)
    made.use(world.store)
    yield made
    made.stop()


def test_events_of_a_policy_file_s_sites_are_no_zone_s(world: World) -> None:
    names: list[str] = []
    writer = ActivityWriter(file_sites=lambda: names)
    writer.use(world.store)
    writer.add(Report(events=(_event(1, site="default"),)))
    writer.write()
    names.append("default")
    writer.add(Report(events=(_event(2, site="default"),)))
    writer.write()

    assert [one.zone_id is None for one in _stored(world)] == [True, False]


def test_events_and_last_sights_are_written(writer: ActivityWriter, world: World) -> None:
    alice = world.issue().certificate
    writer.add(Report(events=(_event(1), _event(2)), seen={alice.fingerprint_sha256: 5.0}))
    # Workers tell out of order; the latest sight counts.
    writer.add(Report(seen={alice.fingerprint_sha256: 4.0}))

    writer.write()

    assert [one.id for one in _stored(world)] == ["d-2", "d-1"]
    with world.store.read() as session:
        found = session.certificates.get(alice.id)
    assert found is not None
    assert found.last_seen_at == 5.0
    writer.write()
    assert len(_stored(world)) == 2


def test_a_write_publishes_nothing(writer: ActivityWriter, world: World) -> None:
    with world.store.read() as session:
        before = session.revision
    writer.add(Report(events=(_event(1),)))
    writer.write()

    with world.store.read() as session:
        assert session.revision == before


def test_what_does_not_fit_is_counted(writer: ActivityWriter, world: World) -> None:
    writer.add(Report(events=tuple(map(_event, range(module.MAX_WAITING + 3)))))
    assert writer.dropped == 3

    writer.write()
    assert len(_stored(world)) == module.MAX_WAITING


def test_certificates_that_wait_are_bounded(
    writer: ActivityWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SEEN", 2)

    writer.add(Report(seen={"a": 1.0, "b": 1.0, "c": 1.0}))
    writer.add(Report(seen={"a": 2.0}))

    assert writer._seen == {"a": 2.0, "b": 1.0}


def test_the_requests_that_wait_are_bounded_together(
    writer: ActivityWriter, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 10)
    large = _event(1, recorded=Recorded(request=bytes(6)))
    writer.add(Report(events=(large, large, _event(2))))
    assert writer.dropped == 1

    writer.write()
    writer.add(Report(events=(large,)))
    writer.write()
    assert writer.dropped == 1
    with world.store.read() as session:
        numbers = [one.number for one in session.events.latest(most=9)]
        assert len(session.events.requests(numbers)) == 2


def test_counts_are_added_up_and_written(writer: ActivityWriter, world: World) -> None:
    alice = world.issue().certificate.fingerprint_sha256

    def certificate(allowed: int, *, verified: bool) -> CertificateCounted:
        return CertificateCounted(fingerprint=alice, allowed=allowed, blocked=1, verified=verified)

    for verified in (False, True):
        writer.add(
            Report(
                counts=(counted(checks=2), counted("s")),
                certificates=(certificate(3, verified=verified),),
            )
        )
    writer.write()
    writer.write()
    writer.add(Report(counts=(counted(checks=5),)))
    writer.write()

    assert _counts(world) == {"r": 9, "s": 2}
    with world.store.read() as session:
        found = session.certificate_checks.get([alice])[alice]
    assert (found.allowed, found.blocked, found.verified) == (6, 2, True)
    assert writer.uncounted == 0


def test_counts_wait_for_a_store_that_is_away(
    writer: ActivityWriter, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> Any:
        raise StoreUnavailableError("it is down")

    monkeypatch.setattr(world.store, "note", down)
    writer.add(Report(counts=(counted(checks=2),)))
    writer.write()
    writer.add(Report(counts=(counted(checks=3),)))
    writer.write()
    monkeypatch.undo()
    writer.use(None)
    writer.write()
    writer.use(world.store)
    writer.write()

    assert _counts(world) == {"r": 5}
    assert writer.uncounted == 0


def test_counts_that_the_store_refuses_are_not_tried_again(
    writer: ActivityWriter, world: World
) -> None:
    writer.add(Report(counts=(counted("nul \0", checks=7),)))
    writer.write()
    writer.add(Report(counts=(counted(checks=1),)))
    writer.write()

    assert _counts(world) == {"r": 1}
    assert writer.uncounted == 7


def test_counts_that_do_not_fit_are_counted(
    writer: ActivityWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_COUNTS", 1)
    monkeypatch.setattr(module, "MAX_CERTIFICATES", 1)
    some = tuple(
        CertificateCounted(fingerprint=one, allowed=1, blocked=2, verified=True) for one in "ab"
    )
    writer.add(Report(counts=(counted("r", 2), counted("s", 4), counted("r")), certificates=some))

    assert writer.uncounted == 4 + 3


def test_as_much_is_kept_as_the_settings_say(world: World) -> None:
    retention = retention_of(KeepConfig(events=2, days=1, megabytes=3))
    assert (retention.events, retention.seconds, retention.bytes) == (2, 86_400.0, 3 * 1024**2)
    writer = ActivityWriter(clock=lambda: 100.0, retention=retention)
    writer.use(world.store)
    writer.add(Report(events=tuple(map(_event, range(4)))))
    writer.write()
    writer.tidy()

    assert [one.id for one in _stored(world)] == ["d-3", "d-2"]


def test_without_a_store_events_are_dropped_and_counted(writer: ActivityWriter) -> None:
    writer.use(None)
    writer.add(Report(events=(_event(1),)))

    writer.write()

    assert writer.dropped == 1


def test_a_store_that_is_down_costs_events_alone(
    writer: ActivityWriter,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def down() -> Any:
        raise StoreUnavailableError("it is down")

    monkeypatch.setattr(world.store, "note", down)
    writer.add(Report(events=(_event(1),)))
    writer.write()
    writer.tidy()
    assert writer.dropped == 1
    assert "events are not kept" in capsys.readouterr().err

    monkeypatch.undo()
    writer.add(Report(events=(_event(2),)))
    writer.write()
    assert [one.id for one in _stored(world)] == ["d-2"]


def test_names_that_are_too_long_are_cut(writer: ActivityWriter, world: World) -> None:
    writer.add(Report(events=(_event(1, site="s" * 300, rule="r" * 300),)))

    writer.write()

    (stored,) = _stored(world)
    assert (len(stored.site), len(stored.rule)) == (255, 255)


def test_old_events_are_removed(writer: ActivityWriter, world: World) -> None:
    writer.add(Report(events=(_event(1), _event(1_999_999_999))))
    writer.write()

    writer.tidy()

    assert [one.id for one in _stored(world)] == ["d-1999999999"]
    writer.use(None)
    writer.tidy()


def test_the_thread_writes_tidies_and_writes_once_more_at_its_end(
    writer: ActivityWriter, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.001)
    monkeypatch.setattr(module, "TIDY_ROUNDS", 2)
    tidied = threading.Event()
    monkeypatch.setattr(writer, "tidy", tidied.set)
    thread = threading.Thread(target=writer.run)
    thread.start()
    assert tidied.wait(10.0)

    writer.stop()
    writer.add(Report(events=(_event(1),)))
    thread.join(10.0)

    assert not thread.is_alive()
    writer.write()
    assert [one.id for one in _stored(world)] == ["d-1"]
