# SPDX-License-Identifier: Apache-2.0
"""The process that serves the API and the dashboard, from its first message to its end.

Threads: the main one reads what the supervisor says; the server has one, and a pool for the calls.
One more opens the store when nobody has called yet, for the first token, and tries the secret of
the private keys. When the server ends by itself the process does, and its keeper starts it again.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.api.app import create_api
from authz.api.hosts import Hosts
from authz.api.limits import Limits
from authz.api.server import ApiServer, Serving
from authz.certs.presented import CertificateLimits, CertificateSource
from authz.errors import AuthzError, StoreError
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.transport import TlsFiles
from authz.geo.database import open_databases
from authz.node.admin.config import AdminConfig
from authz.node.admin.keeper import DRAIN_SECONDS
from authz.node.admin.messages import Databases, ToAdmin
from authz.node.admin.pages import dashboard_of
from authz.node.channel import Channel, ChannelClosedError
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.node.log_export import DEFECT_SECONDS, Ending, end_log, export_log_if_possible
from authz.observability.log import configure_logging, get_logger, handed_on
from authz.services.backend import Backend, LateStore
from authz.services.explanation import CheckReading
from authz.services.first_token import first_token
from authz.services.judging import Judge
from authz.services.keys import checked_secret, encryption_of, has_keys
from authz.services.live_policy import LivePolicy
from authz.settings import parse_address
from authz.sources.fetched import FetchedFiles, UnchangedFiles
from authz.sources.key_secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from authz.api.tls import ServerTls
    from authz.ca.keys import KeyEncryption
    from authz.dashboard.app import Dashboard
    from authz.store.engine import Store

#: Exit status after an operator's fault that was told.
EXIT_CONFIGURATION: Final = 2

#: From one attempt to open the store to the next.
RETRY_SECONDS: Final = 1.0

#: Descriptors besides those of connections: the store, files, and what is imported.
_OTHER_DESCRIPTORS: Final = 200


class Admin:
    """One process that serves the API and the dashboard."""

    def __init__(
        self,
        channel: Channel[ToAdmin],
        config: AdminConfig,
        listener: socket.socket,
        *,
        ended: Callable[[int], None],
        limits: Limits,
    ) -> None:
        self._channel = channel
        self._config = config
        self._listener = listener
        self._ended = ended
        self._limits = limits
        self._stopping = threading.Event()
        self._store = LateStore(config.database, Path(config.data_dir))
        backend = Backend(
            store=self._store,
            encryption=self._encryption,
            publication_url=config.publication_url,
            reading=reading_of(config),
            live=LivePolicy(
                Path(config.data_dir), None if config.policy is None else Path(config.policy)
            ),
            judge=judge_of(config),
            fetched=None if config.fetched is None else FetchedFiles(Path(config.fetched)),
        )
        self._app = create_api(backend)
        self._backend = backend
        self._pages: Dashboard | None = None

    def run(self) -> int:
        """Serve until the supervisor hangs up; the exit status."""
        config = self._config
        try:
            tls = self._tls()
            failures = self._app.state.access.failures
            self._pages = dashboard_of(config, self._backend, failures)
        except AuthzError as error:
            self._say(Failed(message=str(error), hint=error.hint))
            return EXIT_CONFIGURATION
        hosts = Hosts(config.hosts, local=parse_address(config.listen).is_local)
        server = ApiServer(
            self._app,
            self._listener,
            Serving(hosts=hosts, pages=self._pages, tls=tls, limits=self._limits),
            drain_seconds=DRAIN_SECONDS,
            ended=self._server_ended,
        )
        server.start()
        get_logger().info("the API is served", address=config.listen, tls=tls is not None)
        threading.Thread(target=self._begin, name="beginning", daemon=True).start()
        try:
            while (message := self._channel.receive()) is not None:
                self._heard(message, server)
        except ChannelClosedError as error:
            get_logger().error("the supervisor cannot be understood", reason=str(error))
        self._stopping.set()
        server.stop()
        # When tokens and sessions were used last is written by threads of their own.
        self._app.state.access.settle()
        if self._pages is not None:
            self._pages.settle()
        self._store.close()
        return 0

    def _tls(self) -> ServerTls | None:
        config = self._config
        if config.certificate is None or config.key is None:
            return None
        from authz.api.tls import ServerTls

        return ServerTls(
            TlsFiles(
                certificate=Path(config.certificate),
                key=Path(config.key),
                client_ca=None if config.client_ca is None else Path(config.client_ca),
            )
        )

    def _encryption(self) -> KeyEncryption:
        config = self._config
        store: Store = self._store()
        return encryption_of(
            read_secret(
                None if config.key_file is None else Path(config.key_file),
                None if config.passphrase_file is None else Path(config.passphrase_file),
                Path(config.data_dir),
                create=not has_keys(store),
            )
        )

    def _begin(self) -> None:
        """Once the store is there, without waiting for anybody to call."""
        self._first_token()
        try:
            # Without any key, the secret is made when it is first needed.
            if not self._stopping.is_set() and has_keys(self._store()):
                checked_secret(self._store(), self._encryption())
        except StoreError as error:
            get_logger().debug("the private keys cannot be looked at", reason=str(error))
        except AuthzError as error:
            get_logger().warning(
                "this node cannot issue or sign anything", reason=str(error), hint=error.hint
            )

    def _first_token(self) -> None:
        given = self._config.first_token_file
        while not self._stopping.is_set():
            try:
                file = first_token(
                    self._store(),
                    Path(self._config.data_dir),
                    at=time.time(),
                    given=None if given is None else Path(given),
                )
            except StoreError as error:
                get_logger().debug("the store cannot be opened yet", reason=str(error))
                self._stopping.wait(RETRY_SECONDS)
            except AuthzError as error:
                get_logger().error("no first token", reason=str(error), hint=error.hint)
                return
            else:
                if file is not None:
                    get_logger().info("the first token is in a file", file=str(file))
                return

    def _heard(self, message: ToAdmin, server: ApiServer) -> None:
        if isinstance(message, Inquire):
            number = message.number
            # By the server's own thread: one that hangs must not look alive.
            server.call(
                lambda: self._say(
                    Numbers(number=number, text=server.metrics.render(), log_records=handed_on())
                )
            )
        elif isinstance(message, Databases):
            try:
                geo = open_databases(
                    None if message.city is None else Path(message.city),
                    None if message.asn is None else Path(message.asn),
                )
            except AuthzError as error:
                get_logger().error("GeoIP databases cannot be opened", reason=str(error))
                return
            backend = replace(self._app.state.backend, geo=geo)
            backend.judge.geo = geo
            self._app.state.backend = backend
            if self._pages is not None:
                self._pages.use(backend)

    def _server_ended(self, error: BaseException | None) -> None:
        if not self._stopping.is_set():
            get_logger().error("the server of the API ended", exc_info=error)
            self._ended(1)

    def _say(self, message: msgspec.Struct) -> None:
        with suppress(ChannelClosedError):  # the supervisor is gone, and the main thread sees it
            self._channel.send(message)


def judge_of(config: AdminConfig) -> Judge:
    """Who decides recorded requests as the workers of the node do."""
    reading = reading_of(config)
    return Judge(
        decoding=reading.options,
        limits=reading.limits,
        fetched=None if config.fetched is None else UnchangedFiles(Path(config.fetched)),
    )


def reading_of(config: AdminConfig) -> CheckReading:
    """How checks are read here, as the workers do."""
    return CheckReading(
        options=DecodeOptions(
            certificate_source=CertificateSource(config.certificate_source),
            xfcc_trusted_hops=config.xfcc_trusted_hops,
            client_ip_trusted_hops=config.client_ip_trusted_hops,
        ),
        limits=CertificateLimits(
            certificate_bytes=config.certificate_bytes, chain_length=config.chain_length
        ),
    )


def end(status: int) -> None:
    """End the process at once, and have said why."""
    end_log(Ending(DEFECT_SECONDS))
    os._exit(status)


def allowed(limits: Limits) -> Limits:
    """The limits, with no more connections than there may be descriptors; asks for more first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + _OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    if soft == resource.RLIM_INFINITY:
        return limits
    most = max(soft - _OTHER_DESCRIPTORS, soft // 2)
    return replace(limits, connections=min(limits.connections, most))


def main(arguments: list[str]) -> int:
    """Serve the supervisor at the other end of file descriptor `arguments[0]`."""
    # Control-C and service managers signal a whole group; the supervisor says what it means.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    channel: Channel[ToAdmin] = Channel(socket.socket(fileno=int(arguments[0])), ToAdmin)
    config = channel.receive()
    if not isinstance(config, AdminConfig):
        channel.close()
        return 0  # the supervisor ended before it said anything
    configure_logging(config.log_format, config.log_level)
    export_log_if_possible(config.log_otlp, "api")
    listener = socket.socket(fileno=int(arguments[1]))
    status = Admin(channel, config, listener, ended=end, limits=allowed(Limits())).run()
    end_log()
    return status
