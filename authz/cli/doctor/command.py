# SPDX-License-Identifier: Apache-2.0
"""The subcommand: who is asked in which order, and how findings are printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, PolicyOption, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.cli.doctor.findings import Finding
    from authz.cli.doctor.service import Sample
    from authz.settings import Settings

#: More than this and short-lived certificates are judged wrongly.
MAX_SKEW_SECONDS: Final = 30.0


def doctor(
    config: ConfigOption = None,
    policy: PolicyOption = None,
    envoy_admin: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(metavar="A", help="Envoy's admin address, 127.0.0.1:9901 for example."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Explain the usual mistakes.

    Looks at settings and policy, at what a running authz has counted, and at its Envoy. Ends
    with 0 when there is nothing to say, 1 with findings, 2 when something cannot be asked.
    """
    settings = settings_of(config, policy)
    findings = [*_look(settings, envoy_admin, time.time())]
    if json:
        messages.result_json(
            [{"id": f.id, "where": f.where, "what": f.what, "do": f.do} for f in findings]
        )
    for finding in () if json else findings:
        messages.result(f"{finding.id}: {messages.printable(finding.where)}")
        messages.result(f"    {messages.printable(finding.what)}")
        messages.result(f"    -> {messages.printable(finding.do)}")
    if not findings and not json:
        messages.result("nothing to say")
    raise typer.Exit(1 if findings else 0)


def _look(settings: Settings, envoy_admin: str | None, at: float) -> Iterator[Finding]:
    from authz.cli.doctor import (
        control,
        distrusted,
        files,
        installation,
        kept,
        keys,
        processes,
        service,
    )

    yield from installation.look(settings, at)
    yield from files.look(settings, at)
    yield from kept.look(settings, at)
    yield from keys.look(settings)
    yield from distrusted.look(settings)
    revision = control.revision_of(settings)
    counted = _counted(settings)
    if counted is not None:
        where, samples = counted
        yield from service.look(samples, settings, where)
        yield from processes.look(samples, settings, where)
        yield from control.look(samples, settings, revision, where)
    if envoy_admin is None:
        messages.note("Envoy was not asked: --envoy-admin 127.0.0.1:9901 does")
    else:
        yield from _envoy(settings, envoy_admin, at, None if counted is None else counted[1])


def _counted(settings: Settings) -> tuple[str, list[Sample]] | None:
    """What a running authz has counted, and where; it need not run for the rest to be useful."""
    from authz.cli.doctor import service
    from authz.cli.fetch import get
    from authz.errors import TransportError
    from authz.node.addresses_file import asked_address

    if not settings.metrics.active:
        messages.note("metrics.listen is off: what authz has counted was not looked at")
        return None
    address = asked_address(settings.metrics.listen, settings.data_dir)
    if address is None:
        messages.note(
            "metrics.listen has port 0 and no authz is running in "
            f"{messages.printable(str(settings.data_dir))}: what it has counted was not looked at"
        )
        return None
    try:
        answer = get(address, "/metrics")
    except TransportError as error:
        messages.note(f"authz was not asked what it has counted: {error}")
        return None
    samples = service.parse_metrics(answer.body.decode("utf-8", "replace"))
    return f"authz at {address}", samples


def _envoy(
    settings: Settings, address: str, at: float, counted: list[Sample] | None
) -> Iterator[Finding]:
    from authz.cli.doctor import (
        control,
        envoy_around,
        envoy_body,
        envoy_cluster,
        envoy_dump,
        envoy_endpoints,
        envoy_filter,
        envoy_limit,
        envoy_listener,
        envoy_stats,
    )
    from authz.cli.doctor.findings import Finding
    from authz.cli.fetch import get

    where = f"Envoy at {address}"
    answer = get(address, "/config_dump")
    dump = answer.json()
    # The date was made before the body was read; the whole exchange took no longer than this.
    skew = 0.0 if answer.date is None else answer.date - at
    if abs(skew) > MAX_SKEW_SECONDS:
        yield Finding(
            id="clock-skew",
            where=where,
            what=f"its clock differs from this machine's by {abs(skew):.0f} s",
            do="set both by NTP: certificates and CRLs are judged by this one",
        )
    found = [*envoy_dump.chains(dump)]
    if not found:
        yield Finding(
            id="no-ext-authz",
            where=where,
            what="no listener asks an external authorizer",
            do="add envoy.filters.http.ext_authz to its http_filters (authz envoy config)",
        )
    clusters = envoy_dump.clusters(dump)
    reads_bodies = envoy_body.policy_reads_bodies(settings, at)
    for chain in found:
        yield from envoy_filter.look(chain, settings)
        yield from envoy_body.look(chain, dump, reads_bodies=reads_bodies)
        yield from envoy_listener.look(chain, settings)
        yield from envoy_around.look(chain, dump)
    yield from envoy_around.look_at_envoy(dump, where)
    yield from control.look_at_envoy(found, counted, where)
    there = envoy_endpoints.endpoints_of(get(address, "/clusters?format=json").json())
    for name in dict.fromkeys(chain.cluster for chain in found):
        asking = [one for one in found if one.cluster == name]
        yield from envoy_cluster.look(asking[0], clusters, settings, _workers(settings, address))
        if name in clusters:
            limit = (
                name,
                clusters[name],
                settings,
                there.get(name, envoy_endpoints.Endpoints()),
                envoy_limit.shortest(asking),
            )
            yield from envoy_limit.look(*limit)
            unknown = envoy_limit.not_judged(*limit)
            if unknown is not None:
                messages.note(unknown)
    for route in envoy_dump.unchecked_routes(dump):
        yield Finding(
            id="route-not-checked",
            where=f"{where}: {route}",
            what="the authorizer is not asked about its requests",
            do="remove disabled: true, or make sure that nothing there needs protection",
        )
    yield from envoy_around.look_at_certificates(get(address, "/certs").json(), where)
    stats = get(address, "/stats?format=json").json()
    asked = [chain.cluster for chain in found if chain.cluster]
    if found:
        yield from envoy_stats.look(stats, asked, where)


def _workers(settings: Settings, envoy_admin: str) -> list[str]:
    """Where Envoy is to reach the workers; none when it is on another machine, or nobody knows."""
    from authz.cli.doctor.envoy_cluster import reachable_workers
    from authz.envoy.options import listening_addresses
    from authz.errors import AuthzError
    from authz.node.addresses_file import read_addresses
    from authz.settings import parse_address

    if not parse_address(envoy_admin).is_local:
        return []
    running = read_addresses(settings.data_dir).get("grpc")
    if isinstance(running, list) and all(isinstance(one, str) for one in running):
        return reachable_workers(running)
    try:
        return [*listening_addresses(settings)]
    except AuthzError:
        return []  # the system chose the port; or serve says so
