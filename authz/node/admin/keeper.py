# SPDX-License-Identifier: Apache-2.0
"""The process that serves the API as the supervisor's process sees it.

How it is kept alive is in `node.keeper`. The socket is held here: from one of its lives to the next
nobody else on the machine can listen in its place and be sent tokens, and who connects meanwhile
is answered by the next.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from authz.node.admin.messages import Databases, FromAdmin
from authz.node.fleet_metrics import FleetMetric
from authz.node.keeper import Keeper
from authz.node.keeper_messages import Failed
from authz.node.log_export import END_SECONDS

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    import msgspec

    from authz.node.admin.config import AdminConfig

#: From its start at the latest, when the node does not serve by then: what keeps it from that may
#: be something that the API can mend.
START_SECONDS: Final = 5.0

#: How long calls under way may take when it stops.
DRAIN_SECONDS: Final = 5

UP: Final = FleetMetric("authz_api_up", "gauge", "1 while the process that serves the API answers.")
RESTARTS: Final = FleetMetric(
    "authz_api_restarts_total",
    "counter",
    "Processes that served the API, ended unasked and were started again.",
)


class AdminKeeper(Keeper[FromAdmin]):
    """Keeps it alive, from when the node serves.

    Args:
        config: what it is told first.
        listener: a socket that listens; it is ours from now on.
    """

    def __init__(self, config: AdminConfig, listener: socket.socket) -> None:
        super().__init__(
            "authz.node.admin",
            name="the process of the API",
            incoming=FromAdmin,
            descriptors=(listener.fileno(),),
            gives_way=True,
            exit_seconds=DRAIN_SECONDS + 2.0 + END_SECONDS,
        )
        self.address = config.listen
        self._config = config
        self._listener = listener
        self._databases = Databases()
        self._serving = threading.Event()

    def serving(self) -> None:
        """Checks are answered: its imports can delay nobody's start any more."""
        self._serving.set()

    def use(self, databases: Databases) -> None:
        """Tell it what checks are answered with."""
        if databases != self._databases:
            self._databases = databases
            self._say(databases)

    def render(self) -> bytes:
        """Its metrics as Prometheus reads them; the last it gave when it does not answer in
        time."""
        text, answered = self.inquire()
        own = "".join(
            f"# HELP {metric.name} {metric.help}\n"
            f"# TYPE {metric.name} {metric.kind}\n"
            f"{metric.name} {value}\n"
            for metric, value in ((UP, int(answered)), (RESTARTS, self.restarts))
        )
        return own.encode() + text

    def hang_up(self) -> None:
        """Have it end: nobody is accepted any more, and calls under way are finished."""
        super().hang_up()
        # The socket is open as long as one of the two has it.
        self._listener.close()
        self._serving.set()

    def _run(self) -> None:
        self._serving.wait(START_SECONDS)
        super()._run()

    def _greet(self) -> Sequence[msgspec.Struct]:
        return [self._config, self._databases]

    def _heard(self, message: FromAdmin) -> None:
        if isinstance(message, Failed):
            self._log.error("the API cannot be served", reason=message.message, hint=message.hint)
