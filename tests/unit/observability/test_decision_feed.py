# SPDX-License-Identifier: Apache-2.0
"""Decisions reach the log, whole, whatever happens there; and no check ever hears of it."""

from __future__ import annotations

import math
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.reading import read_request
from authz.extauthz.service import CheckService
from authz.observability import decision_feed as module
from authz.observability.decision_feed import MAX_KEPT_BYTES, MAX_QUEUED, DecisionFeed
from authz.observability.decision_log import DecisionLog
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.events import EventRecorder, note_nothing
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.factories.checks import HEADERS, check_request
from tests.factories.decision_log import ID, read_lines
from tests.factories.decisions import allowed, blocked
from tests.factories.pki import AT, presented, root
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.observability.events import Note

OPTIONS = DecodeOptions()
REQUEST = check_request().SerializeToString()
ADMIN = check_request(path="/admin").SerializeToString()
TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "f" * 32


def traceparent(trace: str) -> str:
    return f"00-{trace}-b7ad6b7169203331-01"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def feed_to(path: Path, tell: Note = note_nothing, **options: Any) -> Any:
    log = DecisionLog(DecisionLogOptions(path=str(path), **options), "0")
    return DecisionFeed(tell, lambda data: read_request(data, OPTIONS), log)


def service_with(feed: DecisionFeed | None, *, loaded: bool = True) -> CheckService:
    note = note_nothing if feed is None else feed.note
    made = CheckService(OPTIONS, DEFAULT_LIMITS, Metrics(), clock=lambda: AT, note=note)
    if loaded:
        made.snapshot = snapshot()
    return made


def identity(answer: bytes) -> str:
    return str(CheckResponse.FromString(answer).dynamic_metadata["decision_id"])


def test_every_check_has_its_line_with_the_id_of_its_answer(path: Path) -> None:
    feed = feed_to(path, headers=("user-agent",))
    service = service_with(feed)
    # Remembered decisions as well, which an event would not be told of.
    asked = [identity(service.check(data)) for data in [REQUEST, ADMIN] * 6]
    feed.stop()

    found = read_lines(path)
    assert [one["id"] for one in found] == asked
    assert [one["verdict"] for one in found] == ["allow", "deny"] * 6
    assert {one["path"] for one in found} == {"/orders", "/admin"}
    assert [one["headers"] for one in found] == [{"user-agent": "curl/8.9.1"}] * 12
    assert all(one["duration_us"] > 0 for one in found)
    assert (feed.log.written, feed.lines_dropped, feed.log.failures) == (12, {}, 0)


@pytest.mark.parametrize(
    ("data", "remaining", "loaded", "reason", "path_there"),
    [
        (REQUEST, None, False, "no_snapshot", True),
        (check_request(host="a,b").SerializeToString(), None, True, "unknown_host", True),
        (b"\xff", None, True, "undecodable", False),
        (b"x" * 5_000_000, None, True, "undecodable", False),
        # Too late before it was read, and after.
        (REQUEST, 0.0, True, "deadline_exceeded", True),
        (REQUEST, 1e-9, True, "deadline_exceeded", True),
    ],
)
def test_an_outright_denial_has_its_line(
    path: Path,
    data: bytes,
    remaining: float | None,
    loaded: bool,
    reason: str,
    path_there: bool,
) -> None:
    feed = feed_to(path)
    answer = service_with(feed, loaded=loaded).check(data, remaining)
    feed.stop()

    [found] = read_lines(path)
    assert (found["id"], found["verdict"], found["reason"]) == (identity(answer), "deny", reason)
    assert ("path" in found, "request_id" in found) == (path_there, path_there)


def test_a_check_that_broke_has_its_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("authz.extauthz.service.authorize", broken)
    feed = feed_to(path)
    answer = service_with(feed).check(REQUEST)
    feed.stop()

    [found] = read_lines(path)
    assert (found["id"], found["reason"]) == (identity(answer), "internal_error")
    assert found["path"] == "/orders"


def test_only_blocks_are_noted_if_only_those_are_wanted(path: Path) -> None:
    feed = feed_to(path, allowed=0.0)
    service = service_with(feed)
    service.snapshot = snapshot(site(rule('http.request.uri.path eq "/admin"')))
    for _ in range(6):
        service.check(REQUEST)
    decision = service.snapshot.decided
    for _ in range(3):
        service.check(ADMIN)
    feed.stop()

    assert [one["verdict"] for one in read_lines(path)] == ["deny"] * 3
    # What is let through is not asked about again: it costs what it cost without a log.
    assert decision
    assert all(one.due == math.inf for one in decision.values() if one.ruling.verdict == "allow")


