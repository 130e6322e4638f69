# SPDX-License-Identifier: Apache-2.0
"""The composition root of `authz serve`: from settings to a running node, and to its end.

The only place that builds adapters and wires them; owns the clock and the files the core is fed
with. One worker is one process that does it all; several are worker processes under a supervisor
(ADR-0014). How each part works is in authz.node.

    1 settings, logging     2 listeners that can be refused early     3 policy, compiled
    4 transport up, health SERVING     5 metrics, watching for changes     6 drain
"""

from __future__ import annotations

import queue
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from authz.errors import SettingsError
from authz.node.addresses_file import AddressesFile
from authz.node.http_server import MetricsServer, Readiness, open_listener
from authz.node.reloader import Reloader
from authz.node.signals import STOP_SIGNALS, Signals
from authz.observability.log import configure_logging, flush, get_logger
from authz.settings import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from authz.node.messages import EndpointConfig, Ready
    from authz.node.policy_source import PolicySource
    from authz.node.supervisor import Event
    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot
    from authz.settings import Settings
    from authz.sources.geoip import GeoFiles

#: SIGUSR2 replaces workers; where there are none it must not end the process, its default action.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


def serve(settings: Settings) -> int:
    """Answer checks until a stop signal; the exit status, 0 after a drain.

    Raises:
        AuthzError: settings, policy or an address cannot be used: the command's status is then 2.
            Only before the first check is answered; later, what worked stays in force.
    """
    configure_logging(settings.log.format, settings.log.level)
    if settings.policy is None:
        raise SettingsError(
            "there is no policy to answer by",
            where="policy",
            hint="name a policy file with --policy or the key policy",
        )
    _check_tls(settings)
    try:
        if settings.grpc.workers == 1:
            _serve_alone(settings, settings.policy)
        else:
            _serve_supervised(settings, settings.policy)
    finally:
        flush()  # what was logged comes before what the command says about an error
    return 0


def _check_tls(settings: Settings) -> None:
    """Refuse unusable TLS files before anything is loaded, while their keys can still be named."""
    tls = settings.grpc.tls
    if tls is None:
        return
    from authz.extauthz.transport import TlsFiles
    from authz.extauthz.transport.tls_files import load

    files = TlsFiles(certificate=tls.certificate, key=tls.key, client_ca=tls.client_ca)
    load(files, lambda key: settings.where("grpc", "tls", key))


def endpoint_config(settings: Settings, listen: str, *, reuse_port: bool = False) -> EndpointConfig:
    """The part of the settings that answering checks needs, for one listener at `listen`."""
    from authz.node.messages import EndpointConfig

    tls = settings.grpc.tls
    return EndpointConfig(
        listen=listen,
        transport=settings.grpc.transport,
        reuse_port=reuse_port,
        certificate=None if tls is None else str(tls.certificate),
        key=None if tls is None else str(tls.key),
        client_ca=None if tls is None or tls.client_ca is None else str(tls.client_ca),
        certificate_source=settings.certificate_source,
        xfcc_trusted_hops=settings.xfcc.trusted_hops,
        client_ip_trusted_hops=settings.client_ip.trusted_hops,
        certificate_bytes=settings.limits.certificate_bytes,
        chain_length=settings.limits.chain_length,
    )


def _serve_alone(settings: Settings, policy: Path) -> None:
    from authz.node.endpoint import Endpoint
    from authz.node.messages import Ready
    from authz.node.policy_source import PolicySource

    arrived: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    with ExitStack() as stack:
        signals = stack.enter_context(Signals(SIGNALS, arrived.put))
        endpoint = Endpoint(endpoint_config(settings, settings.grpc.listen))

        def readiness() -> Readiness:
            return _readiness(endpoint.serving, endpoint.draining, reloader)

        http = _metrics_server(settings, stack, endpoint.metrics.render, readiness)
        source = PolicySource(
            policy,
            publish=lambda _, snapshot: endpoint.swap(snapshot),
            metrics=endpoint.metrics,
            geoip=_geo_files(settings),
        )
        source.load()
        if signals.stopping:
            return
        transport = endpoint.start()
        reloader = Reloader(changed=source.changed, reload=source.reload, failed=source.failed)
        if http is not None:
            http.start()
        reloader.start()
        ready = Ready(address=transport.address, transport=transport.name, why=transport.why)
        _announce(settings, stack, [ready], source, http)
        while (received := arrived.get()) not in STOP_SIGNALS:
            if received == signal.SIGHUP:
                reloader.request()
        get_logger().info("draining")
        reloader.stop()
        endpoint.drain()
        get_logger().info("stopped")


