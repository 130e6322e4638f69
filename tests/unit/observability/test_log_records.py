# SPDX-License-Identifier: Apache-2.0
"""Lines of the log as records: what they say, and that whoever logs never waits for a collector."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz import __version__
from authz.observability import log_records as module
from authz.observability.decision_attributes import ATTRIBUTES as OF_DECISIONS
from authz.observability.log import LEVELS, configure_logging, get_logger, hand_to, handed_on
from authz.observability.log_records import (
    ATTRIBUTES,
    MAX_ITEMS,
    MAX_TEXT,
    SEVERITIES,
    LogRecords,
    attributes_of,
)
from authz.observability.otel import SERVICE_NAME
from tests.factories.otlp import Collector
from tests.factories.otlp import attributes_of as sent_attributes
from tests.factories.pki import AT
from tests.factories.played import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: ProtoBuf's numbers of severities.
NUMBERS = {"debug": 5, "info": 9, "warning": 13, "error": 17}


@pytest.fixture
def records(collector: Collector) -> Iterator[LogRecords]:
    made = LogRecords("control", collector.endpoint)
    yield made
    made.stop(0.0)


@pytest.fixture
def exported(records: LogRecords) -> Iterator[LogRecords]:
    """As a process has it whose settings ask for it."""
    configure_logging("json", "debug")
    hand_to(records)
    yield records
    hand_to(None)
    configure_logging()


@pytest.mark.parametrize("level", list(LEVELS))
def test_a_line_is_a_record_of_its_severity(
    exported: LogRecords,
    collector: Collector,
    capsys: pytest.CaptureFixture[str],
    level: str,
) -> None:
    before = time.time_ns()
    log = get_logger().bind(worker=1)
    getattr(log, level)("the policy was loaded", generation=3, path="/etc/policy.yaml", hint=None)
    exported.stop()

    [record] = collector.records()
    assert record.event_name == record.body.string_value == "the policy was loaded"
    assert record.severity_number == NUMBERS[level] == SEVERITIES[level].value
    assert record.severity_text == SEVERITIES[level].name
    # A record's time has microseconds.
    assert before - 1000 <= record.time_unix_nano <= time.time_ns()
    assert (record.trace_id, record.span_id) == (b"", b"")
    assert sent_attributes(record) == {
        "authz.worker": 1,
        "authz.snapshot.generation": 3,
        "authz.log.path": "/etc/policy.yaml",
    }
    [resource] = collector.resources
    assert resource["service.name"] == SERVICE_NAME
    assert (resource["service.version"], resource["service.instance.id"]) == (
        __version__,
        "control",
    )
    # The line is where it was, and says what it said.
    [line] = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["level"]) == ("the policy was loaded", level)
    assert (line["generation"], line["hint"]) == (3, None)
    assert handed_on() == {"exported": 1}


def test_a_line_that_is_not_written_is_not_sent(exported: LogRecords, collector: Collector) -> None:
    configure_logging("json", "warning")
    get_logger().info("nobody wants it")
    get_logger().warning("somebody does")
    exported.stop()

    assert [one.event_name for one in collector.records()] == ["somebody does"]


def test_a_traceback_is_what_the_conventions_call_it(
    exported: LogRecords, collector: Collector
) -> None:
    try:
        raise ValueError("a\x1b[2Jb")
    except ValueError as error:
        get_logger().error("it failed", exc_info=error, trace_id="ab" * 16)
    exported.stop()

    [record] = collector.records()
    found = sent_attributes(record)
    assert found["exception.stacktrace"].startswith("Traceback (most recent call last):\n")
    assert found["exception.stacktrace"].endswith("ValueError: a\\x1b[2Jb\n")
    # It may be the client's word: nobody's trace.
    assert (found["authz.request.trace_id"], record.trace_id) == ("ab" * 16, b"")


def test_names_are_those_of_records_of_decisions() -> None:
    for field in ("worker", "generation", "trace_id"):
        assert ATTRIBUTES[field] == OF_DECISIONS[field]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("text", "text"),
        (True, True),
        (0.5, 0.5),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (("a", 1, None), ["a", "1", "None"]),
        ([], []),
        ({"a": 1}, '{"a": 1}'),
        (b"\xff", "b'\\xff'"),
        # What a client sent, and what no collector could read.
        ("a\nb", "a\\nb"),
        ("\udcff", "\\udcff"),
        ("x" * (MAX_TEXT + 1), "x" * MAX_TEXT),
        (["x"] * (MAX_ITEMS + 1), ["x"] * MAX_ITEMS),
    ],
)
def test_a_value_is_plain_printable_and_not_without_end(value: Any, wanted: Any) -> None:
    assert attributes_of({"thing": value}) == {"authz.log.thing": wanted}


def test_every_value_arrives(exported: LogRecords, collector: Collector) -> None:
    """One that OTLP has no form for would cost the whole batch."""
    get_logger().info(
        "seen", a="\udcff", b=2**70, c=[1, "x"], d={"e": b""}, f=1e400, g=b"\0", h=(), i=None
    )
    exported.stop()

    assert handed_on() == {"exported": 1}
    assert set(sent_attributes(collector.records()[0])) == {f"authz.log.{n}" for n in "abcdfgh"}


def test_of_a_long_traceback_the_end_is_kept() -> None:
    found = attributes_of({"exception": "x" * MAX_TEXT + "\nValueError: why\n"})

    assert str(found["exception.stacktrace"]).endswith("ValueError: why\n")
    assert len(str(found["exception.stacktrace"])) == MAX_TEXT


def test_a_value_that_raises_is_counted_and_raises_nothing(exported: LogRecords) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ZeroDivisionError

    get_logger().info("seen", thing=Broken())
    exported.put(AT, "no such level", "seen", {})
    exported.stop()

    assert handed_on() == {"exported": 0, "error": 2}


def test_what_tells_of_exports_is_not_exported(
    exported: LogRecords, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else each failure would be what fails next."""
    collector.refuse = grpc.StatusCode.PERMISSION_DENIED
    get_logger().info("lost")
    exported.hurry()
    eventually(lambda: handed_on().get("export") == 1)
    collector.refuse = None
    get_logger().info("taken")
    exported.stop()

    assert [one.event_name for one in collector.records()] == ["taken"]
    assert handed_on() == {"exported": 1, "export": 1}
    said = [json.loads(text)["event"] for text in capsys.readouterr().err.splitlines()]
    assert {"lost", "taken", "lines of the log could not be exported"} <= set(said)