def test_events_are_told_as_they_are_without_a_log(path: Path) -> None:
    def told(feed: bool) -> list[tuple[str, str, int]]:
        recorder = EventRecorder(allowed_seconds=10.0)
        note = feed_to(path, recorder.note).note if feed else recorder.note
        service = CheckService(OPTIONS, DEFAULT_LIMITS, Metrics(), clock=lambda: AT, note=note)
        service.snapshot = snapshot()
        alice = presented(root().client("alice")).certificate
        for _ in range(5):
            service.check(check_request(certificate=alice).SerializeToString())
            service.check(ADMIN)
        return [(one.verdict, one.reason, one.weight) for one in recorder.drain_events(100)]

    assert told(feed=True) == told(feed=False)


def test_an_answer_that_nobody_waited_for_is_told_as_such(path: Path) -> None:
    feed = feed_to(path)
    service = service_with(feed)
    asked = []
    for gone in (False, True, False):
        feed.arrived(())
        asked.append((identity(service.check(REQUEST)), not gone))
        if gone:
            feed.gone()
    feed.stop()

    assert [(one["id"], one["delivered"]) for one in read_lines(path)] == asked


def test_the_latest_decision_waits_a_moment_for_whether_its_caller_did(path: Path) -> None:
    feed = feed_to(path)
    service = service_with(feed)
    feed.arrived(())
    service.check(REQUEST)
    feed._round()
    assert read_lines(path) == []
    feed.gone()
    feed._round()

    assert [one["delivered"] for one in read_lines(path)] == [False]
    # A call that is not noted leaves no trace.
    feed.arrived(())
    feed.gone()
    assert feed._gone == set()


@pytest.mark.parametrize(
    ("metadata", "header", "trace"),
    [
        ((), "", ""),
        ((("traceparent", traceparent(TRACE)),), "", TRACE),
        ((), traceparent(OTHER), OTHER),
        # Envoy's own span, and not what the client says it belongs to.
        ((("traceparent", traceparent(TRACE)),), traceparent(OTHER), TRACE),
        ((("traceparent", "nonsense"),), traceparent(OTHER), OTHER),
        ((("traceparent", b"\xff"),), "00-no", ""),
    ],
)
def test_a_line_names_the_trace_that_its_check_belongs_to(
    path: Path, metadata: Any, header: str, trace: str
) -> None:
    feed = feed_to(path)
    feed.arrived(metadata)
    headers = (*HEADERS, ("traceparent", header)) if header else HEADERS
    service_with(feed).check(check_request(headers=headers).SerializeToString())
    feed.stop()

    assert [one.get("trace_id", "") for one in read_lines(path)] == [trace]


def test_of_a_large_request_what_the_check_read_is_told(path: Path) -> None:
    feed = feed_to(path)
    large = check_request(raw_body=b"x" * MAX_KEPT_BYTES).SerializeToString()
    service_with(feed).check(large)
    feed.stop()

    [found] = read_lines(path)
    assert (found["host"], found["path"]) == ("api.example.com", "/orders")
    assert "method" not in found


def note(feed: DecisionFeed, decision: Any = None, data: bytes = REQUEST) -> None:
    made = allowed() if decision is None else decision
    feed.note(made, ID, AT, b"api.example.com", b"/", data, 0.00001)


def test_what_waits_is_bounded_in_number_and_in_bytes(path: Path) -> None:
    feed = feed_to(path)
    for _ in range(MAX_QUEUED + 5):
        note(feed, data=b"")
    assert feed.lines_dropped == {"queue": 5}
    feed.stop()
    assert feed.log.written == MAX_QUEUED

    feed = feed_to(path)
    large = b"x" * MAX_KEPT_BYTES
    for _ in range(300):
        note(feed, data=large)
    assert feed.lines_dropped == {"queue": 300 - 256}
    # What was taken out makes room again.
    feed._round()
    note(feed, data=large)
    assert feed.lines_dropped == {"queue": 300 - 256}


