# SPDX-License-Identifier: Apache-2.0
"""Lines as log records, taken by a collector that decodes what arrives."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from authz import __version__
from authz.observability import decision_records as module
from authz.observability.decision_attributes import EVENT_NAME, attributes_of
from authz.observability.decision_line import DecisionLine
from authz.observability.decision_records import DecisionRecords
from authz.observability.otel import SERVICE_NAME
from authz.observability.trace_context import TraceContext
from authz.policy.decision import Reason, Verdict
from tests.factories.otlp import Collector
from tests.factories.otlp import attributes_of as sent_attributes
from tests.factories.pki import AT

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER = "f" * 32
#: ProtoBuf's numbers of severities.
INFO, WARN, ERROR = 9, 13, 17


def line(**changes: Any) -> DecisionLine:
    return DecisionLine(
        **{
            "schema": 1,
            "time": datetime.fromtimestamp(AT, UTC),
            "id": "AAAAAAAAAAA000000001",
            "verdict": Verdict.DENY,
            "reason": Reason.RULE,
            "delivered": True,
            "duration_us": 12.3,
            "worker": "1",
            "site": "api",
            "logged": ("watch",),
            "headers": {"user-agent": "curl/8.9.1"},
            **changes,
        }
    )


def sent(collector: Collector, *lines: DecisionLine, span: TraceContext | None = None) -> list[Any]:
    """The records of lines, as they arrived."""
    records = DecisionRecords("1", collector.endpoint)
    for one in lines:
        records.take(one, span)
    records.stop()
    assert (records.exported, records.counts()) == (len(lines), {})
    return collector.records()


def test_a_line_is_a_record_of_its_check(collector: Collector) -> None:
    before = time.time_ns()
    [record] = sent(collector, line(), span=TraceContext(TRACE, SPAN, sampled=True))

    assert record.event_name == EVENT_NAME
    assert (record.trace_id.hex(), record.span_id.hex(), record.flags) == (TRACE, SPAN, 1)
    assert record.time_unix_nano == int(AT * 1e9)
    assert before <= record.observed_time_unix_nano <= time.time_ns()
    assert record.body.string_value == "deny: rule"
    assert sent_attributes(record) == attributes_of(line())
    [resource] = collector.resources
    assert resource["service.name"] == SERVICE_NAME
    assert (resource["service.version"], resource["service.instance.id"]) == (__version__, "1")


@pytest.mark.parametrize(
    ("verdict", "reason", "severity", "text"),
    [
        (Verdict.ALLOW, Reason.DEFAULT_ACTION, INFO, "INFO"),
        (Verdict.DENY, Reason.DEFAULT_ACTION, WARN, "WARN"),
        (Verdict.DENY, Reason.UNKNOWN_HOST, WARN, "WARN"),
        (Verdict.DENY, Reason.INTERNAL_ERROR, ERROR, "ERROR"),
        (Verdict.DENY, Reason.DEADLINE_EXCEEDED, ERROR, "ERROR"),
        (Verdict.DENY, Reason.OVERLOADED, ERROR, "ERROR"),
        (Verdict.DENY, Reason.NO_SNAPSHOT, ERROR, "ERROR"),
    ],
)
def test_how_severe_it_is_follows_from_the_verdict(
    collector: Collector, verdict: Verdict, reason: Reason, severity: int, text: str
) -> None:
    [record] = sent(collector, line(verdict=verdict, reason=reason))

    assert (record.severity_number, record.severity_text) == (severity, text)


@pytest.mark.parametrize(
    ("said", "span", "trace", "attribute"),
    [
        ("", None, "", None),
        (TRACE, TraceContext(TRACE, SPAN, sampled=False), TRACE, None),
        # The client's word is no trace of a record's.
        (OTHER, None, "", OTHER),
        (OTHER, TraceContext(TRACE, SPAN, sampled=True), TRACE, OTHER),
    ],
)
def test_whose_trace_it_belongs_to(
    collector: Collector, said: str, span: TraceContext | None, trace: str, attribute: str | None
) -> None:
    [record] = sent(collector, line(trace_id=said), span=span)

    assert record.trace_id.hex() == trace
    assert record.span_id.hex() == (SPAN if trace else "")
    assert record.flags == int(span is not None and span.sampled)
    assert sent_attributes(record).get("authz.request.trace_id") == attribute


def test_the_variables_of_the_sdk_are_honoured(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front-door")
    records = DecisionRecords("0")
    records.take(line(), None)
    records.stop()

    assert len(collector.records()) == 1
    assert collector.resources[0]["service.name"] == "front-door"


def test_where_the_sdk_is_switched_off_nothing_is_sent_and_nothing_lost(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    records = DecisionRecords("0", collector.endpoint)
    for _ in range(5):
        records.take(line(), None)
    records.stop()

    assert (collector.records(), records.exported, records.counts()) == ([], 0, {})


def test_a_collector_that_takes_nothing_is_counted_and_said_once(
    collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    collector.refuse = grpc.StatusCode.PERMISSION_DENIED
    records = DecisionRecords("0", collector.endpoint)
    for _ in range(20):
        records.take(line(), None)
    records.stop()

    assert (records.exported, records.counts()) == (0, {"export": 20})
    said = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert "log records could not be exported" in {one["event"] for one in said}
    assert len(said) <= 2


def test_a_collector_that_is_gone_costs_what_waits_and_no_more_time_than_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Collector() as gone:
        pass
    monkeypatch.setattr(module, "MAX_WAITING", 50)
    records = DecisionRecords("0", gone.endpoint)
    began = time.monotonic()
    for _ in range(80):
        records.take(line(), None)
    assert time.monotonic() - began < 2
    records.stop(0.1)

    assert time.monotonic() - began < 5
    found = records.counts()
    assert found["queue"] == 30
    assert sum(found.values()) == 80


def test_a_collector_that_does_not_answer_holds_up_nobody(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 50)
    collector.hold.clear()
    records = DecisionRecords("0", collector.endpoint)
    for _ in range(80):
        records.take(line(), None)
    assert records.counts() == {"queue": 30}
    began = time.monotonic()
    records.stop(0.1)

    assert time.monotonic() - began < 5
    assert records.counts() == {"queue": 30, "shutdown": 50}
