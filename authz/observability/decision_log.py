# SPDX-License-Identifier: Apache-2.0
"""The decision log: one line of JSON for each decision (decision_line), in a file (line_file).

Decides of which decisions (`wants`, on the thread that answers checks), and writes. What a line
says is decision_words'; how decisions get here, and the thread that all but `wants` runs on, are
decision_feed's. What cannot be written waits, up to a bound, and is counted when it is lost.
"""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Final

from authz.observability.decision_words import DecisionWords
from authz.observability.line_file import MAX_WRITE, LineFile
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.observability.checked_request import CheckedRequest
    from authz.observability.decision_line import DecisionLine
    from authz.observability.decision_log_options import DecisionLogOptions
    from authz.observability.decision_words import Noted

#: Bytes of lines that wait for a file that takes none; then lines are lost.
MAX_WAITING: Final = 4 * 1024 * 1024
#: Between two attempts to write into a file that took nothing.
RETRY_SECONDS: Final = 1.0

_CRC_RANGE: Final = 1 << 32


def is_sampled(decision_id: bytes, rate: float) -> bool:
    """Whether a decision is among the share `rate` (0 to 1): the same answer everywhere.

    By the CRC-32 of the id, the checksum that every language has.
    """
    return zlib.crc32(decision_id) < rate * _CRC_RANGE


class DecisionLog:
    """Writes lines. `wants` belongs to the thread that answers checks, the rest to another one.

    Attributes:
        written: lines that are in the file.
        dropped: lines that are not and will not be, by why.
        failures: attempts to write that ended in an error.
    """

    def __init__(
        self,
        options: DecisionLogOptions,
        worker: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.written = 0
        self.dropped: dict[str, int] = {}
        self.failures = 0
        self._options = options
        self._words = DecisionWords(options, worker)
        self._clock = clock
        self._file = None if options.path is None else LineFile(options.path)
        self._waiting: list[bytes] = []
        self._size = 0
        self._retry_at = float("-inf")
        self._failing = False

    @property
    def wants_allowed(self) -> bool:
        """Whether it has to be asked about decisions that allow."""
        return self._options.allowed > 0

    @property
    def wants_certificate(self) -> bool:
        """Whether lines tell more of a certificate than its fingerprint."""
        return self._options.subject

    @property
    def has_file(self) -> bool:
        """Whether lines are written; without a file, they are log records alone."""
        return self._file is not None

    @property
    def is_full(self) -> bool:
        """Whether so much waits that the next line would be lost."""
        return self._file is not None and self._size >= MAX_WAITING

    @property
    def waiting(self) -> int:
        """Lines that wait to be written."""
        return len(self._waiting)

    # --- the thread that answers checks ---------------------------------------------------------

    def wants(self, decision_id: bytes, blocked: bool) -> bool:
        """Whether there is to be a line of this decision."""
        rate = self._options.share(blocked=blocked)
        return rate >= 1.0 or is_sampled(decision_id, rate)

    # --- another thread -------------------------------------------------------------------------

    def take(
        self, noted: Noted, request: CheckedRequest, trace_id: str, *, delivered: bool
    ) -> DecisionLine:
        """Make a line of a decision, and write it with others; what it says."""
        line, text = self._words.line(noted, request, trace_id, delivered=delivered)
        if self._file is None:
            return line
        if self.is_full:
            self.lost("waiting")
            return line
        self._waiting.append(text)
        self._size += len(text)
        if self._size >= MAX_WRITE and not self._failing:
            self.write()
        return line

    def lost(self, why: str, lines: int = 1) -> None:
        """Count lines that will not be written."""
        self.dropped[why] = self.dropped.get(why, 0) + lines

    def write(self, *, at_once: bool = False) -> bool:
        """Write what waits, unless it failed a moment ago; whether nothing waits any more."""
        if self._file is None or not self._waiting:
            return True
        now = self._clock()
        if now < self._retry_at and not at_once:
            return False
        try:
            done = self._file.append(self._waiting)
        except OSError as error:
            self._failed(error, now)
            return False
        self.written += done
        self._size -= sum(map(len, self._waiting[:done]))
        del self._waiting[:done]
        if self._failing and not self._waiting:
            self._failing = False
            get_logger().info("the decision log is written again", path=self._options.path)
        return not self._waiting

    def close(self) -> None:
        """No more is written; what waits is lost."""
        if self._waiting:
            self.lost("shutdown", len(self._waiting))
            self._waiting, self._size = [], 0
        if self._file is not None:
            self._file.close()

    def _failed(self, error: OSError, now: float) -> None:
        self.failures += 1
        self._retry_at = now + RETRY_SECONDS
        if not self._failing:
            self._failing = True
            get_logger().error(
                "the decision log cannot be written; lines wait, and are then lost",
                path=self._options.path,
                reason=error.strerror or str(error),
            )