def test_a_disk_that_waits_holds_up_nobody_and_what_it_missed_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        begun.set()
        go_on.wait(60)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    feed = feed_to(path)
    feed.start()
    note(feed, blocked())
    note(feed, blocked())
    assert begun.wait(30)
    # Nothing here waits: it would take a minute.
    service = service_with(feed)
    for _ in range(100):
        assert CheckResponse.FromString(service.check(REQUEST)).status.code == 0
    feed.stop(seconds=0.01)
    assert feed.lines_dropped["shutdown"] >= 100
    go_on.set()
    feed._thread.join(30)


def test_what_is_left_is_written_when_the_process_ends(path: Path) -> None:
    feed = feed_to(path)
    feed.start()
    for _ in range(500):
        note(feed)
    feed.stop()

    assert len(read_lines(path)) == 500


_STEPS: tuple[tuple[str, Callable[[pytest.MonkeyPatch, DecisionFeed], None]], ...] = (
    ("whether it is wanted", lambda patch, feed: patch.setattr(feed.log, "wants", _broken)),
    ("keeping it", lambda patch, _: patch.setattr(module, "Noted", _broken)),
    ("the queue", lambda patch, feed: patch.setattr(feed, "_queue", None)),
    ("reading it", lambda patch, feed: patch.setattr(feed, "_read", _broken)),
    ("its trace", lambda patch, _: patch.setattr(module, "trace_of", _broken)),
    ("its words", lambda patch, feed: patch.setattr(feed.log._words, "line", _broken)),
    ("taking it", lambda patch, feed: patch.setattr(feed.log, "take", _broken)),
    ("writing", lambda patch, feed: patch.setattr(feed.log, "write", _broken)),
    ("the file", lambda patch, feed: patch.setattr(feed.log._file, "append", _broken)),
    ("the system", lambda patch, _: patch.setattr(os, "open", _broken)),
)


class Panic(BaseException):
    """As a panic in a Rust extension arrives: no Exception."""


def _broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a defect")


@pytest.mark.parametrize("step", [step for _, step in _STEPS], ids=[name for name, _ in _STEPS])
@pytest.mark.parametrize("data", [REQUEST, ADMIN, b"\xff"])
def test_whatever_breaks_in_logging_changes_no_answer(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: Callable[[pytest.MonkeyPatch, DecisionFeed], None],
    data: bytes,
) -> None:
    expected = CheckResponse.FromString(service_with(None).check(data))
    feed = feed_to(path)
    with monkeypatch.context() as patch:
        step(patch, feed)
        feed.arrived(())
        answer = CheckResponse.FromString(service_with(feed).check(data))
        feed.gone()
        feed._guarded(feed._round)
        feed._guarded(feed._round)

    del answer.dynamic_metadata["decision_id"], expected.dynamic_metadata["decision_id"]
    assert answer == expected


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, Panic])
def test_a_decision_that_could_not_be_noted_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(*_: Any) -> None:
        raise error

    feed = feed_to(path)
    monkeypatch.setattr(feed.log, "wants", broken)
    answer = service_with(feed).check(REQUEST)

    assert CheckResponse.FromString(answer).status.code == 0
    assert feed.lines_dropped == {"error": 1}


@pytest.mark.parametrize("error", [ZeroDivisionError, Panic])
@pytest.mark.parametrize("part", ["_words", "itself"])
def test_a_line_that_could_not_be_made_is_counted_and_the_next_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], part: str
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    feed = feed_to(path)
    with monkeypatch.context() as patch:
        if part == "_words":
            patch.setattr(feed.log._words, "line", broken)
        else:
            patch.setattr(feed.log, "take", broken)
        note(feed)
        feed._round()
        feed._round()
    note(feed)
    feed.stop()

    assert feed.lines_dropped == {"error": 1}
    assert len(read_lines(path)) == 1


def test_a_request_whose_reading_panics_is_told_of_without_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic(_: bytes) -> None:
        raise Panic

    feed = feed_to(path)
    monkeypatch.setattr(feed, "_read", panic)
    feed.arrived((("traceparent", traceparent(TRACE)),))
    # The line about a check that broke is not lost for it.
    assert feed.about(REQUEST) == {"trace_id": TRACE}
    note(feed)
    feed.stop()

    assert len(read_lines(path)) == 1


def test_a_panic_in_a_round_does_not_end_the_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = feed_to(path)
    real, broke = feed._round, threading.Event()

    def round_() -> None:
        if not broke.is_set():
            broke.set()
            raise Panic
        real()

    monkeypatch.setattr(feed, "_round", round_)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    feed.start()
    assert broke.wait(30)
    feed._thread.join(0.5)
    assert feed._thread.is_alive()
    feed.stop()
