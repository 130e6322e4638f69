# SPDX-License-Identifier: Apache-2.0
"""Log lines on standard error: one event a line, JSON or for a person's eyes.

Shaped like structlog (an event and key-value fields) but written here: importing structlog costs
a worker 18 MB and a tenth of a second, most of it for coloured tracebacks. Names in certificates,
hosts and SNI are the client's own text, so control characters never reach the terminal or a second
line (CVE-2024-45808 was such a log injection). Logging never raises and never blocks (log_writer).
Lines can be handed to a collector as well (log_records), which changes nothing on standard error.
Does not decide what is worth a line.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from typing import Any, Final, Protocol

from authz.observability.log_writer import FLUSH_SECONDS, LogWriter

#: Severity by name; a line below the configured one is not written.
LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class LineTaker(Protocol):
    """Who is handed lines besides standard error (observability.log_records)."""

    def put(self, at: float, level: str, event: str, fields: dict[str, Any]) -> None:
        """Take a line. Never blocks and never raises, whichever thread logs it."""

    def counts(self) -> dict[str, int]:
        """What became of lines: `exported`, and what was lost by why; a copy."""

    def hurry(self) -> None:
        """Hand on what is there without waiting for more; does not wait."""

    def stop(self, seconds: float) -> None:
        """Hand on what is left, for so long at most; what comes later is lost."""


class _Config:
    """The process's logging settings; one instance, changed by configure_logging."""

    def __init__(self) -> None:
        self.level = LEVELS["info"]
        self.json = True
        self.taker: LineTaker | None = None


_config: Final = _Config()
_writer: Final = LogWriter()


def configure_logging(format: str = "json", level: str = "info") -> None:  # noqa: A002 - its name in authz.yaml
    """Set the format (`json` or `console`) and the lowest level of this process's log lines."""
    _config.json = format == "json"
    _config.level = LEVELS[level]


def flush(seconds: float = FLUSH_SECONDS) -> bool:
    """Wait for the lines logged so far; False when they take longer. Also done at exit."""
    return _writer.flush(seconds)


def lines_dropped() -> int:
    """How many lines of this process were not written: nobody read them, or nobody could."""
    return _writer.dropped


def hand_to(taker: LineTaker | None) -> None:
    """Have each line that is written from now on handed to `taker` as well; None: to nobody."""
    _config.taker = taker


def handed_on() -> dict[str, int]:
    """What became of the lines that were handed on, as LineTaker.counts; empty where none are."""
    return {} if _config.taker is None else _config.taker.counts()


def hurry() -> None:
    """Have what was handed on go out now: this process is about to end. Does not wait."""
    if _config.taker is not None:
        _config.taker.hurry()


def stop_handing_on(seconds: float) -> None:
    """Wait for the lines that were handed on, for so long at most."""
    if _config.taker is not None:
        _config.taker.stop(seconds)


class Logger:
    """Writes events; immutable, `bind` makes one with more fields.

    Args:
        fields: what is on every line.
        local: lines are for standard error alone: they tell of what takes them elsewhere.
    """

    __slots__ = ("_fields", "_local")

    def __init__(self, fields: dict[str, Any], *, local: bool = False) -> None:
        self._fields = fields
        self._local = local

    def bind(self, **fields: Any) -> Logger:
        """A logger that adds `fields` to every line."""
        return Logger({**self._fields, **fields}, local=self._local)

    def debug(self, event: str, **fields: Any) -> None:
        """What only somebody looking for a fault wants."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Something that was meant to happen."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something an operator should look at some time."""
        self._write("warning", event, fields)

    def error(self, event: str, *, exc_info: BaseException | None = None, **fields: Any) -> None:
        """Something is wrong now; `exc_info` adds the traceback."""
        self._write("error", event, fields, exc_info)

    def _write(
        self,
        level: str,
        event: str,
        fields: dict[str, Any],
        exc_info: BaseException | None = None,
    ) -> None:
        if LEVELS[level] < _config.level:
            return
        try:
            if exc_info is not None:
                fields["exception"] = "".join(traceback.format_exception(exc_info))
            at, said = time.time(), {**self._fields, **fields}
            if _config.taker is not None and not self._local:
                _config.taker.put(at, level, event, said)
            render = _json_line if _config.json else _console_line
            _writer.put(render(at, level, event, said))
        except Exception:  # noqa: BLE001 - a value's own __str__ may raise anything; logging must not
            _writer.drop()


def get_logger(*, local: bool = False) -> Logger:
    """A logger without fields of its own; `local` as Logger has it."""
    return Logger({}, local=local)


def _timestamp(at: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{whole}.{int(at % 1 * 1000):03d}Z"


def _json_line(at: float, level: str, event: str, fields: dict[str, Any]) -> str:
    # json escapes control characters, and with ensure_ascii everything beyond ASCII, too.
    line = {"timestamp": _timestamp(at), "level": level, "event": event, "pid": os.getpid()}
    return json.dumps(line | fields, default=str) + "\n"


def _console_line(at: float, level: str, event: str, fields: dict[str, Any]) -> str:
    # A traceback is ours, not the client's, and unreadable on one line.
    trace = fields.pop("exception", "")
    pairs = "".join(f" {name}={_console_value(value)}" for name, value in fields.items())
    text = f"{_timestamp(at)} {level:<7} {escape(event)}{pairs}\n"
    return text + "".join(f"    {escape(line)}\n" for line in trace.splitlines())


def _console_value(value: Any) -> str:
    text = escape(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text


def escape(text: str) -> str:
    """`text` with everything unprintable as a backslash escape; other text is as it was."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


class RateLimit:
    """Lets one event through per interval and counts the others."""

    __slots__ = ("_interval", "_next", "_suppressed")

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = float("-inf")
        self._suppressed = 0

    def admit(self, now: float) -> int | None:
        """How many were suppressed since the last admitted one; None when this one is too."""
        if now < self._next:
            self._suppressed += 1
            return None
        self._next = now + self._interval
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed
