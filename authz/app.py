# SPDX-License-Identifier: Apache-2.0
"""The composition root of `authz serve`: from settings to a running node, and to its end.

The only place that builds adapters and wires them; owns the clock and reads files for the core.
One worker with nothing to administer is one process that does it all; everything else is worker
processes under a supervisor, with a control process where there is a store or SDS (ADR-0028). None
of those that answer reads a policy: a loader does, and ends (ADR-0014). How each part works is in
authz.node.

    1 settings, as a plan       2 listeners that can be refused early, the loader at work
    3 snapshot, compiled        4 transport up, health SERVING
    5 metrics, watching         6 drain

`serve` does it all in this process but for the loader. `serve_launched` is what `authz serve` runs:
step 1 is then done by the process that goes on as the first loader (node.launch).
"""

from __future__ import annotations

import queue
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from authz.errors import AuthzError
from authz.node import notify
from authz.node.addresses_file import AddressesFile
from authz.node.data_directory import SNAPSHOTS, own_directory
from authz.node.feed import Feed, FileFeed, StoreFeed, readiness_of
from authz.node.http_server import MetricsServer, Readiness, open_listener
from authz.node.keepers import admin_keeper, control_keeper, log_records_of, when_needed
from authz.node.loader_process import Forked, LoaderProcess, start_loader
from authz.node.log_export import Ending, end_log, export_log
from authz.node.messages import Ready
from authz.node.plan import plan_of
from authz.node.policy_source import PolicyFiles, PolicySource
from authz.node.pulse import next_event
from authz.node.signals import STOP_SIGNALS, Signals
from authz.observability.log import configure_logging, get_logger, hurry
from authz.settings import parse_address
from authz.sources.fetched import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.node.admin.keeper import AdminKeeper
    from authz.node.control.keeper import ControlKeeper
    from authz.node.control.messages import NewSnapshot
    from authz.node.launch import Launched
    from authz.node.loader_messages import Built
    from authz.node.plan import Plan
    from authz.node.supervisor import Event
    from authz.observability.activity import Report
    from authz.observability.metrics import Metrics
    from authz.settings import Settings

#: How long the announcement waits for what the control process listens on.
LISTENING_SECONDS = 10.0

_STORE_HINT = "set store: on to answer by a store as well, or --admin off"

#: SIGUSR2 replaces workers; where there are none it must not end the process, its default action.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


def serve(settings: Settings) -> int:
    """Answer checks until a stop signal; the exit status, 0 after a drain.

    Raises:
        AuthzError: settings, policy or an address cannot be used: the command's status is then 2.
            Only before the first check is answered; later, what worked stays in force.
    """
    plan = plan_of(settings)
    arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Signals(SIGNALS, arrived.put) as signals:
        return _run(plan, start_loader(), signals, arrived)


def serve_launched(launched: Launched) -> int:
    """The same, with the settings and the loader of `launched`; raises what `serve` does."""
    arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Signals(SIGNALS, arrived.put) as signals:
        loader = LoaderProcess(Forked(launched.child), launched.end)
        signals.on_stop = loader.kill
        plan = loader.plan()
        if plan is None:
            # It has said what is wrong, or somebody has stopped us.
            return 0 if signals.stopping else loader.wait()
        return _run(plan, loader, signals, arrived)


def _run(
    plan: Plan, loader: LoaderProcess, signals: Signals, arrived: queue.SimpleQueue[Event]
) -> int:
    configure_logging(plan.log_format, plan.log_level)
    ending = Ending()
    try:
        with ExitStack() as stack:
            # Whatever goes wrong from here on, no process stays behind.
            stack.callback(loader.kill)
            export_log(plan.log_otlp, "0" if plan.alone else "supervisor")
            if plan.alone:
                _serve_alone(plan, loader, signals, arrived, stack, ending)
            else:
                _serve_supervised(plan, loader, signals, arrived, stack)
    except AuthzError:
        # What is missing because somebody ended it is not wrong.
        if not signals.stopping:
            raise
    finally:
        end_log(ending)  # what was logged comes before what the command says about an error
    return 0


