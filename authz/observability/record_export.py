# SPDX-License-Identifier: Apache-2.0
"""Log records on their way to a collector: the part of the SDK that both logs share.

Decisions (decision_records.py) and the service's own lines (log_records.py) differ in what a record
says. How it is handed over, what may wait and what becomes of it is the same, and here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult

from authz import __version__
from authz.observability.otel import (
    EXPORT_SECONDS,
    FLUSH_SECONDS,
    Handed,
    resource_of,
    tame_logging,
)

if TYPE_CHECKING:
    from opentelemetry._logs import SeverityNumber
    from opentelemetry.context import Context
    from opentelemetry.util.types import AnyValue

#: Records that may wait, at most; what whoever makes them asks for is less, or this.
MAX_ROOM: Final = 2048
# The SDK's own queue drops without counting: it is never filled.
_SDK_QUEUE: Final = 2 * MAX_ROOM


class RecordExport:
    """Has log records exported. Nothing here is for the thread that answers checks.

    Args:
        process: which one of the service it is, `service.instance.id`.
        endpoint: where OTLP over gRPC is taken; None: as OTEL_EXPORTER_OTLP_LOGS_ENDPOINT or
            OTEL_EXPORTER_OTLP_ENDPOINT says.
        what: the name of what it exports, for the log.
        room: how many may wait, MAX_ROOM at most; then they are lost.
    """

    def __init__(self, process: str, endpoint: str | None, *, what: str, room: int) -> None:
        tame_logging()
        self._handed = Handed(
            OTLPLogExporter(endpoint=endpoint, timeout=EXPORT_SECONDS),
            success=LogRecordExportResult.SUCCESS,
            failure=LogRecordExportResult.FAILURE,
            what=what,
            room=room,
        )
        self._provider = LoggerProvider(resource=resource_of(process), shutdown_on_exit=False)
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

    def wants(self) -> bool:
        """Whether one more is to be made; counted as lost where there is no room for it."""
        # With OTEL_SDK_DISABLED, nothing is: that is no loss.
        return self._logger.enabled() and self._handed.has_room()

    def emit(
        self,
        *,
        at_ns: int,
        severity: SeverityNumber,
        event_name: str,
        text: str,
        attributes: dict[str, AnyValue],
        context: Context | None = None,
    ) -> None:
        """Hand a record over; only after `wants`."""
        self._logger.emit(
            timestamp=at_ns,
            context=context,
            severity_number=severity,
            severity_text=severity.name,
            body=text,
            attributes=attributes,
            event_name=event_name,
        )
        self._handed.begun()

    def flush(self) -> None:
        """Export what is there; waits for whoever takes it."""
        self._provider.force_flush()

    def begin_to_end(self) -> None:
        """Begin to export the last records; does not wait."""
        self._handed.begin_to_end(self._provider.shutdown)

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Have the last records exported, for so long at most; what is left then is lost."""
        self.begin_to_end()
        self._handed.end(seconds)
