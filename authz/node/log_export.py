# SPDX-License-Identifier: Apache-2.0
"""A process's own log on its way to a collector: from when its settings are known to its end.

What a line becomes is observability.log_records'. Nothing of OpenTelemetry is imported where the
settings do not ask for it. The process that loads a policy hands nothing on: it lives for a moment,
and whoever ordered it says what came of it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from authz.errors import SettingsError
from authz.observability.log import flush, get_logger, hand_to, stop_handing_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.node.messages import LogOtlpConfig

#: How long the end of a process waits for everybody who takes what it has to tell, all together.
END_SECONDS: Final = 2.0
#: The same of one that has a defect: its keeper starts the next one after that.
DEFECT_SECONDS: Final = 0.5


class Ending:
    """One bound for all that a process waits for at its end. The first question begins it.

    Whoever hangs may take traces, decisions and the log: it is waited for once.
    """

    def __init__(
        self, seconds: float = END_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: float | None = None

    def left(self) -> float:
        """Seconds that are left, 0 when there are none."""
        now = self._clock()
        if self._until is None:
            self._until = now + self._seconds
        return max(0.0, self._until - now)


@contextmanager
def opentelemetry(what: str, where: str) -> Iterator[None]:
    """Whatever goes wrong here is the environment's fault, where anything may stand.

    Raises:
        SettingsError: something went wrong.
    """
    try:
        yield
    except Exception as error:
        raise SettingsError(
            f"{what} cannot be made: {error}",
            where=where,
            hint="look at the variables of the environment that begin with OTEL_",
        ) from error


def export_log(config: LogOtlpConfig | None, process: str) -> None:
    """Have the lines that this process logs from now on handed to a collector, if it is to be.

    Raises:
        SettingsError: OpenTelemetry refuses what the settings and the environment say.
    """
    if config is None:
        return
    with opentelemetry("log records", "log.otlp"):
        from authz.observability.log_records import LogRecords

        hand_to(LogRecords(process, config.endpoint))


def export_log_if_possible(config: LogOtlpConfig | None, process: str) -> None:
    """The same for a process that has better to do than to end for that; standard error says so."""
    try:
        export_log(config, process)
    except SettingsError as error:
        get_logger().error("the log is not exported", reason=str(error), hint=error.hint)


def end_log(ending: Ending | None = None) -> None:
    """Wait for the last lines, on their way to standard error and to the collector."""
    flush()
    stop_handing_on((ending or Ending()).left())
