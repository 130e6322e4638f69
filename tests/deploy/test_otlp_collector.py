# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry's own collector takes spans and log records, and hands on what they say.

otlp_collector/main.go is that collector with the two components that this takes, and runs with the
configuration of how-to/keep-a-decision-log.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import grpc
import pytest
import yaml

from authz.demo.processes import Child, Children, free_port
from authz.node.endpoint import Endpoint
from authz.node.log_export import end_log, export_log
from authz.node.messages import EndpointConfig, LogOtlpConfig, TracingConfig
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.log import get_logger, hand_to, handed_on
from authz.observability.tracing import CHECK_METHOD
from tests.factories.accepted import ROOT, accepted, tool
from tests.factories.checks import check_request
from tests.factories.otlp import Collector, attributes_of
from tests.factories.pages import DOCS, fenced
from tests.factories.policies import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.deploy

PAGE = "how-to/keep-a-decision-log.md"
CHECK = f"/{CHECK_METHOD}"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def behind() -> Iterator[Collector]:
    """Whom the collector hands things on to."""
    with Collector() as running:
        yield running


@pytest.fixture
def collector(tmp_path: Path, behind: Collector) -> Iterator[tuple[Child, int]]:
    """The page's collector, on a port of its own, which also hands on."""
    [block] = [one for one in fenced(PAGE, "yaml") if "receivers" in yaml.safe_load(one)]
    port = free_port()
    config = yaml.safe_load(block.replace("4317", str(port)))
    config["exporters"]["otlp"] = {"endpoint": behind.endpoint, "tls": {"insecure": True}}
    for pipeline in config["service"]["pipelines"].values():
        pipeline["exporters"].append("otlp")
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    file = tmp_path / "collector.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    with Children() as children:
        log = tmp_path / "collector.log"
        child = children.start(
            "collector", [tool("otlp-collector"), "--config", f"file:{file}"], log
        )
        child.wait_until(lambda: "Everything is ready" in log.read_text(), "it is ready")
        yield child, port


def test_it_takes_spans_and_records_as_they_are(
    collector: tuple[Child, int], behind: Collector
) -> None:
    child, port = collector
    address = f"http://127.0.0.1:{port}"
    options = DecisionLogOptions(
        path=None, headers=("user-agent",), otlp=True, otlp_endpoint=address
    )
    endpoint = Endpoint(
        EndpointConfig(
            listen="127.0.0.1:0",
            tracing=TracingConfig(endpoint=address),
            decision_log=options,
        )
    )
    endpoint.swap(snapshot())
    with grpc.insecure_channel(endpoint.start().address) as channel:
        channel.unary_unary(CHECK)(
            check_request(path="/admin").SerializeToString(),
            timeout=10,
            metadata=[("traceparent", f"00-{TRACE}-{SPAN}-01")],
        )
    export_log(LogOtlpConfig(endpoint=address), "0")
    try:
        get_logger().warning("the policy is old", generation=3, path="/etc/p.yaml")
        end_log()
        assert handed_on() == {"exported": 1}
    finally:
        hand_to(None)
    endpoint.drain(wait=lambda _: None)

    assert endpoint.decisions is not None
    assert (endpoint.decisions.spans_dropped, endpoint.decisions.records_dropped) == ({}, {})
    behind.wait(lambda: bool(behind.spans()) and len(behind.records()) == 2, "all is handed on")
    [span] = behind.spans()
    line, record = sorted(behind.records(), key=lambda one: one.event_name != "the policy is old")
    assert (line.severity_text, line.body.string_value) == ("WARN", "the policy is old")
    assert attributes_of(line) == {
        "authz.snapshot.generation": 3,
        "authz.log.path": "/etc/p.yaml",
    }
    assert record.trace_id == span.trace_id == bytes.fromhex(TRACE)
    assert (record.span_id, span.parent_span_id) == (span.span_id, bytes.fromhex(SPAN))
    assert (record.event_name, record.severity_text) == ("authz.decision", "WARN")
    found = attributes_of(record)
    assert found["authz.decision.id"] == attributes_of(span)["authz.decision.id"]
    assert found["http.request.header.user-agent"] == ["curl/8.9.1"]
    # What the page's own exporter prints.
    child.wait_until(lambda: "authz.decision.verdict: Str(deny)" in child.tail(500), "it prints")
    assert f"Trace ID: {TRACE}" in child.tail(500)
    child.wait_until(lambda: "EventName: the policy is old" in child.tail(500), "it prints")
    modules = (ROOT / "tests/deploy/otlp_collector/go.mod").read_text(encoding="utf-8")
    (version,) = re.findall(r"collector/otelcol (v\S+)$", modules, re.MULTILINE)
    accepted(DOCS / PAGE, f"OpenTelemetry Collector {version}", "spans and log records, handed on")
