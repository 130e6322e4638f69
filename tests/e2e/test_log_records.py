# SPDX-License-Identifier: Apache-2.0
"""Decisions as log records: in the trace of Envoy's request, and with a collector that takes none.

The real Envoy with its own tracer, as in test_tracing.py. The receiver decodes OTLP.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.demo.scenario import policy_yaml
from authz.observability.decision_attributes import ATTRIBUTES, EVENT_NAME, HEADER
from authz.observability.tracing import CHECK_METHOD
from tests.e2e.harness import Stack, drain, eventually, start_stack, unique
from tests.factories.decision_log import read_lines
from tests.factories.otlp import Collector, attributes_of, traced

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

#: A client's own trace, sampled.
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
#: ProtoBuf's numbers of severities.
INFO, WARN = 9, 13


def start(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
    *,
    path: str | None = "decisions.jsonl",
    envoy: bool = True,
    **settings: Any,
) -> Stack:
    otlp = {"enabled": True, "endpoint": collector.endpoint}
    return start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        settings={"decision_log": {"enabled": True, "path": path, "otlp": otlp}, **settings},
        change=(lambda config: traced(config, collector.port)) if envoy else (lambda text: text),
    )


def said(line: dict[str, Any]) -> dict[str, Any]:
    """What a record says where the file says this."""
    plain = {
        ATTRIBUTES[name]: value
        for name, value in line.items()
        if name not in {"event", "time", "headers", "trace_id"}
    }
    return plain | {f"{HEADER}{name}": [value] for name, value in line.get("headers", {}).items()}


@pytest.mark.parametrize("tracing", [True, False], ids=["with spans", "without"])
def test_a_record_is_in_the_trace_of_its_request(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
    tracing: bool,
) -> None:
    stack = start(
        children,
        credentials,
        upstream,
        transport,
        collector,
        tracing={"enabled": tracing, "endpoint": collector.endpoint},
        grpc={"workers": 2},
    )
    path, marker = unique("/")
    assert stack.get("api.localhost", path, "valid").status == 200
    denied, denied_marker = unique("/")
    assert stack.get("api.localhost", denied).status == 403

    def complete() -> bool:
        """Both records are there, and the spans that they are in up to Envoy's request."""
        known = {span.span_id: span for span in collector.spans()}
        missing = [record.span_id for record in collector.records()]
        while len(missing) == 2 and set(missing) <= known.keys():
            missing = [parent for one in missing if (parent := known[one].parent_span_id)]
        return bool(collector.records()) and not missing

    collector.wait(complete, "both records and their spans")
    spans = {span.span_id: span for span in collector.spans()}
    lines = {line["id"]: line for line in read_lines(credentials.directory / "decisions.jsonl")}
    records = {attributes_of(one)["authz.decision.id"]: one for one in collector.records()}
    for wanted, severity, text in (
        (marker, INFO, "allow: "),
        (denied_marker, WARN, "deny: rule"),
    ):
        access = stack.logged(wanted)
        record = records[access["decision_id"]]
        own = spans[record.span_id]
        asking = spans[own.parent_span_id] if tracing else own
        request = spans[asking.parent_span_id]
        assert (own.name == CHECK_METHOD) == tracing
        assert "Authorization.Check" in asking.name
        assert wanted in str(attributes_of(request).get("http.url", ""))
        # One trace: the record's, the check's, and the one that Envoy named in its call.
        line = lines[access["decision_id"]]
        assert record.trace_id == own.trace_id == request.trace_id
        assert record.trace_id.hex() == line["trace_id"]
        assert record.flags == 1
        # What the record says is what the line says.
        assert attributes_of(record) == said(line)
        assert (record.event_name, record.severity_number) == (EVENT_NAME, severity)
        assert record.body.string_value.startswith(text)
        if tracing:
            # A line's time has microseconds.
            assert abs(record.time_unix_nano - own.start_time_unix_nano) <= 1000
    metric = stack.authz.metric
    # It is counted when the collector's answer is there, after it has arrived.
    eventually(lambda: metric("authz_decision_log_records_exported_total") == 2, "both counted")
    assert metric("authz_decision_log_records_dropped_total") == 0


def test_without_a_file_records_are_all_there_is(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
) -> None:
    stack = start(children, credentials, upstream, transport, collector, path=None, envoy=False)
    traceparent = ("traceparent", f"00-{TRACE}-{SPAN}-01")
    assert stack.get("api.localhost", "/", "valid", headers=[traceparent]).status == 200
    assert stack.get("api.localhost", "/").status == 403
    # What has been noted by then is handed over before the end.
    drain(stack)

    claimed, plain = collector.records()
    # A client puts nothing into a trace.
    assert (claimed.trace_id, claimed.span_id) == (b"", b"")
    assert attributes_of(claimed)["authz.request.trace_id"] == TRACE
    assert "authz.request.trace_id" not in attributes_of(plain)
    assert not list(credentials.directory.glob("*.jsonl"))
    log = [json.loads(text) for text in stack.authz.child.log.read_text().splitlines()]
    assert "decision" not in {one["event"] for one in log}


@pytest.mark.parametrize("trouble", ["gone", "refuses", "hangs"])
def test_a_collector_that_takes_none_changes_no_answer_and_no_line(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
    trouble: str,
) -> None:
    if trouble == "gone":
        with Collector() as collector:
            pass
    elif trouble == "refuses":
        collector.refuse = grpc.StatusCode.PERMISSION_DENIED
    else:
        collector.hold.clear()
    stack = start(children, credentials, upstream, transport, collector, envoy=False)
    for _ in range(20):
        assert stack.get("api.localhost", "/", "valid").status == 200
        assert stack.get("api.localhost", "/").status == 403

    def lost() -> float:
        return stack.authz.metric("authz_decision_log_records_dropped_total", why="export")

    eventually(lambda: lost() > 0, "loss")
    # What was not yet given up is lost at the end, which takes two seconds for it: beside two for
    # Envoy to notice, and two for checks under way.
    stack.get("api.localhost", "/", "valid")
    drain(stack, 9)
    assert len(read_lines(credentials.directory / "decisions.jsonl")) == 41
