# SPDX-License-Identifier: Apache-2.0
"""One trace: Envoy's request, Envoy's asking, and the check, with the real Envoy's own tracer.

Envoy's configuration is that of the page how-to/trace-checks.md. The receiver decodes OTLP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz import __version__
from authz.demo.scenario import policy_yaml
from authz.observability.tracing import CHECK_METHOD
from tests.e2e.harness import Stack, eventually, start_stack, unique
from tests.factories.accepted import followed
from tests.factories.decision_log import read_lines
from tests.factories.envoy import envoy_name
from tests.factories.otlp import SOON_MS, Collector, attributes_of, traced

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

#: The client's own trace, sampled.
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(autouse=True)
def _spans_are_sent_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What authz is started with: how long OpenTelemetry keeps spans is not what is tested."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", str(SOON_MS))


def start(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
    *,
    envoy: bool = True,
    **settings: Any,
) -> Stack:
    return start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        settings={
            "tracing": {"enabled": True, "endpoint": collector.endpoint},
            "decision_log": {"enabled": True, "path": "decisions.jsonl"},
            **settings,
        },
        change=(lambda config: traced(config, collector.port)) if envoy else (lambda text: text),
    )


@pytest.mark.deploy
@pytest.mark.parametrize("workers", [1, 2])
def test_the_check_is_a_child_of_envoys_span_of_asking(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
    workers: int,
) -> None:
    stack = start(children, credentials, upstream, transport, collector, grpc={"workers": workers})
    path, marker = unique("/")
    answer = stack.get("api.localhost", path, "valid")
    assert answer.status == 200
    denied, denied_marker = unique("/")
    assert stack.get("api.localhost", denied).status == 403

    def complete() -> bool:
        """Both checks are there, with what caused them."""
        known = {span.span_id: span for span in collector.spans()}
        parents = [known.get(one.parent_span_id) for one in collector.spans(CHECK_METHOD)]
        return len(parents) == 2 and all(
            one is not None and one.parent_span_id in known for one in parents
        )

    collector.wait(complete, "both checks and what caused them")
    spans = {span.span_id: span for span in collector.spans()}
    lines = {line["id"]: line for line in read_lines(credentials.directory / "decisions.jsonl")}
    for wanted, verdict in ((marker, "allow"), (denied_marker, "deny")):
        access = stack.logged(wanted)
        [check] = [
            span
            for span in collector.spans(CHECK_METHOD)
            if attributes_of(span)["authz.decision.id"] == access["decision_id"]
        ]
        asking = spans[check.parent_span_id]
        request = spans[asking.parent_span_id]
        assert check.trace_id == asking.trace_id == request.trace_id
        assert "Authorization.Check" in asking.name
        assert wanted in str(attributes_of(request).get("http.url", ""))
        # The check lies within the asking, on one machine's clock.
        assert asking.start_time_unix_nano <= check.start_time_unix_nano
        assert check.end_time_unix_nano <= asking.end_time_unix_nano
        found = attributes_of(check)
        assert found["authz.decision.verdict"] == verdict
        assert found["server.address"] == "api.localhost"
        assert lines[access["decision_id"]]["trace_id"] == check.trace_id.hex()
    assert stack.authz.metric("authz_spans_dropped_total") == 0
    assert len(collector.spans("authz.snapshot.load")) == workers
    how = "its configuration of Envoy: one trace of request, asking and check"
    followed("how-to/trace-checks.md", f"authz {__version__}, {envoy_name()}", how)


def test_without_a_tracer_in_envoy_a_client_chooses_neither_spans_nor_traces(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
    collector: Collector,
) -> None:
    stack = start(children, credentials, upstream, transport, collector, envoy=False)
    stack.get("api.localhost", "/", "valid", headers=[("traceparent", f"00-{TRACE}-{SPAN}-01")])
    stack.get("api.localhost", "/", "valid", headers=[("traceparent", f"00-{TRACE}-{SPAN}-00")])
    stack.get("api.localhost", "/", "valid")

    collector.wait(lambda: len(collector.spans(CHECK_METHOD)) >= 3, "three spans")
    spans = collector.spans(CHECK_METHOD)
    assert len({span.trace_id for span in spans}) == 3
    assert TRACE not in {span.trace_id.hex() for span in spans}
    assert {span.parent_span_id for span in spans} == {b""}


def test_a_collector_that_is_not_there_changes_no_answer(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> None:
    with Collector() as gone:
        pass
    stack = start(children, credentials, upstream, transport, gone, envoy=False)
    for _ in range(20):
        assert stack.get("api.localhost", "/", "valid").status == 200
        assert stack.get("api.localhost", "/").status == 403

    eventually(lambda: stack.authz.metric("authz_spans_dropped_total", why="export") > 0, "loss")
