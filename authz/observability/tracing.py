# SPDX-License-Identifier: Apache-2.0
"""Spans of checks and of publications, exported over OTLP by the OpenTelemetry SDK.

Imported only where `tracing.enabled` says so: the extra `otel` brings the SDK. A check's span is
made after the check, on the thread of decision_feed, from what was noted; on the thread that
answers there is only the question whether anybody wants it.
Exporting has a thread of its own; what it cannot take is counted, and delays nobody.

Attributes are those of the semantic conventions for RPC servers and HTTP, and `authz.…`. Nothing
that tells who somebody is: no address, no path, no query, no certificate.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode, format_span_id, format_trace_id

from authz import __version__
from authz.observability.decision_attributes import FAULTS
from authz.observability.otel import (
    EXPORT_SECONDS,
    FLUSH_SECONDS,
    Handed,
    context_of,
    resource_of,
    tame_logging,
)
from authz.observability.redaction import bare_host, plain
from authz.observability.trace_context import TraceContext, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from authz.observability.checked_request import CheckedRequest
    from authz.observability.decision_words import Noted

#: Spans that wait to be exported; then they are lost.
MAX_WAITING: Final = 2048
# The SDK's own queue drops without counting: it is never filled.
_SDK_QUEUE: Final = 2 * MAX_WAITING

#: Characters of a host, of the name of a site or a rule.
MAX_TEXT: Final = 256

#: The method as the semantic conventions want it, and the name of the span.
CHECK_METHOD: Final = "envoy.service.auth.v3.Authorization/Check"

_NANOSECONDS: Final = 1_000_000_000


class Tracing:
    """Makes spans and has them exported. `wants` belongs to the thread that answers checks.

    Args:
        worker: which process of the service it is, `service.instance.id`.
        endpoint: where OTLP over gRPC is taken; None: as OTEL_EXPORTER_OTLP_ENDPOINT says.
        sample: the share of the traces that begin here; None: as OTEL_TRACES_SAMPLER says. A trace
            that began elsewhere is followed if it is sampled there.
    """

    def __init__(
        self, worker: str, endpoint: str | None = None, sample: float | None = None
    ) -> None:
        tame_logging()
        self._handed = Handed(
            OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS),
            success=SpanExportResult.SUCCESS,
            failure=SpanExportResult.FAILURE,
            what="spans",
            room=MAX_WAITING,
        )
        self._provider = TracerProvider(
            sampler=None if sample is None else ParentBased(TraceIdRatioBased(sample)),
            resource=resource_of(worker),
            shutdown_on_exit=False,
        )
        # Of a trace that is not sampled nothing is noted, unless somebody's sampler wants it.
        self._follows = isinstance(self._provider.sampler, ParentBased)
        self._provider.add_span_processor(
            BatchSpanProcessor(self._handed, max_queue_size=_SDK_QUEUE)
        )
        self._tracer = self._provider.get_tracer("authz", __version__)

    @property
    def exported(self) -> int:
        """Spans that somebody has taken."""
        return self._handed.exported

    def lost(self, why: str, spans: int = 1) -> None:
        """Count spans that nobody will see."""
        self._handed.lost(why, spans)

    def counts(self) -> dict[str, int]:
        """Spans that nobody will see, by why; a copy."""
        return self._handed.counts()

    # --- the thread that answers checks ---------------------------------------------------------

    def wants(self, metadata: Sequence[tuple[str, str | bytes]]) -> bool:
        """Whether a check may get a span, by the metadata of its call."""
        if not self._follows:
            return True
        found = span_of(metadata)
        # Without one, the trace begins here.
        return found is None or found.sampled

    # --- another thread -------------------------------------------------------------------------

    def take(
        self, noted: Noted, request: CheckedRequest, parent: TraceContext | None, *, delivered: bool
    ) -> TraceContext | None:
        """Make the span of a check; which one it is, None where there is none after all."""
        if not self._handed.has_room():
            return None
        began = int(noted.at * _NANOSECONDS)
        span = self._tracer.start_span(
            CHECK_METHOD,
            context=context_of(parent),
            kind=SpanKind.SERVER,
            attributes=_attributes(noted, request, delivered),
            start_time=began,
        )
        if noted.ruling.reason in FAULTS:
            span.set_status(Status(StatusCode.ERROR, noted.ruling.reason.value))
        self._end(span, began + max(1, int(noted.seconds * _NANOSECONDS)))
        found = span.get_span_context()
        if not found.trace_flags.sampled:
            return None
        return TraceContext(
            format_trace_id(found.trace_id), format_span_id(found.span_id), sampled=True
        )

    @contextmanager
    def span(self, name: str, **attributes: AttributeValue) -> Iterator[None]:
        """A span of something that is done now, by this process itself.

        An exception is its error, and goes on; nothing that goes wrong here does.
        """
        began = time.time_ns()
        failed = ""
        try:
            yield
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            try:
                span = self._tracer.start_span(
                    name,
                    start_time=began,
                    attributes={f"authz.{key}": value for key, value in attributes.items()},
                )
                if failed:
                    span.set_status(Status(StatusCode.ERROR, failed))
                self._end(span, None)
            except Exception:  # noqa: BLE001 - what was done is done
                self.lost("error")

    def begin_to_end(self) -> None:
        """Begin to export the last spans; does not wait."""
        self._handed.begin_to_end(self._provider.shutdown)

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Have the last spans exported, for so long at most; what is left then is lost."""
        self.begin_to_end()
        self._handed.end(seconds)

    def _end(self, span: Span, at: int | None) -> None:
        if span.get_span_context().trace_flags.sampled:
            self._handed.begun()
        span.end(end_time=at)


def _attributes(
    noted: Noted, request: CheckedRequest, delivered: bool
) -> dict[str, AttributeValue]:
    """What a span says of a check. What is empty is left out."""
    ruling, standing = noted.ruling, noted.standing
    found: dict[str, AttributeValue] = {
        # https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
        "rpc.system.name": "grpc",
        "rpc.method": CHECK_METHOD,
        # A denial is an answer, too (ADR-0007).
        "rpc.response.status_code": "OK",
        # Of the request that was asked about: https://opentelemetry.io/docs/specs/semconv/http/
        "http.request.method": plain(request.method)[:MAX_TEXT],
        "server.address": plain(bare_host(request.host or noted.host))[:MAX_TEXT],
        "authz.decision.id": noted.decision_id.decode(),
        "authz.decision.verdict": ruling.verdict.value,
        "authz.decision.reason": ruling.reason.value,
        "authz.decision.delivered": delivered,
        "authz.site": ruling.site[:MAX_TEXT],
        "authz.rule": ruling.rule[:MAX_TEXT],
        "authz.action": ruling.action,
        "authz.snapshot.generation": ruling.generation,
        "authz.certificate.verified": standing.verified,
        "authz.certificate.revoked": standing.revoked,
        "authz.certificate.failure": standing.failure,
    }
    return {name: value for name, value in found.items() if value != ""}
