# SPDX-License-Identifier: Apache-2.0
"""Lines of the decision log as OpenTelemetry log records, handed over OTLP by the SDK.

Imported only where `decision_log.otlp.enabled` says so: the extra `otel` brings the SDK. A record
is made on the thread of decision_feed, of the line that the settings allow (decision_words), and
exported by another thread (record_export). What cannot be handed over is counted, and delays
neither a check nor the line in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry._logs import SeverityNumber

from authz.observability.decision_attributes import (
    ATTRIBUTES,
    EVENT_NAME,
    FAULTS,
    attributes_of,
)
from authz.observability.otel import FLUSH_SECONDS, context_of
from authz.observability.record_export import RecordExport
from authz.policy.decision import Verdict

if TYPE_CHECKING:
    from opentelemetry.util.types import AnyValue

    from authz.observability.decision_line import DecisionLine
    from authz.observability.trace_context import TraceContext

#: Records that wait to be exported; then they are lost.
MAX_WAITING: Final = 2048


class DecisionRecords:
    """Makes log records and has them exported. Nothing here is for the thread that answers checks.

    Args:
        worker: which process of the service it is.
        endpoint: who takes them, as RecordExport has it.
    """

    def __init__(self, worker: str, endpoint: str | None = None) -> None:
        self._export = RecordExport(worker, endpoint, what="log records", room=MAX_WAITING)

    @property
    def exported(self) -> int:
        """Records that somebody has taken."""
        return self._export.exported

    def lost(self, why: str, records: int = 1) -> None:
        """Count records that nobody will see."""
        self._export.lost(why, records)

    def counts(self) -> dict[str, int]:
        """Records that nobody will see, by why; a copy."""
        return self._export.counts()

    def take(self, line: DecisionLine, span: TraceContext | None) -> None:
        """Make the record of a line. `span` is that of the check, or Envoy's span of asking."""
        if not self._export.wants():
            return
        attributes: dict[str, AnyValue] = {**attributes_of(line)}
        if line.trace_id and (span is None or span.trace_id != line.trace_id):
            # The client's word: it is told, and is nobody's trace.
            attributes[ATTRIBUTES["trace_id"]] = line.trace_id
        self._export.emit(
            at_ns=round(line.time.timestamp() * 1e6) * 1000,
            severity=severity_of(line),
            event_name=EVENT_NAME,
            text=f"{line.verdict.value}: {line.reason.value}",
            attributes=attributes,
            context=context_of(span),
        )

    def begin_to_end(self) -> None:
        """Begin to export the last records; does not wait."""
        self._export.begin_to_end()

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Have the last records exported, for so long at most; what is left then is lost."""
        self._export.stop(seconds)


def severity_of(line: DecisionLine) -> SeverityNumber:
    """INFO for what is let through, WARN for a denial, ERROR for one that is ours to answer for."""
    if line.reason in FAULTS:
        return SeverityNumber.ERROR
    return SeverityNumber.INFO if line.verdict is Verdict.ALLOW else SeverityNumber.WARN
