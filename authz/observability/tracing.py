# SPDX-License-Identifier: Apache-2.0
"""Spans of checks and of publications, exported over OTLP by the OpenTelemetry SDK.

The only module that knows OpenTelemetry, and imported only where `tracing.enabled` says so: the
extra `otel` brings it. A check's span is made after the check, on the thread of decision_feed, from
what was noted; on the thread that answers there is only the question whether anybody wants it.
Exporting has a thread of its own; what it cannot take is counted, and delays nobody.

Attributes are those of the semantic conventions for RPC servers and HTTP, and `authz.…`. Nothing
that tells who somebody is: no address, no path, no query, no certificate.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from authz import __version__
from authz.observability.log import RateLimit, get_logger
from authz.observability.redaction import bare_host, plain
from authz.observability.trace_context import span_of
from authz.policy.decision import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

    from authz.observability.checked_request import CheckedRequest
    from authz.observability.decision_words import Noted
    from authz.observability.trace_context import TraceContext

#: The name of the service, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say another.
SERVICE_NAME: Final = "envoy-mtls-authz"
#: Spans that wait to be exported; then they are lost.
MAX_WAITING: Final = 2048
# The SDK's own queue drops without counting: it is never filled.
_SDK_QUEUE: Final = 2 * MAX_WAITING
#: How long one export may take: the next spans wait meanwhile.
EXPORT_SECONDS: Final = 5.0
#: How long the end of a process waits for the last spans.
FLUSH_SECONDS: Final = 2.0
#: Between two lines of the log about exports that fail.
LOG_INTERVAL: Final = 60.0

#: Characters of a host, of the name of a site or a rule.
MAX_TEXT: Final = 256

#: The method as the semantic conventions want it, and the name of the span.
CHECK_METHOD: Final = "envoy.service.auth.v3.Authorization/Check"

_NANOSECONDS: Final = 1_000_000_000
#: Answers that are ours to answer for: whoever looks for errors looks for these.
_FAULTS: Final = frozenset({Reason.INTERNAL_ERROR, Reason.DEADLINE_EXCEEDED, Reason.NO_SNAPSHOT})


class Tracing:
    """Makes spans and has them exported. `wants` belongs to the thread that answers checks.

    Args:
        worker: which process of the service it is, `service.instance.id`.
        endpoint: where OTLP over gRPC is taken; None: as OTEL_EXPORTER_OTLP_ENDPOINT says.
        sample: the share of the traces that begin here; None: as OTEL_TRACES_SAMPLER says. A trace
            that began elsewhere is followed if it is sampled there.

    Attributes:
        exported: spans that somebody has taken.
        dropped: spans that nobody will see, by why.
    """

    def __init__(
        self, worker: str, endpoint: str | None = None, sample: float | None = None
    ) -> None:
        _tame_logging()
        self.dropped: dict[str, int] = {}
        self._exporter = _Counting(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS))
        self._provider = TracerProvider(
            sampler=None if sample is None else ParentBased(TraceIdRatioBased(sample)),
            resource=Resource.create(
                {
                    "service.name": SERVICE_NAME,
                    "service.version": __version__,
                    "service.instance.id": worker,
                    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
                    **OTELResourceDetector().detect().attributes,
                }
            ),
            shutdown_on_exit=False,
        )
        # Of a trace that is not sampled nothing is noted, unless somebody's sampler wants it.
        self._follows = isinstance(self._provider.sampler, ParentBased)
        self._provider.add_span_processor(
            BatchSpanProcessor(self._exporter, max_queue_size=_SDK_QUEUE)
        )
        self._tracer = self._provider.get_tracer("authz", __version__)
        self._lock = threading.Lock()
        self._begun = 0

    @property
    def exported(self) -> int:
        """Spans that somebody has taken."""
        return self._exporter.exported

    def lost(self, why: str, spans: int = 1) -> None:
        """Count spans that nobody will see."""
        self.dropped[why] = self.dropped.get(why, 0) + spans

    def counts(self) -> dict[str, int]:
        """Spans that nobody will see, by why; a copy."""
        found = dict(self.dropped)
        if self._exporter.refused:
            found["export"] = found.get("export", 0) + self._exporter.refused
        return found

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
    ) -> None:
        """Make the span of a check."""
        waiting = self._begun - self._exporter.exported - self._exporter.refused
        if waiting >= MAX_WAITING:
            self.lost("queue")
            return
        began = int(noted.at * _NANOSECONDS)
        span = self._tracer.start_span(
            CHECK_METHOD,
            context=_context(parent),
            kind=SpanKind.SERVER,
            attributes=_attributes(noted, request, delivered),
            start_time=began,
        )
        if noted.ruling.reason in _FAULTS:
            span.set_status(Status(StatusCode.ERROR, noted.ruling.reason.value))
        self._end(span, began + max(1, int(noted.seconds * _NANOSECONDS)))

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

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Have the last spans exported, for so long at most; what is left then is lost."""
        # It waits for an export under way, and whoever takes it may take none.
        ending = threading.Thread(target=self._provider.shutdown, name="tracing-end", daemon=True)
        ending.start()
        ending.join(seconds)
        left = self._begun - self._exporter.exported - self._exporter.refused
        if left > 0:
            self.lost("shutdown", left)

    def _end(self, span: trace.Span, at: int | None) -> None:
        if span.get_span_context().trace_flags.sampled:
            # Never on the thread that answers checks.
            with self._lock:
                self._begun += 1
        span.end(end_time=at)


class _Counting(SpanExporter):  # type: ignore[misc] # mypy does not look into the extra
    """Counts what becomes of spans, which the SDK keeps to itself."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exported = 0
        self.refused = 0
        self._exporter = exporter
        self._limit = RateLimit(LOG_INTERVAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand spans over. Never raises: what could not be handed over is counted."""
        reason = "the receiver took none"
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, the spans are lost
            result, reason = SpanExportResult.FAILURE, str(error)
        if result is SpanExportResult.SUCCESS:
            self.exported += len(spans)
            return result
        self.refused += len(spans)
        suppressed = self._limit.admit(time.monotonic())
        if suppressed is not None:
            get_logger().warning(
                "spans could not be exported", spans=len(spans), reason=reason, more=suppressed
            )
        return result

    def shutdown(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()


def _context(parent: TraceContext | None) -> Context | None:
    if parent is None:
        return None
    span = SpanContext(
        trace_id=int(parent.trace_id, 16),
        span_id=int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(NonRecordingSpan(span), Context())


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


class _ToOurLog(logging.Handler):
    """What the SDK says, as lines of ours; errors alone, and not each one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._limit = RateLimit(LOG_INTERVAL)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        suppressed = self._limit.admit(time.monotonic())
        if suppressed is not None:
            get_logger().warning(
                "OpenTelemetry says", said=record.getMessage(), by=record.name, more=suppressed
            )


def _tame_logging() -> None:
    """Keep the SDK from writing to standard error itself."""
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    if not any(isinstance(handler, _ToOurLog) for handler in logger.handlers):
        logger.addHandler(_ToOurLog())
