# SPDX-License-Identifier: Apache-2.0
"""Decisions reach a collector as log records: beside a file, without one, never at its cost."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.reading import read_request
from authz.extauthz.service import CheckService
from authz.observability.decision_feed import MAX_QUEUED, DecisionFeed
from authz.observability.decision_log import DecisionLog
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.decision_records import DecisionRecords
from authz.observability.events import note_nothing
from authz.observability.metrics import Metrics
from authz.observability.tracing import Tracing
from tests.factories.checks import check_request
from tests.factories.decision_log import ID, read_lines
from tests.factories.decisions import allowed
from tests.factories.otlp import Collector, attributes_of
from tests.factories.pki import AT
from tests.factories.policies import snapshot

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = DecodeOptions()
REQUEST = check_request().SerializeToString()
ADMIN = check_request(path="/admin").SerializeToString()
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Panic(BaseException):
    """As a panic in a Rust extension arrives: no Exception."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def feed_to(path: Path | None, collector: Collector, **options: Any) -> Any:
    log = DecisionLog(DecisionLogOptions(path=path and str(path), **options), "0")
    records = DecisionRecords("0", collector.endpoint)
    return DecisionFeed(
        note_nothing, lambda data: read_request(data, OPTIONS), log, records=records
    )


def service_with(feed: DecisionFeed) -> CheckService:
    made = CheckService(OPTIONS, DEFAULT_LIMITS, Metrics(), clock=lambda: AT, note=feed.note)
    made.snapshot = snapshot()
    return made


def note(feed: DecisionFeed, data: bytes = REQUEST) -> None:
    feed.note(allowed(), ID, AT, b"api.example.com", b"/", data, 0.00001)


def test_a_record_says_what_the_line_says_of_the_same_decisions(
    path: Path, collector: Collector
) -> None:
    feed = feed_to(path, collector, allowed=0.0, client_ip="network", query="none")
    service = service_with(feed)
    feed.arrived([("traceparent", f"00-{TRACE}-{SPAN}-01")])
    for data in [REQUEST, ADMIN] * 3:
        service.check(data)
    feed.stop()

    lines = read_lines(path)
    assert len(lines) == len(collector.records()) == 3
    for line, record in zip(lines, collector.records(), strict=True):
        found = attributes_of(record)
        assert found["authz.decision.id"] == line["id"]
        assert found["client.address"] == line["client_ip"] == "198.51.100.0/24"
        assert "url.query" not in found
        # Nobody makes spans: it is in Envoy's.
        assert record.trace_id.hex() == line["trace_id"] == TRACE
        assert record.span_id.hex() == SPAN
    assert feed.records_dropped == {}


def test_without_a_file_there_are_records_and_no_line_to_lose(collector: Collector) -> None:
    feed = feed_to(None, collector)
    for _ in range(3):
        note(feed)
    feed.stop()

    assert len(collector.records()) == 3
    assert feed.log.written == 0
    # What finds no room would have been a record, and no line.
    for _ in range(MAX_QUEUED + 2):
        note(feed, data=b"")
    assert (feed.lines_dropped, feed.records_dropped) == ({}, {"queue": 2})


def test_a_collector_that_hangs_and_a_disk_that_hangs_cost_one_time_for_the_end(
    path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        begun.set()
        go_on.wait(60)
        return real(descriptor, data)

    collector.hold.clear()
    monkeypatch.setattr(os, "write", write)
    feed = feed_to(path, collector)
    feed.start()
    note(feed)
    note(feed)
    assert begun.wait(30)
    note(feed)
    began = time.monotonic()
    feed.stop(seconds=1.0)
    took = time.monotonic() - began
    go_on.set()
    feed._thread.join(30)

    # Half of it for the disk, the rest for the collector; one second for a busy machine.
    assert 0.5 <= took < 2
    assert feed.lines_dropped["shutdown"] >= 1
    assert feed.records_dropped["shutdown"] >= 1


def test_a_line_that_would_be_lost_is_made_for_a_record_alone(
    path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authz.observability.decision_log.MAX_WAITING", 0)
    feed = feed_to(path, collector)
    note(feed)
    feed.stop()
    assert (feed.lines_dropped, len(collector.records())) == ({"waiting": 1}, 1)

    log = DecisionLog(DecisionLogOptions(path=str(path)), "0")
    feed = DecisionFeed(note_nothing, lambda data: read_request(data, OPTIONS), log)
    monkeypatch.setattr(log._words, "line", lambda *_, **__: pytest.fail("nobody would see it"))
    note(feed)
    feed.stop()
    assert feed.lines_dropped == {"waiting": 1}


def test_whoever_takes_spans_and_records_is_waited_for_once(collector: Collector) -> None:
    collector.hold.clear()
    tracing = Tracing("0", collector.endpoint)
    records = DecisionRecords("0", collector.endpoint)
    feed = DecisionFeed(
        note_nothing,
        lambda data: read_request(data, OPTIONS),
        DecisionLog(DecisionLogOptions(path=None), "0"),
        tracing,
        records,
    )
    feed.arrived([])
    note(feed)
    began = time.monotonic()
    feed.stop(seconds=1.0)

    # One after the other, it would be two seconds.
    assert 1.0 <= time.monotonic() - began < 1.9
    assert feed.records_dropped == feed.spans_dropped == {"shutdown": 1}


@pytest.mark.parametrize("error", [ZeroDivisionError, Panic])
def test_a_record_that_could_not_be_made_costs_no_line(
    path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    feed = feed_to(path, collector)
    with monkeypatch.context() as patch:
        patch.setattr(feed.records, "take", broken)
        note(feed)
        feed._hand_on(1)
    note(feed)
    feed.stop()

    assert len(read_lines(path)) == 2
    assert len(collector.records()) == 1
    assert (feed.lines_dropped, feed.records_dropped) == ({}, {"error": 1})


def test_a_line_that_could_not_be_made_is_no_record_either(
    path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    feed = feed_to(path, collector)
    monkeypatch.setattr(feed.log._words, "line", broken)
    note(feed)
    feed.stop()

    assert feed.lines_dropped == feed.records_dropped == {"error": 1}