def _serve_alone(
    plan: Plan,
    loader: LoaderProcess,
    signals: Signals,
    arrived: queue.SimpleQueue[Event],
    stack: ExitStack,
    ending: Ending,
) -> None:
    from authz.node.endpoint import Endpoint
    from authz.node.giving_way import giving_way
    from authz.node.installer import Installer
    from authz.node.reporter import Reporter
    from authz.observability.activity import Activity

    stack.enter_context(giving_way())
    endpoint = Endpoint(plan.endpoint)
    stack.callback(endpoint.let_go)
    installer = Installer(endpoint)
    directory = own_directory(Path(plan.data_dir), stack)
    control = when_needed(plan, directory, stack)
    endpoint.metrics.log_records_beside = control.log_records

    def publish(built: Built) -> None:
        copies = built.geo.copies
        installer.install(built.file, copies.get("city"), copies.get("asn"))
        control.in_force(built)

    source = _policy_source(plan, directory, stack, publish, endpoint.metrics)
    signals.on_stop = source.stop
    source.begin(loader)
    feed = FileFeed(source)

    def readiness() -> Readiness:
        return readiness_of(endpoint.serving, endpoint.draining, feed)

    def render() -> bytes:
        # Asked first: what it says of its log is among the numbers of this process.
        beside = control.render()
        return endpoint.metrics.render() + beside

    http = _metrics_server(plan, stack, render, readiness)
    endpoint.prepare()
    feed.first()
    if signals.stopping:
        return
    transport = endpoint.start()
    if http is not None:
        http.start()
    feed.start()
    activity = Activity()

    def told(_: int, report: Report) -> None:
        activity.add(report)
        control.tell(report)

    reporter = Reporter(endpoint.reporting(), told, acknowledged=False)
    reporter.start()
    ready = Ready(address=transport.address, transport=transport.name, why=transport.why)
    _announce(plan, stack, [ready], feed, http)
    while (received := next_event(arrived, endpoint.beats)) not in STOP_SIGNALS:
        if received == signal.SIGHUP:
            feed.request()
    get_logger().info("draining")
    notify.stopping()
    feed.stop()
    endpoint.drain(ending=ending)
    reporter.stop()
    get_logger().info("stopped")
    hurry()  # what is ended now may take longer than is left


def _serve_supervised(
    plan: Plan,
    loader: LoaderProcess,
    signals: Signals,
    arrived: queue.SimpleQueue[Event],
    stack: ExitStack,
) -> None:
    from authz.node.addresses import reserve
    from authz.node.admin.messages import Databases
    from authz.node.drain import DRAIN_SECONDS, GRACE_SECONDS
    from authz.node.messages import Configure
    from authz.node.supervisor import Published, Supervisor
    from authz.settings.worker_addresses import worker_addresses

    addresses = worker_addresses(
        parse_address(plan.endpoint.listen), plan.workers, port_per_worker=plan.port_per_worker
    )
    reservation = reserve(addresses, shared=not plan.port_per_worker)
    stack.callback(reservation.close)

    directory = own_directory(Path(plan.data_dir), stack)
    admin = admin_keeper(plan, directory, stack)

    def published(new: NewSnapshot) -> None:
        if admin is not None:
            admin.use(Databases(city=new.geoip_city, asn=new.geoip_asn))

    keeper = None
    if plan.control is not None:
        keeper = control_keeper(plan.control, directory, arrived, published=published)
    control = when_needed(plan, directory, stack, keeper)

    def reload() -> None:
        feed.request()

    def publish(built: Built) -> None:
        copies = built.geo.copies
        arrived.put(
            Published(
                built.generation,
                built.file,
                geoip_city=copies.get("city"),
                geoip_asn=copies.get("asn"),
            )
        )
        control.in_force(built)

    def serving(ready: Sequence[Ready]) -> None:
        _announce(plan, stack, ready, feed, http, keeper, admin)
        if admin is not None:
            admin.serving()

    supervisor = Supervisor(
        [
            Configure(
                index=index,
                endpoint=msgspec.structs.replace(
                    plan.endpoint,
                    listen=str(address),
                    # Next to the reservation, a worker can only bind with SO_REUSEPORT.
                    reuse_port=not address.is_unix,
                ),
                log_format=plan.log_format,
                log_level=plan.log_level,
                log_otlp=plan.log_otlp,
                drain_seconds=DRAIN_SECONDS,
                grace_seconds=GRACE_SECONDS,
            )
            for index, address in enumerate(reservation.addresses)
        ],
        inbox=arrived,
        reload=reload,
        serving=serving,
        reported=control.tell,
        silence_seconds=plan.worker_silence_seconds,
    )

    supervisor.metrics.own.log_records_beside = log_records_of(control, admin)

    def kill() -> None:
        supervisor.kill()
        for beside in (keeper, admin):
            if beside is not None:
                beside.kill()

    signals.on_second_stop = kill
    stack.callback(supervisor.kill)
    feed: Feed
    if keeper is not None and plan.follows_store:
        loader.kill()
        feed = StoreFeed(keeper)
        # Its calls under way are finished while the workers drain.
        signals.on_stop = None if admin is None else admin.hang_up
    else:
        source = _policy_source(plan, directory, stack, publish, supervisor.metrics.own)
        signals.on_stop = source.stop
        source.begin(loader)
        feed = FileFeed(source)

    def readiness() -> Readiness:
        return readiness_of(supervisor.ready, supervisor.stopping, feed)

    def render() -> bytes:
        # Asked first: what they say of their logs is among the supervisor's own numbers.
        beside = control.render() + (b"" if admin is None else admin.render())
        return supervisor.metrics.render() + beside

    http = _metrics_server(plan, stack, render, readiness)
    # The workers import while the loader loads.
    supervisor.start()
    for beside in (keeper, admin):
        if beside is not None:
            beside.start()
    feed.first()
    if signals.stopping:
        return
    if http is not None:
        http.start()
    feed.start()
    stack.callback(feed.stop)
    supervisor.run()
    get_logger().info("stopped")