def test_a_collector_that_hangs_holds_up_nobody_who_logs(
    collector: Collector, records: LogRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LINES", 10)
    collector.hold.clear()
    # What makes records waits, too: then lines are what is lost.
    go_on = _stuck(records, monkeypatch)
    began = time.monotonic()
    for _ in range(100):
        records.put(AT, "info", "seen", {})
    assert time.monotonic() - began < 2
    found = records.counts()
    assert found["queue"] >= 89

    go_on()
    began = time.monotonic()
    records.stop(0.2)
    assert time.monotonic() - began < 2
    records.put(AT, "info", "too late", {})
    found = records.counts()
    assert found["exported"] == 0
    assert sum(found.values()) == 101


def _stuck(records: LogRecords, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have the thread that makes records wait at the next one; what lets it go on."""
    go_on = threading.Event()
    real = records._make

    def make(line: Any) -> None:
        go_on.wait(60)
        real(line)

    monkeypatch.setattr(records, "_make", make)
    return go_on.set


def test_records_that_wait_are_bounded_as_well(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 50)
    collector.hold.clear()
    records = LogRecords("0", collector.endpoint)
    for _ in range(80):
        records.put(AT, "info", "seen", {})
    records._settle(30)
    assert records.counts() == {"exported": 0, "queue": 30}
    records.stop(0.1)

    assert records.counts() == {"exported": 0, "queue": 30, "shutdown": 50}


def test_the_variables_of_the_sdk_are_honoured(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front-door")
    records = LogRecords("0")
    records.put(AT, "info", "seen", {})
    records.stop()

    [record] = collector.records()
    assert record.time_unix_nano == int(AT * 1e9)
    assert collector.resources[0]["service.name"] == "front-door"


def test_where_the_sdk_is_switched_off_nothing_is_sent_and_nothing_lost(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    records = LogRecords("0", collector.endpoint)
    records.put(AT, "info", "seen", {})
    records.stop()

    assert (collector.records(), records.counts()) == ([], {"exported": 0})
