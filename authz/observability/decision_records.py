# SPDX-License-Identifier: Apache-2.0
"""Lines of the decision log as OpenTelemetry log records, handed over OTLP by the SDK.

Imported only where `decision_log.otlp.enabled` says so: the extra `otel` brings the SDK. A record
is made on the thread of decision_feed, of the line that the settings allow (decision_words), and
exported by another thread. What cannot be handed over is counted, and delays neither a check nor
the line in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult

from authz import __version__
from authz.observability.decision_attributes import (
    ATTRIBUTES,
    EVENT_NAME,
    FAULTS,
    attributes_of,
)
from authz.observability.otel import (
    EXPORT_SECONDS,
    FLUSH_SECONDS,
    Handed,
    context_of,
    resource_of,
    tame_logging,
)
from authz.policy.decision import Verdict

if TYPE_CHECKING:
    from authz.observability.decision_line import DecisionLine
    from authz.observability.trace_context import TraceContext

#: Records that wait to be exported; then they are lost.
MAX_WAITING: Final = 2048
# The SDK's own queue drops without counting: it is never filled.
_SDK_QUEUE: Final = 2 * MAX_WAITING


class DecisionRecords:
    """Makes log records and has them exported. Nothing here is for the thread that answers checks.

    Args:
        worker: which process of the service it is, `service.instance.id`.
        endpoint: where OTLP over gRPC is taken; None: as OTEL_EXPORTER_OTLP_LOGS_ENDPOINT or
            OTEL_EXPORTER_OTLP_ENDPOINT says.
    """

    def __init__(self, worker: str, endpoint: str | None = None) -> None:
        tame_logging()
        self._handed = Handed(
            OTLPLogExporter(endpoint=endpoint, timeout=EXPORT_SECONDS),
            success=LogRecordExportResult.SUCCESS,
            failure=LogRecordExportResult.FAILURE,
            what="log records",
            room=MAX_WAITING,
        )
        self._provider = LoggerProvider(resource=resource_of(worker), shutdown_on_exit=False)
        self._processor = BatchLogRecordProcessor(self._handed, max_queue_size=_SDK_QUEUE)
        self._provider.add_log_record_processor(self._processor)
        self._logger = self._provider.get_logger("authz", __version__)

    @property
    def exported(self) -> int:
        """Records that somebody has taken."""
        return self._handed.exported

    def lost(self, why: str, records: int = 1) -> None:
        """Count records that nobody will see."""
        self._handed.lost(why, records)

    def counts(self) -> dict[str, int]:
        """Records that nobody will see, by why; a copy."""
        return self._handed.counts()

    def take(self, line: DecisionLine, span: TraceContext | None) -> None:
        """Make the record of a line. `span` is that of the check, or Envoy's span of asking."""
        # With OTEL_SDK_DISABLED, nothing is: that is no loss.
        if not self._logger.enabled() or not self._handed.has_room():
            return
        attributes = attributes_of(line)
        if line.trace_id and (span is None or span.trace_id != line.trace_id):
            # The client's word: it is told, and is nobody's trace.
            attributes[ATTRIBUTES["trace_id"]] = line.trace_id
        severity = severity_of(line)
        self._logger.emit(
            timestamp=round(line.time.timestamp() * 1e6) * 1000,
            context=context_of(span),
            severity_number=severity,
            severity_text=severity.name,
            body=f"{line.verdict.value}: {line.reason.value}",
            attributes=attributes,
            event_name=EVENT_NAME,
        )
        self._handed.begun()

    def begin_to_end(self) -> None:
        """Begin to export the last records; does not wait."""
        self._handed.begin_to_end(self._provider.shutdown)

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Have the last records exported, for so long at most; what is left then is lost."""
        self.begin_to_end()
        self._handed.end(seconds)


def severity_of(line: DecisionLine) -> SeverityNumber:
    """INFO for what is let through, WARN for a denial, ERROR for one that is ours to answer for."""
    if line.reason in FAULTS:
        return SeverityNumber.ERROR
    return SeverityNumber.INFO if line.verdict is Verdict.ALLOW else SeverityNumber.WARN
