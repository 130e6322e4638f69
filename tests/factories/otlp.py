# SPDX-License-Identifier: Apache-2.0
"""A collector: takes spans over OTLP (gRPC), by the published protobuf messages, and keeps them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


def attributes_of(one: Any) -> dict[str, Any]:
    """The attributes of a span or a resource as plain values."""
    return {
        pair.key: getattr(pair.value, str(pair.value.WhichOneof("value")))
        for pair in one.attributes
    }


class Collector:
    """A context manager. `refuse` is the status it answers with from then on, None to take spans.

    Attributes:
        resources: the attributes of each resource that sent something.
    """

    def __init__(self) -> None:
        self.refuse: grpc.StatusCode | None = None
        self.hold = threading.Event()
        self.hold.set()
        self.resources: list[dict[str, Any]] = []
        self._spans: list[Span] = []
        self._arrived = threading.Condition(threading.RLock())
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        handler = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def _export(self, request: Any, context: Any) -> Any:
        self.hold.wait(60)
        if self.refuse is not None:
            context.abort(self.refuse, "not now")
        with self._arrived:
            for resource in request.resource_spans:
                self.resources.append(attributes_of(resource.resource))
                for scope in resource.scope_spans:
                    self._spans.extend(scope.spans)
            self._arrived.notify_all()
        return ExportTraceServiceResponse()

    def spans(self, name: str = "") -> list[Span]:
        """What has arrived so far, of one name."""
        with self._arrived:
            return [span for span in self._spans if not name or span.name == name]

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
