# SPDX-License-Identifier: Apache-2.0
"""Serves the API on a socket that listens already: uvicorn in a thread, within limits.

uvicorn runs the event loop and speaks HTTP; accepting is done here, so that a connection counts
from its first moment and TLS is never waited for by others. What a connection may do is in
`connections`, what a call goes through in `guard`. Nothing here reads settings.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn
from anyio import to_thread

from authz.api.connections import Connections, Protocol, raw_failure
from authz.api.guard import Guard, Pages
from authz.api.limits import Limits
from authz.api.metrics import ApiMetrics, Cut
from authz.observability.log import RateLimit, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from authz.api.hosts import Hosts
    from authz.api.tls import ServerTls

#: After the system had no descriptor for a connection.
_PAUSE_SECONDS: Final = 0.2

#: At most one line in so many seconds says so.
_LOG_INTERVAL_SECONDS: Final = 10.0

#: Rounds of a tenth of a second between two looks at who takes too long.
_SWEEP_ROUNDS: Final = 5

#: Threads for looking at the token of a large call before it is let in.
_MORE_THREADS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the API is served.

    Args:
        hosts: under which names.
        pages: the dashboard beside the API, None for none.
        tls: None for plain HTTP.
    """

    hosts: Hosts
    pages: Pages | None = None
    tls: ServerTls | None = None
    limits: Limits = field(default_factory=Limits)


class ApiServer:
    """Serves `app` on `listener` from a thread until `stop`.

    Args:
        drain_seconds: how long calls under way may take when it stops.
        ended: told when the thread has ended, with what went wrong, if anything.
    """

    def __init__(
        self,
        app: FastAPI,
        listener: socket.socket,
        serving: Serving,
        *,
        drain_seconds: int = 5,
        ended: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        self.metrics = ApiMetrics()
        limits = serving.limits
        guard = Guard(
            app,
            pages=serving.pages,
            hosts=serving.hosts,
            limits=limits,
            metrics=self.metrics,
        )
        _quiet_logging()
        config = uvicorn.Config(
            guard,
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            # Whoever stands in front of us does not say who calls: that is not looked at.
            proxy_headers=False,
            timeout_graceful_shutdown=drain_seconds,
            timeout_keep_alive=int(limits.idle_seconds),
            h11_max_incomplete_event_size=limits.header_bytes,
        )
        connections = Connections(limits, self.metrics)
        self._server = _Server(config, listener, serving, connections)
        self._ended = ended
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    def start(self) -> None:
        """Begin to answer; connections made since the listener was opened are answered too."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no more, finish the calls under way, and end."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()

    def call(self, function: Callable[[], None]) -> None:
        """Have something done on the server's thread: so it shows whether that is alive."""
        loop = self._server.running
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(function)

    def _run(self) -> None:
        try:
            self._server.run()
        except BaseException as error:  # noqa: BLE001 - whoever runs it decides
            self._ended(error)
        else:
            self._ended(None)


class _Server(uvicorn.Server):
    """uvicorn's, accepting by itself."""

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        serving: Serving,
        connections: Connections,
    ) -> None:
        super().__init__(config)
        self.running: asyncio.AbstractEventLoop | None = None
        self._listener = listener
        self._serving = serving
        self._connections = connections
        self._accepting: asyncio.Task[None] | None = None
        self._shaking: set[asyncio.Task[None]] = set()
        self._log_limit = RateLimit(_LOG_INTERVAL_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - the base class names them
        limits = self._serving.limits
        threads = limits.readers + limits.writers + limits.checkers + _MORE_THREADS
        to_thread.current_default_thread_limiter().total_tokens = threads
        self.servers = []
        self._listener.setblocking(False)
        self.running = asyncio.get_running_loop()
        self._accepting = self.running.create_task(self._accept(self.running))
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        if counter % _SWEEP_ROUNDS == 0:
            self._connections.sweep()
        accepting = self._accepting
        if accepting is not None and accepting.done():
            # A defect: a server that accepts nothing must not look alive.
            accepting.result()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            # It looks at the listener until it has heard of that.
            await asyncio.wait([self._accepting])
        self._listener.close()
        for task in self._shaking:
            task.cancel()
        await super().shutdown(sockets)

    async def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                # Not `loop.sock_accept`: what that has accepted is lost when it is cancelled then.
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                await _readable(loop, self._listener)
                continue
            except OSError as error:
                # No descriptors are left, or the client is gone again.
                suppressed = self._log_limit.admit(time.monotonic())
                if suppressed is not None:
                    get_logger().warning(
                        "a connection is not accepted",
                        server="admin",
                        reason=str(error),
                        suppressed=suppressed,
                    )
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            task = loop.create_task(self._begin(loop, accepted))
            self._shaking.add(task)
            task.add_done_callback(partial(self._begun, accepted))

    def _begun(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        self._shaking.discard(task)
        if task.cancelled():
            # Before its first step: nobody else has heard of the connection.
            accepted.close()

    async def _begin(self, loop: asyncio.AbstractEventLoop, accepted: socket.socket) -> None:
        """From accept to the first byte of HTTP."""
        task = asyncio.current_task()
        assert task is not None
        place = self._connections.admit(task.cancel)
        if place is None:
            self._turn_away(accepted)
            return

        def protocol() -> Protocol:
            made = Protocol(config=self.config, server_state=self.server_state, app_state={})
            made.place = place
            return made

        tls = self._serving.tls
        try:
            context = None if tls is None else tls.context()
            await loop.connect_accepted_socket(
                protocol,
                accepted,
                ssl=context,
                ssl_handshake_timeout=None if context is None else _NO_TIMEOUT,
            )
        except OSError:
            # Not TLS, no certificate of ours, or gone again.
            place.counted(Cut.HANDSHAKE)
            place.gone()
            accepted.close()
        except asyncio.CancelledError:
            place.gone()
            accepted.close()

    def _turn_away(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        with suppress(OSError):
            if self._serving.tls is None:
                accepted.send(raw_failure(503, "too many connections"))
                accepted.shutdown(socket.SHUT_WR)
        accepted.close()


async def _readable(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(listener, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listener)


#: `Connections.sweep` ends a handshake that takes too long, and counts it.
_NO_TIMEOUT: Final = 3600.0


class _ToOurs(logging.Handler):
    """What uvicorn and asyncio say, in our log."""

    def emit(self, record: logging.LogRecord) -> None:
        log = get_logger()
        if record.levelno >= logging.ERROR:
            error = record.exc_info[1] if record.exc_info else None
            log.error("the server of the API", exc_info=error, reason=record.getMessage())
        else:
            # Mostly what is wrong with a client.
            log.debug("the server of the API", reason=record.getMessage())


def _quiet_logging() -> None:
    for name in ("uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [_ToOurs()]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
