# SPDX-License-Identifier: Apache-2.0
"""A record arrives as it was handed over; what it says is tested with those who make it."""

from __future__ import annotations

from opentelemetry._logs import SeverityNumber

from authz.observability.otel import context_of
from authz.observability.record_export import RecordExport
from authz.observability.trace_context import TraceContext
from tests.factories.otlp import Collector, attributes_of


def _emit(export: RecordExport) -> None:
    assert export.wants()
    export.emit(
        at_ns=5_000,
        severity=SeverityNumber.WARN,
        event_name="authz.thing",
        text="a thing",
        attributes={"a": 1},
        context=context_of(TraceContext("ab" * 16, "cd" * 8, sampled=True)),
    )


def test_a_record_arrives_as_it_was_handed_over() -> None:
    with Collector() as collector:
        export = RecordExport("7", collector.endpoint, what="things", room=2)
        _emit(export)
        export.flush()
        assert export.exported == 1
        _emit(export)
        export.stop()

    one, other = collector.records()
    assert (one.event_name, one.body.string_value, one.severity_text) == (
        *("authz.thing", "a thing"),
        "WARN",
    )
    assert (one.time_unix_nano, other.time_unix_nano) == (5_000, 5_000)
    assert attributes_of(one) == {"a": 1}
    assert (one.trace_id.hex(), one.span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert (export.exported, export.counts()) == (2, {})


def test_what_has_no_room_is_counted() -> None:
    with Collector() as collector:
        collector.hold.clear()
        export = RecordExport("7", collector.endpoint, what="things", room=1)
        _emit(export)
        assert not export.wants()
        export.lost("error")
        export.stop(0.01)

    assert export.counts() == {"queue": 1, "error": 1, "shutdown": 1}
