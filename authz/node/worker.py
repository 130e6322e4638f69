# SPDX-License-Identifier: Apache-2.0
"""A worker process: answers checks by the snapshots the supervisor names.

`python -m authz.node.worker FD`, FD being its end of a socket pair. It imports neither sources nor
app: no policy file, no database and no private key is within its reach. It lives no longer than its
supervisor: the end of the stream is an order to drain. Should a thread end that answers or reads
what the supervisor says, the process ends at once and is started again (node.vital).

Three kinds of thread: the transport's answer checks; `channel` reads what the supervisor says and
answers a scrape at once; the main thread compiles snapshots, off the check path, and drains.
"""

from __future__ import annotations

import queue
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from authz.errors import AuthzError
from authz.node.channel import Channel, ChannelClosedError
from authz.node.endpoint import Endpoint
from authz.node.giving_way import giving_way
from authz.node.installer import Installer
from authz.node.log_export import Ending, end_log, export_log
from authz.node.messages import (
    Alive,
    Collect,
    Configure,
    Drain,
    Export,
    Heard,
    Load,
    Loaded,
    LoadFailed,
    Pulse,
    Ready,
    Reported,
    StartFailed,
    ToWorker,
)
from authz.node.reporter import Reporter
from authz.node.signals import Signals
from authz.node.vital import watch
from authz.observability.log import configure_logging, get_logger

if TYPE_CHECKING:
    import msgspec

#: Exit status of a worker that cannot serve because of the settings: usage or configuration.
EXIT_CONFIGURATION = 2

_Inbox = queue.SimpleQueue["Load | Drain | signal.Signals"]


class Worker:
    """One worker, from its first message to its drain."""

    def __init__(self, channel: Channel[ToWorker], configure: Configure, inbox: _Inbox) -> None:
        self._channel = channel
        self._configure = configure
        self._inbox = inbox
        self._endpoint = Endpoint(configure.endpoint, name=str(configure.index))
        self._log = get_logger().bind(worker=configure.index)
        self._started = False
        self._heard_all = False
        self._beats = 0
        self._following: Drain | signal.Signals | None = None
        self._installer = Installer(self._endpoint)
        self._reporter = Reporter(
            self._endpoint.reporting(),
            lambda number, report: self._say(Reported(number=number, report=report)),
            acknowledged=True,
        )

    def run(self) -> int:
        """Serve until told to drain; the exit status."""
        listening = threading.Thread(target=self._listen, name="channel", daemon=True)
        listening.start()
        # Whoever does not hear the supervisor answers by yesterday's snapshot, and for ever.
        watch([listening], lambda: self._heard_all or self._endpoint.is_ending())
        try:
            return self._run()
        finally:
            self._endpoint.let_go()

    def _run(self) -> int:
        try:
            self._endpoint.prepare()
            while isinstance(order := self._next_order(), Load):
                if self._load(order) and not self._started:
                    self._start()
        except AuthzError as error:
            return _not_started(self._channel, error)
        # Drain, SIGTERM or the end of the stream: whoever asked, the clients come first.
        ending = Ending()
        self._endpoint.drain(
            self._configure.drain_seconds, self._configure.grace_seconds, ending=ending
        )
        # Before the last report, which has what was lost of it.
        end_log(ending)
        self._reporter.stop()
        self._say(self._export(0))
        return 0

    def _next_order(self) -> Load | Drain | signal.Signals:
        """The next order; of several snapshots that wait, the last one.

        The others are not enforced any more, and their files may be gone.
        """
        order = self._inbox.get() if self._following is None else self._following
        self._following = None
        while isinstance(order, Load):
            try:
                following = self._inbox.get_nowait()
            except queue.Empty:
                break
            if not isinstance(following, Load):
                self._following = following
                break
            order = following
        return order

    def _listen(self) -> None:
        """Read the channel until it ends; scrapes and pulses are answered here, and no more."""
        try:
            while (message := self._channel.receive()) is not None:
                if isinstance(message, Collect):
                    self._say(self._export(message.number))
                elif isinstance(message, Pulse):
                    self._feel()
                elif isinstance(message, Heard):
                    self._reporter.heard(message.number)
                elif not isinstance(message, Configure):
                    self._inbox.put(message)
        except ChannelClosedError as error:
            self._log.error("the supervisor cannot be understood", reason=str(error))
        self._heard_all = True
        self._reporter.abandon()
        self._inbox.put(Drain())

    def _feel(self) -> None:
        """Say that checks are answered, or could be. This thread is alive either way."""
        beats = self._endpoint.beats()
        if beats != self._beats:
            self._beats = beats
            self._say(Alive())

    def _load(self, order: Load) -> bool:
        began = time.monotonic()
        try:
            snapshot = self._installer.install(order.file, order.geoip_city, order.geoip_asn)
        except AuthzError as error:
            kept = self._endpoint.snapshot
            self._endpoint.metrics.reload_failed("snapshot")
            self._log.error(
                "the snapshot cannot be used; the last good one stays",
                generation=order.generation,
                kept=kept.generation if kept else 0,
                reason=str(error),
            )
            self._say(
                LoadFailed(
                    generation=order.generation,
                    kept=kept.generation if kept else 0,
                    message=str(error),
                )
            )
            return False
        self._say(Loaded(generation=snapshot.generation, seconds=time.monotonic() - began))
        return True

    def _start(self) -> None:
        transport = self._endpoint.start()
        self._started = True
        self._reporter.start()
        self._say(Ready(address=transport.address, transport=transport.name, why=transport.why))

    def _export(self, number: int) -> Export:
        return Export(number=number, metrics=self._endpoint.metrics.export())

    def _say(self, message: msgspec.Struct) -> None:
        _say(self._channel, message)


def _say(channel: Channel[ToWorker], message: msgspec.Struct) -> None:
    # A supervisor that is gone hears nothing: `Worker._listen` sees it too and asks for the drain.
    with suppress(ChannelClosedError):
        channel.send(message)


def _not_started(channel: Channel[ToWorker], error: AuthzError) -> int:
    """Say why nothing is answered; the exit status."""
    _say(channel, StartFailed(message=str(error), hint=error.hint))
    return EXIT_CONFIGURATION


def main(arguments: list[str]) -> int:
    """Serve on behalf of the supervisor at the other end of file descriptor `arguments[0]`."""
    inbox: _Inbox = queue.SimpleQueue()
    # Control-C goes to the whole group of processes; the supervisor says what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with giving_way(), Signals((signal.SIGTERM,), inbox.put):
        channel: Channel[ToWorker] = Channel(socket.socket(fileno=int(arguments[0])), ToWorker)
        configure = channel.receive()
        if not isinstance(configure, Configure):
            return 0  # the supervisor ended before it said anything
        configure_logging(configure.log_format, configure.log_level)
        try:
            export_log(configure.log_otlp, str(configure.index))
            worker = Worker(channel, configure, inbox)
        except AuthzError as error:
            return _not_started(channel, error)
        status = worker.run()
        end_log()
        return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
