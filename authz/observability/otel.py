# SPDX-License-Identifier: Apache-2.0
"""What spans (tracing.py) and log records (record_export.py) share of the OpenTelemetry SDK.

Who this process says it is, the span that something belongs to, the SDK's own words, and what
becomes of what is handed over: the SDK keeps that to itself. Imported only where the settings ask
for one of the two; the extra `otel` brings the SDK.

What goes wrong here is said on standard error alone: a line about an export that failed, exported
in its turn, would be the next one to fail.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from authz import __version__
from authz.observability.log import RateLimit, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.observability.trace_context import TraceContext

#: The name of the service, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say another.
SERVICE_NAME: Final = "envoy-mtls-authz"
#: How long one export may take: what comes next waits meanwhile.
EXPORT_SECONDS: Final = 5.0
#: How long the end of a process waits for the last exports.
FLUSH_SECONDS: Final = 2.0
#: Between two lines of the log about exports that fail.
LOG_INTERVAL: Final = 60.0


def resource_of(worker: str) -> Resource:
    """The process `worker` of the service, as whoever looks at spans and records finds it."""
    return Resource.create(
        {
            "service.name": SERVICE_NAME,
            "service.version": __version__,
            "service.instance.id": worker,
            # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
            **OTELResourceDetector().detect().attributes,
        }
    )


def context_of(span: TraceContext | None) -> Context | None:
    """The context of what belongs to `span`; None where it belongs to none."""
    if span is None:
        return None
    found = SpanContext(
        trace_id=int(span.trace_id, 16),
        span_id=int(span.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if span.sampled else TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(NonRecordingSpan(found), Context())


class Handed:
    """What was handed to the SDK, and what became of it.

    The SDK's queue drops without counting, so it is never filled: whoever has something asks for
    room first. An exporter to the SDK.

    Args:
        exporter: who hands it over.
        success: what `exporter` answers when it has.
        failure: what the SDK is told when `exporter` raised something.
        what: the name of what it is, for the log: "spans".
        room: how much may wait.

    Attributes:
        exported: what somebody has taken.
    """

    def __init__(
        self, exporter: Any, *, success: object, failure: object, what: str, room: int
    ) -> None:
        self.exported = 0
        self._refused = 0
        self._begun = 0
        self._dropped: dict[str, int] = {}
        self._exporter = exporter
        self._success = success
        self._failure = failure
        self._what = what
        self._room = room
        self._limit = RateLimit(LOG_INTERVAL)
        self._lock = threading.Lock()
        self._ending: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """What was handed over and is still on its way."""
        return self._begun - self.exported - self._refused

    def has_room(self) -> bool:
        """Whether one more may be handed over; counted as lost where not."""
        if self.waiting < self._room:
            return True
        self.lost("queue")
        return False

    def begun(self) -> None:
        """One more is on its way. Never called by the thread that answers checks."""
        with self._lock:
            self._begun += 1

    def lost(self, why: str, many: int = 1) -> None:
        """Count what nobody will see."""
        self._dropped[why] = self._dropped.get(why, 0) + many

    def counts(self) -> dict[str, int]:
        """What nobody will see, by why; a copy."""
        found = dict(self._dropped)
        if self._refused:
            found["export"] = found.get("export", 0) + self._refused
        return found

    # --- what the SDK asks of an exporter, on a thread of its own ---------------------------------

    def export(self, batch: Sequence[object]) -> object:
        """Hand a batch over. Never raises: what could not be handed over is counted."""
        reason = "the receiver took none"
        try:
            result = self._exporter.export(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch is lost
            result, reason = self._failure, str(error)
        if result is self._success:
            self.exported += len(batch)
            return result
        self._refused += len(batch)
        suppressed = self._limit.admit(time.monotonic())
        if suppressed is not None:
            get_logger(local=True).warning(
                f"{self._what} could not be exported",
                many=len(batch),
                reason=reason,
                more=suppressed,
            )
        return result

    def shutdown(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()

    # --- the end of the process -------------------------------------------------------------------

    def begin_to_end(self, shutdown: Callable[[], object]) -> None:
        """Begin to hand over what is left: `shutdown` is the provider's. Does not wait."""
        # It waits for an export under way, and whoever takes it may take none.
        if self._ending is None:
            name = f"{self._what} end"
            self._ending = threading.Thread(target=shutdown, name=name, daemon=True)
            self._ending.start()

    def end(self, seconds: float) -> None:
        """Wait for what is left, for so long at most; what is there still is lost."""
        if self._ending is not None:
            self._ending.join(seconds)
        if self.waiting > 0:
            self.lost("shutdown", self.waiting)


class _ToOurLog(logging.Handler):
    """What the SDK says, as lines of ours; errors alone, and not each one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._limit = RateLimit(LOG_INTERVAL)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        suppressed = self._limit.admit(time.monotonic())
        if suppressed is not None:
            get_logger(local=True).warning(
                "OpenTelemetry says", said=record.getMessage(), by=record.name, more=suppressed
            )


def tame_logging() -> None:
    """Keep the SDK from writing to standard error itself."""
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    if not any(isinstance(handler, _ToOurLog) for handler in logger.handlers):
        logger.addHandler(_ToOurLog())
