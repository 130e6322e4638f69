# SPDX-License-Identifier: Apache-2.0
"""Answering checks in one process: up, swapped, drained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.errors import SettingsError, TransportError
from authz.extauthz.transport import CHECK
from authz.node.drain import DRAIN_SECONDS
from authz.node.endpoint import Endpoint
from authz.node.messages import EndpointConfig, RecordConfig, TracingConfig
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.tracing import CHECK_METHOD
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.model import DefaultAction
from tests.factories.checks import check_request
from tests.factories.decision_log import read_lines
from tests.factories.otlp import Collector
from tests.factories.pki import AT
from tests.factories.policies import site, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from authz.policy.snapshot import Snapshot

LOOPBACK = "127.0.0.1:0"


def _open() -> Snapshot:
    return snapshot(site())


def _closed() -> Snapshot:
    return snapshot(site(default_action=DefaultAction.BLOCK), generation=2)


def _endpoint(**changes: str) -> Endpoint:
    return Endpoint(EndpointConfig(**{"listen": LOOPBACK, **changes}), clock=lambda: AT)


def _ask(address: str) -> int:
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(CHECK, None, None)
        data = call(check_request().SerializeToString(), timeout=10, wait_for_ready=True)
    return CheckResponse.FromString(data).status.code


@pytest.fixture(params=["native", "grpcio"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_swap_counts_for_the_next_check(transport: str) -> None:
    endpoint = _endpoint(transport=transport)
    endpoint.swap(_open())
    address = endpoint.start().address
    assert _ask(address) == 0
    endpoint.swap(_closed())
    assert _ask(address) != 0
    assert endpoint.metrics.export()["snapshot"][0] == 2
    endpoint.drain(wait=lambda _: None)


def test_draining_says_not_serving_first_answers_meanwhile_and_closes_last(transport: str) -> None:
    endpoint = _endpoint(transport=transport)
    endpoint.swap(_open())
    address = endpoint.start().address
    assert endpoint.serving
    seen: list[object] = []

    def wait(seconds: float) -> None:
        seen.extend([seconds, endpoint.serving, endpoint.draining, _ask(address)])

    endpoint.drain(wait=wait)
    assert seen == [DRAIN_SECONDS, False, True, 0]
    with pytest.raises(grpc.RpcError), grpc.insecure_channel(address) as channel:
        channel.unary_unary(CHECK, None, None)(b"", timeout=1)


def test_what_never_started_drains_at_once() -> None:
    endpoint = _endpoint()
    endpoint.drain(wait=lambda _: pytest.fail("nobody to wait for"))
    assert endpoint.draining


def test_it_reports_its_transport_and_its_memo() -> None:
    endpoint = _endpoint()
    endpoint.swap(_open())
    transport = endpoint.start()
    exported = endpoint.metrics.export()
    assert exported["transport"] == transport.name == "native"
    assert exported["memo"] == [0, 0, 0, 0]
    endpoint.drain(wait=lambda _: None)


def test_settings_that_contradict_each_other_are_found_while_preparing(tmp_path: Path) -> None:
    endpoint = _endpoint(
        transport="native", certificate=str(tmp_path / "c"), key=str(tmp_path / "k")
    )
    with pytest.raises(TransportError, match="no TLS"):
        endpoint.prepare()


def test_tls_files_reach_the_transport(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    endpoint = _endpoint(certificate=str(missing), key=str(missing))
    endpoint.prepare()
    endpoint.swap(_open())
    with pytest.raises(TransportError, match=r"missing\.pem"):
        endpoint.start()
    assert not endpoint.serving


def test_requests_are_recorded_as_the_settings_say() -> None:
    config = RecordConfig(headers=("x-kept",), query=True)
    endpoint = Endpoint(
        EndpointConfig(listen=LOOPBACK, events_allowed_seconds=10.0, recording=config),
        clock=lambda: AT,
    )
    endpoint.swap(_open())
    headers = (("x-kept", b"1"), ("cookie", b"secret"))
    endpoint._service.check(check_request(path="/a?b=1", headers=headers).SerializeToString())

    [event] = endpoint.reporting().next().events
    assert event.recorded is not None
    assert event.recorded.left_out.headers == ("cookie",)
    assert not event.recorded.left_out.query
    assert b"secret" not in event.recorded.request
    plain = _endpoint()
    plain.swap(_closed())
    plain._service.check(check_request().SerializeToString())
    assert plain.reporting().next().events[0].unrecorded == "off"


# --- the decision log ----------------------------------------------------------------------------


def test_decisions_are_logged_until_the_last_one(transport: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    endpoint = Endpoint(
        EndpointConfig(
            listen=LOOPBACK,
            transport=transport,
            decision_log=DecisionLogOptions(path=str(path), headers=("user-agent",)),
        ),
        name="3",
        clock=lambda: AT,
    )
    endpoint.swap(_open())
    address = endpoint.start().address
    assert _ask(address) == 0

    # Whoever still comes while it drains is in the log as well, and all of it is there at the end.
    endpoint.drain(wait=lambda _: _ask(address))
    found = read_lines(path)
    assert [(one["verdict"], one["worker"], one["delivered"]) for one in found] == [
        ("allow", "3", True)
    ] * 2
    assert endpoint.metrics.export()["decision_log"] == [2, 0]
    assert endpoint.metrics.export()["decision_log_dropped"] == []


def test_without_a_log_there_is_nobody_to_tell(transport: str) -> None:
    endpoint = _endpoint(transport=transport)

    assert endpoint.decisions is None
    assert endpoint._options.caller is None
    # A check that is let through asks nobody again: it pays what it paid before.
    assert endpoint._service._note == endpoint.events.note
    assert endpoint.metrics.export()["decision_log"] is None


# --- traces ----------------------------------------------------------------------------------


def test_checks_and_loading_are_spans_of_one_collector(transport: str, tmp_path: Path) -> None:
    with Collector() as collector:
        endpoint = Endpoint(
            EndpointConfig(
                listen=LOOPBACK,
                transport=transport,
                tracing=TracingConfig(endpoint=collector.endpoint),
                decision_log=DecisionLogOptions(path=str(tmp_path / "log.jsonl")),
            )
        )
        with endpoint.span("authz.snapshot.load"):
            endpoint.swap(_open())
        address = endpoint.start().address
        with grpc.insecure_channel(address) as channel:
            channel.unary_unary(CHECK)(
                check_request().SerializeToString(),
                timeout=10,
                metadata=[("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")],
            )
        endpoint.drain(wait=lambda _: None)

    [check] = collector.spans(CHECK_METHOD)
    assert (check.trace_id.hex(), check.parent_span_id.hex()) == ("a" * 32, "b" * 16)
    assert len(collector.spans("authz.snapshot.load")) == 1
    # The same trace in the log.
    assert [one["trace_id"] for one in read_lines(tmp_path / "log.jsonl")] == ["a" * 32]
    assert endpoint.metrics.export()["spans"] == 2


@pytest.mark.parametrize("named", ["log.jsonl", None])
def test_a_decision_is_a_record_in_its_span(
    transport: str, tmp_path: Path, named: str | None
) -> None:
    with Collector() as collector:
        options = DecisionLogOptions(
            path=named and str(tmp_path / named), otlp=True, otlp_endpoint=collector.endpoint
        )
        endpoint = Endpoint(
            EndpointConfig(
                listen=LOOPBACK,
                transport=transport,
                tracing=TracingConfig(endpoint=collector.endpoint),
                decision_log=options,
            )
        )
        endpoint.swap(_open())
        address = endpoint.start().address
        with grpc.insecure_channel(address) as channel:
            channel.unary_unary(CHECK)(
                check_request().SerializeToString(),
                timeout=10,
                metadata=[("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")],
            )
        endpoint.drain(wait=lambda _: None)

    [span], [record] = collector.spans(CHECK_METHOD), collector.records()
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert record.trace_id.hex() == "a" * 32
    exported = endpoint.metrics.export()
    assert (exported["records"], exported["records_dropped"]) == (1, [])
    assert exported["decision_log"] == [1 if named else 0, 0]
    assert len(list(tmp_path.iterdir())) == (1 if named else 0)


def test_a_check_that_breaks_is_logged_with_its_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("authz.extauthz.service.authorize", broken)
    endpoint = Endpoint(
        EndpointConfig(
            listen=LOOPBACK, decision_log=DecisionLogOptions(path=str(tmp_path / "log.jsonl"))
        )
    )
    endpoint.swap(_open())
    assert endpoint.decisions is not None
    endpoint.decisions.arrived([("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")])
    endpoint._service.check(check_request().SerializeToString())
    endpoint.decisions.stop()

    [said] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    [line] = read_lines(tmp_path / "log.jsonl")
    assert said["event"] == "check failed and was denied"
    assert said["trace_id"] == line["trace_id"] == "a" * 32


def test_an_environment_that_opentelemetry_refuses_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000")

    with pytest.raises(SettingsError, match="traces cannot be made") as found:
        Endpoint(EndpointConfig(listen=LOOPBACK, tracing=TracingConfig()))
    assert "OTEL_" in (found.value.hint or "")
    assert found.value.where == "tracing"

    monkeypatch.setenv("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "100000")
    options = DecisionLogOptions(path=None, otlp=True)
    with pytest.raises(SettingsError, match="log records cannot be made") as found:
        Endpoint(EndpointConfig(listen=LOOPBACK, decision_log=options))
    assert found.value.where == "decision_log.otlp"
