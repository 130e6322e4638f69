# SPDX-License-Identifier: Apache-2.0
"""A collector: takes spans and log records over OTLP (gRPC) and keeps them.

By the published protobuf messages.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import grpc
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.factories.pages import fenced

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SERVICE = "opentelemetry.proto.collector.{0}.v1.{1}Service"
#: After how long a test has spans sent; as a rule, Envoy and OpenTelemetry keep them five seconds.
SOON_MS = 100


def traced(config: str, port: int) -> str:
    """Envoy's configuration with the two pieces of how-to/trace-checks.md, for a collector."""
    _, of_manager, cluster = fenced("how-to/trace-checks.md", "yaml")
    document = yaml.safe_load(config)
    [listener] = document["static_resources"]["listeners"]
    [chain] = listener["filter_chains"]
    [manager] = chain["filters"]
    manager["typed_config"] |= yaml.safe_load(of_manager)
    clusters = document["static_resources"]["clusters"]
    clusters.append(yaml.safe_load(cluster.replace("4317", str(port))))
    soon = {"tracing.opentelemetry.flush_interval_ms": SOON_MS}
    assert "layered_runtime" not in document
    document["layered_runtime"] = {"layers": [{"name": "tests", "static_layer": soon}]}
    return yaml.safe_dump(document)


def attributes_of(one: Any) -> dict[str, Any]:
    """The attributes of a span, a log record or a resource as plain values."""
    return {pair.key: _plain(pair.value) for pair in one.attributes}


def _plain(value: Any) -> Any:
    found = getattr(value, str(value.WhichOneof("value")))
    return [_plain(each) for each in found.values] if hasattr(found, "values") else found


class Collector:
    """A context manager. `refuse` is the status it answers with from then on, None to take things.

    Attributes:
        resources: the attributes of each resource that sent something.
    """

    def __init__(self) -> None:
        self.refuse: grpc.StatusCode | None = None
        self.hold = threading.Event()
        self.hold.set()
        self.resources: list[dict[str, Any]] = []
        self._spans: list[Span] = []
        self._records: list[tuple[str, LogRecord]] = []
        self._arrived = threading.Condition(threading.RLock())
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        self._serve("trace", self._spans_arrive, ExportTraceServiceRequest)
        self._serve("logs", self._records_arrive, ExportLogsServiceRequest)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def _serve(self, signal: str, take: Callable[[Any], Any], request: Any) -> None:
        def export(sent: Any, context: Any) -> Any:
            self.hold.wait(60)
            if self.refuse is not None:
                context.abort(self.refuse, "not now")
            with self._arrived:
                answer = take(sent)
                self._arrived.notify_all()
            return answer

        handler = grpc.unary_unary_rpc_method_handler(
            export,
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )
        name = _SERVICE.format(signal, signal.capitalize())
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"Export": handler}),)
        )

    def _spans_arrive(self, request: Any) -> Any:
        for resource in request.resource_spans:
            self.resources.append(attributes_of(resource.resource))
            for scope in resource.scope_spans:
                self._spans.extend(scope.spans)
        return ExportTraceServiceResponse()

    def _records_arrive(self, request: Any) -> Any:
        for resource in request.resource_logs:
            self.resources.append(attributes_of(resource.resource))
            process = self.resources[-1]["service.instance.id"]
            for scope in resource.scope_logs:
                self._records.extend((process, record) for record in scope.log_records)
        return ExportLogsServiceResponse()

    def spans(self, name: str = "") -> list[Span]:
        """What has arrived so far, of one name."""
        with self._arrived:
            return [span for span in self._spans if not name or span.name == name]

    def records(self) -> list[LogRecord]:
        """The log records that have arrived so far."""
        return [record for _, record in self.told()]

    def told(self) -> list[tuple[str, LogRecord]]:
        """The same, each with the process that sent it."""
        with self._arrived:
            return list(self._records)

    def wait(self, enough: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait until what has arrived is enough."""
        with self._arrived:
            assert self._arrived.wait_for(enough, seconds), f"not within {seconds} s: {what}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hold.set()
        self._server.stop(grace=None).wait()