def _serve_supervised(settings: Settings, policy: Path) -> None:
    from authz.node.addresses import reserve, worker_addresses
    from authz.node.drain import DRAIN_SECONDS, GRACE_SECONDS
    from authz.node.messages import Configure
    from authz.node.supervisor import Published, Supervisor

    grpc = settings.grpc
    snapshots = settings.data_dir / "snapshots"
    inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with ExitStack() as stack:
        signals = stack.enter_context(Signals(SIGNALS, inbox.put))
        addresses = worker_addresses(
            parse_address(grpc.listen), grpc.workers, port_per_worker=grpc.port_per_worker
        )
        reservation = reserve(addresses, shared=not grpc.port_per_worker)
        stack.callback(reservation.close)

        def publish(model: PolicyModel, snapshot: Snapshot) -> PolicyModel:
            file = write_snapshot(snapshots, model, snapshot.generation, snapshot.created_at)
            # Large sets are then pages that the workers share, not copies of this process.
            mapped = read_snapshot(file).model
            copies = {} if geoip is None else geoip.copies
            inbox.put(
                Published(
                    snapshot.generation,
                    str(file),
                    geoip_city=_text(copies.get("city")),
                    geoip_asn=_text(copies.get("asn")),
                )
            )
            return mapped

        def reload() -> None:
            reloader.request()

        supervisor = Supervisor(
            [
                Configure(
                    index=index,
                    # Next to the reservation, a worker can only bind with SO_REUSEPORT.
                    endpoint=endpoint_config(
                        settings, str(address), reuse_port=not address.is_unix
                    ),
                    log_format=settings.log.format,
                    log_level=settings.log.level,
                    drain_seconds=DRAIN_SECONDS,
                    grace_seconds=GRACE_SECONDS,
                )
                for index, address in enumerate(reservation.addresses)
            ],
            inbox=inbox,
            reload=reload,
            serving=lambda ready: _announce(settings, stack, ready, source, http),
        )
        # Whatever goes wrong from here on, no worker stays behind.
        signals.on_second_stop = supervisor.kill
        stack.callback(supervisor.kill)

        def readiness() -> Readiness:
            return _readiness(supervisor.ready, supervisor.stopping, reloader)

        http = _metrics_server(settings, stack, supervisor.metrics.render, readiness)
        supervisor.start()
        # The workers import while this process does: what reads policies comes after their start.
        from authz.node.policy_source import PolicySource
        from authz.node.snapshot_file import next_generation, read_snapshot, write_snapshot

        geoip = _geo_files(settings)
        source = PolicySource(
            policy,
            publish=publish,
            metrics=supervisor.metrics.own,
            generation=next_generation(snapshots),
            geoip=geoip,
        )
        source.load()
        if signals.stopping:
            return
        reloader = Reloader(changed=source.changed, reload=source.reload, failed=source.failed)
        if http is not None:
            http.start()
        reloader.start()
        stack.callback(reloader.stop)
        supervisor.run()
        get_logger().info("stopped")


def _geo_files(settings: Settings) -> GeoFiles | None:
    """The GeoIP files of the settings, None when there are none; nothing is read yet."""
    named = settings.geoip
    if named.city is None and named.asn is None:
        return None
    from authz.sources.geoip import GeoFiles

    return GeoFiles(city=named.city, asn=named.asn, directory=settings.data_dir / "geoip")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _metrics_server(
    settings: Settings,
    stack: ExitStack,
    render: Callable[[], bytes],
    readiness: Callable[[], Readiness],
) -> MetricsServer | None:
    """The server, not started: it only has its address, which is refused early or not at all."""
    if not settings.metrics.active:
        return None
    address = parse_address(settings.metrics.listen)
    server = MetricsServer(
        open_listener(address.host, address.port), render=render, readiness=readiness
    )
    stack.callback(server.stop)
    return server


def _readiness(ready: bool, draining: bool, reloader: Reloader) -> Readiness:
    if draining:
        return Readiness(ready=False, why="draining")
    if not reloader.alive:
        # Checks are answered, and no revocation will ever count again.
        return Readiness(ready=False, why="changes of the policy go unseen; restart")
    return Readiness(ready=ready, why="ready" if ready else "starting")


def _announce(
    settings: Settings,
    stack: ExitStack,
    ready: Sequence[Ready],
    source: PolicySource,
    http: MetricsServer | None,
) -> None:
    log = get_logger()
    addresses = list(dict.fromkeys(one.address for one in ready))
    metrics = None if http is None else http.address
    written = AddressesFile(settings.data_dir)
    stack.callback(written.remove)
    written.write(grpc=addresses, metrics=metrics)
    without_effect = settings.without_effect()
    if without_effect:
        log.warning("settings without effect in this release", keys=list(without_effect))
    log.info(
        "serving",
        addresses=addresses,
        metrics=metrics,
        transport=ready[0].transport,
        why=ready[0].why,
        generation=source.generation,
        policy=str(settings.policy),
        workers=len(ready),
    )
