# SPDX-License-Identifier: Apache-2.0
"""Checks as spans, taken by a collector that decodes what arrives."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz import __version__
from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.reading import read_request
from authz.extauthz.service import CheckService
from authz.observability import tracing as module
from authz.observability.decision_feed import DecisionFeed
from authz.observability.events import note_nothing
from authz.observability.metrics import Metrics
from authz.observability.otel import SERVICE_NAME
from authz.observability.tracing import CHECK_METHOD, Tracing
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.factories.checks import HEADERS, check_request
from tests.factories.otlp import Collector, attributes_of
from tests.factories.pki import AT, presented, root
from tests.factories.policies import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER = "f" * 32
OPTIONS = DecodeOptions()
REQUEST = check_request().SerializeToString()
ADMIN = check_request(path="/admin?token=s3cret").SerializeToString()
#: ProtoBuf's numbers of a kind and of a status.
SERVER, INTERNAL, ERROR = 2, 1, 2


def traceparent(trace: str = TRACE, flags: str = "01") -> str:
    return f"00-{trace}-{SPAN}-{flags}"


def feed_for(tracing: Tracing) -> DecisionFeed:
    return DecisionFeed(note_nothing, lambda data: read_request(data, OPTIONS), None, tracing)


def service_for(feed: DecisionFeed | None) -> CheckService:
    note = note_nothing if feed is None else feed.note
    made = CheckService(OPTIONS, DEFAULT_LIMITS, Metrics(), clock=lambda: AT, note=note)
    made.snapshot = snapshot()
    return made


def traced(
    collector: Collector, data: bytes, metadata: Any = (), *, times: int = 1, **options: Any
) -> list[Any]:
    """The spans of checks, as they arrived."""
    tracing = Tracing("1", collector.endpoint, **options)
    feed = feed_for(tracing)
    service = service_for(feed)
    for _ in range(times):
        feed.arrived(metadata)
        service.check(data)
    feed.stop()
    return collector.spans()


def test_a_check_is_a_span_below_the_one_that_asked(collector: Collector) -> None:
    [span] = traced(collector, ADMIN, [("traceparent", traceparent())])

    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
    assert (span.name, span.kind) == (CHECK_METHOD, SERVER)
    assert span.start_time_unix_nano == int(AT * 1e9)
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 5e9
    found = attributes_of(span)
    assert len(found.pop("authz.decision.id")) == 20
    assert found == {
        "rpc.system.name": "grpc",
        "rpc.method": CHECK_METHOD,
        "rpc.response.status_code": "OK",
        "http.request.method": "GET",
        "server.address": "api.example.com",
        "authz.decision.verdict": "deny",
        "authz.decision.reason": "rule",
        "authz.decision.delivered": True,
        "authz.site": "api",
        "authz.rule": "protect-admin",
        "authz.action": "block",
        "authz.snapshot.generation": 1,
        "authz.certificate.verified": False,
        "authz.certificate.revoked": False,
        "authz.certificate.failure": "absent",
    }
    [resource] = collector.resources
    assert resource["service.name"] == SERVICE_NAME
    assert (resource["service.version"], resource["service.instance.id"]) == (__version__, "1")


def test_a_span_tells_nobody_who_asked_and_for_what(collector: Collector) -> None:
    certificate = presented(root().client("alice")).certificate
    data = check_request(
        path="/users/42?token=s3cret",
        host="user:s3cret@api.example.com",
        certificate=certificate,
        headers=(*HEADERS, ("authorization", "Bearer s3cret")),
    ).SerializeToString()
    [span] = traced(collector, data)

    sent = span.SerializeToString()
    for secret in (b"s3cret", b"/users", b"198.51.100.7", b"alice", b"curl"):
        assert secret not in sent


@pytest.mark.parametrize(
    ("metadata", "header", "trace", "parent"),
    [
        # The client's word makes nobody's trace.
        ((), traceparent(), "", ""),
        ([("traceparent", traceparent())], traceparent(OTHER), TRACE, SPAN),
        ([("traceparent", "nonsense")], "", "", ""),
        ((), "", "", ""),
    ],
)
def test_whose_span_it_is(
    collector: Collector, metadata: Any, header: str, trace: str, parent: str
) -> None:
    headers = (*HEADERS, ("traceparent", header)) if header else HEADERS
    [span] = traced(collector, check_request(headers=headers).SerializeToString(), metadata)

    assert span.parent_span_id.hex() == parent
    assert span.trace_id.hex() == trace if trace else len(span.trace_id) == 16


@pytest.mark.parametrize("sample", [None, 1.0])
def test_of_a_trace_that_is_not_sampled_there_is_no_span(
    collector: Collector, sample: float | None
) -> None:
    not_sampled = [("traceparent", traceparent(flags="00"))]

    assert traced(collector, REQUEST, not_sampled, sample=sample) == []


@pytest.mark.parametrize("metadata", [(), [("traceparent", "nonsense")]])
def test_a_client_neither_asks_for_a_span_nor_prevents_one(
    collector: Collector, metadata: Any
) -> None:
    asking, declining = (
        check_request(
            headers=(*HEADERS, ("traceparent", traceparent(flags=flags)))
        ).SerializeToString()
        for flags in ("01", "00")
    )

    assert traced(collector, asking, metadata, times=20, sample=0.0) == []
    spans = traced(collector, declining, metadata, times=20, sample=1.0)
    assert len(spans) == 20
    assert TRACE not in {span.trace_id.hex() for span in spans}


@pytest.mark.parametrize(("sample", "count"), [(0.0, 0), (1.0, 200), (0.5, None)])
def test_of_traces_that_begin_here_a_share_is_kept(
    collector: Collector, sample: float, count: int | None
) -> None:
    found = len(traced(collector, REQUEST, times=200, sample=sample))

    assert found == count if count is not None else 60 < found < 140


def test_the_variables_of_the_sdk_are_honoured(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front-door")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    tracing = Tracing("0")
    feed = feed_for(tracing)
    feed.arrived([("traceparent", traceparent(flags="00"))])
    service_for(feed).check(REQUEST)
    feed.stop()

    # This sampler does not ask whether the parent is sampled.
    assert [span.trace_id.hex() for span in collector.spans()] == [TRACE]
    [resource] = collector.resources
    assert resource["service.name"] == "front-door"
    assert resource["deployment.environment.name"] == "test"


@pytest.mark.parametrize(
    ("data", "remaining", "error"),
    [(REQUEST, None, ""), (ADMIN, None, ""), (REQUEST, 0.0, "deadline_exceeded")],
)
def test_a_denial_is_no_error_and_a_fault_of_ours_is(
    collector: Collector, data: bytes, remaining: float | None, error: str
) -> None:
    feed = feed_for(Tracing("0", collector.endpoint))
    service_for(feed).check(data, remaining)
    feed.stop()

    [span] = collector.spans()
    assert (span.status.code, span.status.message) == (ERROR if error else 0, error)


def test_what_this_process_does_is_a_span_too_and_its_exception_goes_on(
    collector: Collector,
) -> None:
    tracing = Tracing("0", collector.endpoint)
    with tracing.span("authz.publish", generation=4):
        pass
    with pytest.raises(ZeroDivisionError), tracing.span("authz.publish"):
        raise ZeroDivisionError
    tracing.stop()

    good, bad = collector.spans("authz.publish")
    assert (good.kind, attributes_of(good)) == (INTERNAL, {"authz.generation": 4})
    assert (bad.status.code, bad.status.message) == (ERROR, "ZeroDivisionError")


def test_a_collector_that_takes_nothing_is_counted_and_said_once(
    collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    collector.refuse = grpc.StatusCode.PERMISSION_DENIED
    tracing = Tracing("0", collector.endpoint)
    feed = feed_for(tracing)
    service = service_for(feed)
    for _ in range(20):
        service.check(REQUEST)
    feed.stop()

    assert (tracing.exported, feed.spans_dropped) == (0, {"export": 20})
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert "spans could not be exported" in {one["event"] for one in said}
    assert len(said) <= 2


def test_a_decision_that_could_not_be_noted_is_counted(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracing = Tracing("0", collector.endpoint)
    feed = feed_for(tracing)
    monkeypatch.setattr(tracing, "wants", _broken)
    service_for(feed).check(REQUEST)
    feed.stop()

    # There is no log that a line of it could be missing in.
    assert (feed.spans_dropped, feed.lines_dropped) == ({"error": 1}, {})


def test_a_collector_that_does_not_answer_holds_up_nobody(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 50)
    collector.hold.clear()
    tracing = Tracing("0", collector.endpoint)
    feed = feed_for(tracing)
    service = service_for(feed)
    for _ in range(80):
        assert CheckResponse.FromString(service.check(REQUEST)).status.code == 0
    feed._hand_on(80)
    assert feed.spans_dropped == {"queue": 30}
    began = time.monotonic()
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.1)
    tracing.stop(0.1)

    assert time.monotonic() - began < 5
    assert feed.spans_dropped == {"queue": 30, "shutdown": 50}


class Panic(BaseException):
    """As a panic in a Rust extension arrives: no Exception."""


def _broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a defect")


_STEPS: tuple[tuple[str, Callable[[pytest.MonkeyPatch, Tracing], None]], ...] = (
    ("whether it is wanted", lambda patch, tracing: patch.setattr(tracing, "wants", _broken)),
    ("its context", lambda patch, _: patch.setattr(module, "context_of", _broken)),
    ("its attributes", lambda patch, _: patch.setattr(module, "_attributes", _broken)),
    ("beginning it", lambda patch, tracing: patch.setattr(tracing, "_tracer", None)),
    ("ending it", lambda patch, tracing: patch.setattr(tracing, "_end", _broken)),
    ("exporting", lambda patch, tracing: patch.setattr(tracing._handed, "export", _broken)),
    ("stopping", lambda patch, tracing: patch.setattr(tracing._provider, "shutdown", _broken)),
)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("step", [step for _, step in _STEPS], ids=[name for name, _ in _STEPS])
@pytest.mark.parametrize("data", [REQUEST, ADMIN, b"\xff"])
def test_whatever_breaks_in_tracing_changes_no_answer(
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    step: Callable[[pytest.MonkeyPatch, Tracing], None],
    data: bytes,
) -> None:
    expected = CheckResponse.FromString(service_for(None).check(data))
    tracing = Tracing("0", collector.endpoint)
    feed = feed_for(tracing)
    with monkeypatch.context() as patch:
        step(patch, tracing)
        feed.arrived([("traceparent", traceparent())])
        answer = CheckResponse.FromString(service_for(feed).check(data))
        feed.stop()
        with tracing.span("authz.publish"):
            done = True
    assert done
    tracing._provider.shutdown()

    del answer.dynamic_metadata["decision_id"], expected.dynamic_metadata["decision_id"]
    assert answer == expected


_IMPORTED = """
import sys
from authz.node.messages import EndpointConfig, TracingConfig
from authz.observability.decision_log_options import DecisionLogOptions
from authz.node.endpoint import Endpoint
import authz.node.worker
config = {config}
Endpoint(EndpointConfig(listen="127.0.0.1:0", **config)).prepare()
print(*sorted(name for name in sys.modules if name.split(".")[0] == "opentelemetry"
              or name.startswith("authz.observability.")))
"""


@pytest.mark.parametrize(
    ("config", "modules"),
    [
        ("{}", set()),
        (
            '{"decision_log": DecisionLogOptions(path="-")}',
            {"decision_feed", "decision_log", "decision_words", "decision_line"},
        ),
    ],
)
def test_what_is_off_is_not_imported(config: str, modules: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED.format(config=config)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = set(done.stdout.split())

    assert not [name for name in found if name.startswith("opentelemetry")]
    ours = {name.rpartition(".")[2] for name in found}
    optional = {"decision_feed", "decision_log", "decision_words", "decision_line", "tracing"}
    optional |= {"decision_attributes", "decision_records", "otel"}
    assert ours & optional == modules
