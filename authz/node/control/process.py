# SPDX-License-Identifier: Apache-2.0
"""The control process from its first message to its end.

Threads: the main one reads what the supervisor says; the publisher, the activity writer, fetching
and the servers have one each. A defect in one of them ends the process, and its keeper starts it
again: half a control plane that looks alive would be worse than none for a second.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from authz.errors import AuthzError
from authz.node.channel import Channel, ChannelClosedError
from authz.node.control.config import ControlConfig
from authz.node.control.messages import InForce, Listening, Rebuild, Tell, ToControl
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.node.log_export import DEFECT_SECONDS, Ending, end_log, export_log_if_possible
from authz.observability.log import configure_logging, get_logger, handed_on, hurry
from authz.settings import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from authz.node.control.activity import ActivityWriter
    from authz.node.control.ca_publisher import CaPublisher
    from authz.node.control.fetching import Fetching
    from authz.node.control.leadership import Leadership
    from authz.node.control.metrics import Samples
    from authz.node.control.parts import FileParts
    from authz.node.control.publication import PublicationServer
    from authz.node.control.publisher import Publisher
    from authz.node.control.sharing import Sharing
    from authz.node.control.stock import StockTaker
    from authz.node.messages import TracingConfig
    from authz.observability.tracing import Tracing
    from authz.sds.server import SdsServer
    from authz.sources.fetch import Fetcher
    from authz.store.engine import Store

#: Exit status after an operator's fault that was told: another start would find the same.
EXIT_CONFIGURATION = 2


#: How long its threads may take to end; behind that, what they told goes out (Ending).
STOP_SECONDS = 2.0


class Control:
    """One control process."""

    def __init__(self, channel: Channel[ToControl], config: ControlConfig) -> None:
        self._channel = channel
        self._config = config
        self._parts: FileParts | None = None
        self._publisher: Publisher | None = None
        self._activity: ActivityWriter | None = None
        self._stock: StockTaker | None = None
        self._ca: CaPublisher | None = None
        self._publication: PublicationServer | None = None
        self._sds: SdsServer | None = None
        self._fetching: Fetching | None = None
        self._leadership: Leadership | None = None
        self._sharing: Sharing | None = None
        self._tracing = None if config.tracing is None else _tracing(config.tracing)
        self._threads: list[threading.Thread] = []

    def run(self) -> int:
        """Serve until the supervisor hangs up; the exit status."""
        try:
            self._agree()
            if self._config.sds is not None:
                self._serve_sds(self._config.sds)
            if self._config.publication is not None:
                self._serve_publication(self._config.publication)
            self._say(
                Listening(
                    sds=None if self._sds is None else self._sds.address,
                    publication=None if self._publication is None else self._publication.address,
                )
            )
            if self._config.database is not None:
                self._follow_store()
            if self._config.fetched is not None:
                self._fetch(Path(self._config.fetched))
            while (message := self._channel.receive()) is not None:
                self._heard(message)
        except AuthzError as error:
            self._say(Failed(message=str(error), hint=error.hint))
            return EXIT_CONFIGURATION
        except ChannelClosedError as error:
            get_logger().error("the supervisor cannot be understood", reason=str(error))
        self._stop()
        return 0

    def _agree(self) -> None:
        """Of several nodes on one PostgreSQL, one does what has to be done once."""
        if self._config.database in (None, "sqlite"):
            return
        from authz.node.control.leadership import FETCH, SIGN, Leadership
        from authz.node.control.sharing import Sharing

        self._sharing = Sharing(woken=self._wake)
        roles = (FETCH,) if self._config.publication is None else (FETCH, SIGN)
        self._leadership = Leadership(roles, looked=self._sharing.looked, changed=self._wake)
        self._sharing.follow(self._leadership)

    def _wake(self) -> None:
        for one in (self._fetching, self._ca):
            if one is not None:
                one.wake()

    def _serve_sds(self, address: str) -> None:
        from authz.sds.server import SdsServer

        self._sds = SdsServer(parse_address(address), crls=self._config.sds_crls)
        self._sds.start()

    def _serve_publication(self, address: str) -> None:
        from authz.node.control.ca_publisher import CaPublisher
        from authz.node.control.publication import PublicationServer

        self._ca = CaPublisher(self._config, leadership=self._leadership)
        self._publication = PublicationServer(
            parse_address(address), self._ca, url=self._config.publication_url
        )
        self._publication.start()

    def _follow_store(self) -> None:
        from authz.node.control.activity import ActivityWriter, retention_of
        from authz.node.control.parts import FileParts
        from authz.node.control.publisher import Publisher
        from authz.node.control.stock import StockTaker
        from authz.node.control.takeover import file_part

        config = self._config
        self._stock = StockTaker()

        def failed(kind: str, error: AuthzError) -> None:
            publisher.count_failure(kind, error)

        parts = FileParts(
            policy=None if config.policy is None else Path(config.policy),
            geoip=config.geoip,
            geo_directory=Path(config.geo_directory),
            fetched=None if config.fetched is None else Path(config.fetched),
            failed=failed,
            earlier=file_part(config.resumed),
        )
        self._parts = parts
        self._activity = ActivityWriter(
            file_sites=lambda: frozenset(one.name for one in parts.model.sites),
            retention=retention_of(config.keep),
        )
        self._publisher = publisher = Publisher(
            config,
            parts,
            self._say,
            opened=self._opened,
            published=self._published,
            span=nullcontext if self._tracing is None else self._tracing.span,
        )
        self._begin("publisher", publisher.run)
        self._begin("parts", parts.run)
        self._begin("activity", self._activity.run)
        self._begin("stock", self._stock.run)
        if self._ca is not None:
            self._begin("ca", self._ca.run)
        if self._leadership is not None:
            self._begin("leadership", self._leadership.run)

    def _fetch(self, directory: Path) -> None:
        from authz.node.control.fetching import Fetching
        from authz.sources.fetch_hosts import AllowedHosts

        settings = self._config.fetch
        allowed = AllowedHosts.parse(settings.allowed_hosts)

        def fetcher() -> Fetcher:
            # Imported where something is fetched: it brings an HTTP client.
            from authz.sources.fetch import Fetcher

            return Fetcher(
                allowed=allowed,
                max_bytes=settings.max_bytes,
                timeout_seconds=settings.timeout_seconds,
            )

        # A loader sees by itself that files have changed.
        changed = None if self._publisher is None else self._publisher.request
        self._fetching = Fetching(directory, fetcher, changed=changed, sharing=self._sharing)
        self._begin("fetching", self._fetching.run)

    def _opened(self, store: Store | None) -> None:
        followers = (self._activity, self._stock, self._ca, self._sharing, self._leadership)
        for follower in followers:
            if follower is not None:
                follower.use(store)

    def _published(self, revision: int) -> None:
        if self._ca is not None:
            self._ca.published(revision)

    def _heard(self, message: ToControl) -> None:
        if isinstance(message, Inquire):
            self._say(Numbers(number=message.number, text=self._render(), log_records=handed_on()))
        elif isinstance(message, Tell):
            if self._activity is not None:
                self._activity.add(message.report)
            if self._fetching is not None:
                self._fetching.take(message.report)
        elif isinstance(message, Rebuild):
            if self._publisher is not None:
                self._publisher.request()
        elif isinstance(message, InForce):
            if self._fetching is not None:
                self._fetching.in_force(Path(message.file))
            self._publish_trust(message)

    def _publish_trust(self, message: InForce) -> None:
        """Give Envoy the trust bundles of what the workers are told to answer by."""
        if self._sds is None:
            return
        from authz.node.snapshot_file import read_trust
        from authz.sds.material import TrustMaterial

        try:
            data = read_trust(Path(message.file))
            if data is not None:
                self._sds.publish(TrustMaterial.decode(data), message.generation)
        except AuthzError as error:
            # Envoy keeps the bundles that it has.
            get_logger().error("trust bundles cannot be published", reason=str(error))

    def _render(self) -> bytes:
        from authz.node.control.metrics import render
        from authz.sds.metrics import render as render_sds

        text = render(self._samples())
        return text if self._sds is None else text + render_sds(self._sds.metrics.export())

    def _samples(self) -> Samples:
        from authz.node.control.metrics import PUBLICATION_FAILURES

        fetching = {} if self._fetching is None else self._fetching.samples()
        if self._publisher is None or self._activity is None:
            return fetching
        state = self._publisher.state
        return {
            **fetching,
            "authz_store_up": [((), 0.0 if state.why else 1.0)],
            "authz_store_revision": [((), float(state.revision))],
            "authz_store_generation": [((), float(state.generation))],
            "authz_publications_total": [((), float(state.count))],
            "authz_publication_seconds": [((), state.seconds)],
            "authz_publication_timestamp_seconds": [((), state.at)],
            "authz_publication_failures_total": [
                ((kind,), float(state.failures.get(kind, 0))) for kind in PUBLICATION_FAILURES
            ],
            "authz_events_not_kept_total": [((), float(self._activity.dropped))],
            "authz_counts_not_kept_total": [((), float(self._activity.uncounted))],
            **({} if self._stock is None else self._stock.samples()),
            **({} if self._ca is None else self._ca.samples()),
            **({} if self._leadership is None else self._leadership.samples()),
        }

    def _begin(self, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(name, body), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, name: str, body: Callable[[], None]) -> None:
        try:
            body()
        except AuthzError as error:
            self._say(Failed(message=str(error), hint=error.hint))
            end(EXIT_CONFIGURATION)
        except Exception as error:  # noqa: BLE001 - ours, and nobody else would log it
            get_logger().error("a thread of the control process ended", thread=name, exc_info=error)
            end(1)

    def _stop(self) -> None:
        until = time.monotonic() + STOP_SECONDS
        if self._activity is not None:
            # First: the publisher takes the store with it.
            self._activity.stop()
            self._join("activity", STOP_SECONDS / 2)
        if self._parts is not None:
            self._parts.stop()
        if self._leadership is not None:
            # As the activity: what is held is let go while there is a store.
            self._leadership.stop()
            self._join("leadership", 1.0)
        if self._publisher is not None:
            self._publisher.stop()
        for follower in (self._stock, self._ca, self._publication, self._fetching):
            if follower is not None:
                follower.stop()
        if self._sds is not None:
            self._sds.stop(0.2)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        # Behind what may still be making a span, and saying so. Side by side with the log.
        ending = Ending()
        hurry()
        if self._tracing is not None:
            self._tracing.stop(ending.left())
        end_log(ending)

    def _join(self, name: str, seconds: float) -> None:
        for thread in self._threads:
            if thread.name == name:
                thread.join(seconds)

    def _say(self, message: msgspec.Struct) -> None:
        try:
            self._channel.send(message)
        except ChannelClosedError:
            # The supervisor is gone, and the thread that reads sees it, too.
            return


def end(status: int) -> None:
    """End the process at once, and have said why."""
    end_log(Ending(DEFECT_SECONDS))
    os._exit(status)


def _tracing(config: TracingConfig) -> Tracing | None:
    """Who makes spans of publications; nobody where that cannot be done, and the log says so."""
    try:
        from authz.observability.tracing import Tracing

        return Tracing("control", config.endpoint, config.sample)
    except Exception as error:  # noqa: BLE001 - publishing goes on without
        get_logger().error("publications are not traced", reason=str(error))
        return None


def main(arguments: list[str]) -> int:
    """Serve the supervisor at the other end of file descriptor `arguments[0]`."""
    # Control-C and service managers signal a whole group; the supervisor says what it means.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    channel: Channel[ToControl] = Channel(socket.socket(fileno=int(arguments[0])), ToControl)
    config = channel.receive()
    if not isinstance(config, ControlConfig):
        return 0  # the supervisor ended before it said anything
    configure_logging(config.log_format, config.log_level)
    export_log_if_possible(config.log_otlp, "control")
    status = Control(channel, config).run()
    end_log()
    return status