def _policy_source(
    plan: Plan,
    directory: Path,
    stack: ExitStack,
    publish: Callable[[Built], None],
    metrics: Metrics,
) -> PolicySource:
    assert plan.policy is not None
    source = PolicySource(
        PolicyFiles(
            policy=Path(plan.policy),
            snapshots=directory / SNAPSHOTS,
            geoip={kind: Path(path) for kind, path in plan.geoip.items()},
            geo_directory=directory / "geoip",
            fetched=directory / DIRECTORY,
        ),
        publish=publish,
        metrics=metrics,
        log_format=plan.log_format,
        log_level=plan.log_level,
        sds_crls=plan.control is not None and plan.control.sds_crls,
    )
    stack.callback(source.release)
    return source


def _metrics_server(
    plan: Plan,
    stack: ExitStack,
    render: Callable[[], bytes],
    readiness: Callable[[], Readiness],
) -> MetricsServer | None:
    """The server, not started: it only has its address, which is refused early or not at all."""
    if plan.metrics is None:
        return None
    address = parse_address(plan.metrics)
    server = MetricsServer(
        open_listener(address.host, address.port), render=render, readiness=readiness
    )
    stack.callback(server.stop)
    return server


def _announce(
    plan: Plan,
    stack: ExitStack,
    ready: Sequence[Ready],
    feed: Feed,
    http: MetricsServer | None,
    keeper: ControlKeeper | None = None,
    admin: AdminKeeper | None = None,
) -> None:
    from authz.store.addresses import without_password

    log = get_logger()
    database = None if plan.control is None else plan.control.database
    addresses = list(dict.fromkeys(one.address for one in ready))
    metrics = None if http is None else http.address
    listening = None if keeper is None else keeper.wait_listening(LISTENING_SECONDS)
    sds = None if listening is None else listening.sds
    publication = None if listening is None else listening.publication
    api = None if admin is None else admin.address
    written = AddressesFile(Path(plan.data_dir))
    stack.callback(written.remove)
    written.write(grpc=addresses, metrics=metrics, sds=sds, publication=publication, admin=api)
    if plan.admin_closed:
        tell = log.warning if plan.admin_closed == "asked" else log.info
        tell("the API is not served: without a store there is nothing to manage", hint=_STORE_HINT)
    log.info(
        "serving",
        addresses=addresses,
        metrics=metrics,
        admin=api,
        sds=sds,
        publication=publication,
        transport=ready[0].transport,
        why=ready[0].why,
        generation=feed.generation,
        policy=plan.policy,
        store=None if database is None else without_password(database),
        workers=len(ready),
    )
    notify.ready(f"answering checks on {', '.join(addresses)}")
