# SPDX-License-Identifier: Apache-2.0
"""Lines of the service's own log as OpenTelemetry log records, handed over OTLP by the SDK.

Imported only where `log.otlp.enabled` says so: the extra `otel` brings the SDK. Whoever logs puts a
line into a bounded queue and goes on, with the values as plain data; a thread of its own makes the
record, and another one exports it (record_export). Standard error has the line in any case, and
first of all those that tell of exports: they are not handed on (otel.py).
"""

from __future__ import annotations

import json
import queue
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from opentelemetry._logs import SeverityNumber

from authz.observability.log import escape
from authz.observability.otel import FLUSH_SECONDS
from authz.observability.record_export import RecordExport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.util.types import AnyValue

    Value: TypeAlias = str | bool | int | float | list[str]

#: Lines that wait to become a record, and records that wait to be exported; then they are lost.
MAX_LINES: Final = 1000
MAX_WAITING: Final = 1000

#: Characters of a value, of which a traceback keeps the end; values of a list. A batch of 512
#: records has to fit into what receivers take, 4 MB unless they are told otherwise.
MAX_TEXT: Final = 4096
MAX_ITEMS: Final = 32

SEVERITIES: Final[Mapping[str, SeverityNumber]] = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
}

#: What an attribute's name begins with that is a field of the line; the field's name follows.
FIELD: Final = "authz.log."
#: Fields that have an attribute elsewhere, of spans and records of decisions or in the semantic
#: conventions: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/
ATTRIBUTES: Final[Mapping[str, str]] = {
    "worker": "authz.worker",
    "generation": "authz.snapshot.generation",
    "trace_id": "authz.request.trace_id",
    "exception": "exception.stacktrace",
}

# OTLP's whole numbers have 64 bits: opentelemetry/proto/common/v1/common.proto.
_INT64: Final = range(-(2**63), 2**63)


class _Line(NamedTuple):
    """A line that is to be a record."""

    at: float
    level: str
    event: str
    attributes: dict[str, AnyValue]


class LogRecords:
    """Takes lines (log.LineTaker), makes records and has them exported.

    Args:
        process: which process of the service it is.
        endpoint: who takes them, as RecordExport has it.
    """

    def __init__(self, process: str, endpoint: str | None = None) -> None:
        self._export = RecordExport(process, endpoint, what="lines of the log", room=MAX_WAITING)
        # Both are safe where a signal's handler logs in the middle of a line.
        self._queue: queue.SimpleQueue[_Line | threading.Event] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._dropped: dict[str, int] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="log records", daemon=True)
        self._thread.start()

    # --- whichever thread logs something ---------------------------------------------------------

    def put(self, at: float, level: str, event: str, fields: dict[str, Any]) -> None:
        """Have a line become a record. Never blocks and never raises."""
        if self._stopped:
            self._drop("shutdown")
        elif self._queue.qsize() >= MAX_LINES:
            self._drop("queue")
        else:
            try:
                self._queue.put(_Line(at, level, event, attributes_of(fields)))
            except Exception:  # noqa: BLE001 - a value's own __str__ may raise anything
                self._drop("error")

    def counts(self) -> dict[str, int]:
        """Records that somebody has taken, `exported`, and those nobody will see by why."""
        found = {"exported": self._export.exported, **self._export.counts()}
        for why, lines in list(self._dropped.items()):
            found[why] = found.get(why, 0) + lines
        return found

    def hurry(self) -> None:
        """Export what is there now; does not wait for it."""
        threading.Thread(target=self._hurry, name="log records hurry", daemon=True).start()

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Have the last records exported, for so long at most; what is left then is lost."""
        if self._stopped:
            return
        until = time.monotonic() + seconds
        self._stopped = True
        self._settle(seconds)
        self._export.stop(max(0.0, until - time.monotonic()))

    def _drop(self, why: str) -> None:
        with self._lock:
            self._dropped[why] = self._dropped.get(why, 0) + 1

    # --- other threads ---------------------------------------------------------------------------

    def _settle(self, seconds: float = FLUSH_SECONDS) -> None:
        """Wait until every line so far is a record."""
        made = threading.Event()
        self._queue.put(made)
        made.wait(seconds)

    def _hurry(self) -> None:
        self._settle()
        self._export.flush()

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self._make(item)
            except Exception:  # noqa: BLE001 - one record is lost, and counted
                self._drop("error")

    def _make(self, line: _Line) -> None:
        if not self._export.wants():
            return
        text = escape(line.event)[:MAX_TEXT]
        self._export.emit(
            at_ns=round(line.at * 1e6) * 1000,
            severity=SEVERITIES[line.level],
            # An event of ours is a sentence that says which one it is, and its fields the rest.
            event_name=text,
            text=text,
            attributes=line.attributes,
        )


def attributes_of(fields: Mapping[str, Any]) -> dict[str, AnyValue]:
    """What a record says of the fields of a line: plain values, printable, and not without end."""
    found: dict[str, AnyValue] = {}
    for name, value in fields.items():
        if value is None:
            continue
        attribute = ATTRIBUTES.get(name, f"{FIELD}{name}")
        if name == "exception":
            # Lines of its own, and none that somebody else's text makes: it is printable.
            found[attribute] = "\n".join(map(escape, str(value).split("\n")))[-MAX_TEXT:]
        else:
            found[attribute] = _value(value)
    return found


def _value(value: Any) -> Value:
    if isinstance(value, bool | float) or (isinstance(value, int) and value in _INT64):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return _texts(islice(value, MAX_ITEMS))
    if isinstance(value, dict):
        return _text(json.dumps(value, default=str))
    return _text(value)


def _texts(values: Iterable[Any]) -> list[str]:
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    # A lone surrogate, of a file's name, is no UTF-8: the whole batch would fail. It is escaped.
    return escape(str(value))[:MAX_TEXT]
