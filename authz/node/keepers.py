# SPDX-License-Identifier: Apache-2.0
"""The keepers of the processes beside the workers, as a plan wants them.

Each address is refused here, before anything is started, or not at all.
"""

from __future__ import annotations

import queue
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from authz.node.data_directory import SNAPSHOTS
from authz.settings import parse_address
from authz.sources.fetched import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from authz.node.admin.keeper import AdminKeeper
    from authz.node.control.config import ControlConfig
    from authz.node.control.keeper import ControlKeeper
    from authz.node.control.messages import NewSnapshot
    from authz.node.control.when_needed import WhenNeeded
    from authz.node.plan import Plan
    from authz.node.supervisor import Event


def control_keeper(
    control: ControlConfig,
    directory: Path,
    arrived: queue.SimpleQueue[Event],
    *,
    published: Callable[[NewSnapshot], None] = lambda _: None,
) -> ControlKeeper:
    """The keeper of a control process; what it publishes arrives in `arrived`.

    Raises:
        TransportError: an address is taken, not ours, or not allowed.
    """
    from authz.node.addresses import settle
    from authz.node.control.keeper import ControlKeeper
    from authz.node.supervisor import NothingToServe, Published

    sds, publication = control.sds, control.publication
    if sds is not None:
        sds = settle(sds, what="SDS", option="--sds or sds.listen")
    if publication is not None:
        publication = settle(publication, what="publication", option="publication.listen")

    def publish(new: NewSnapshot) -> None:
        city, asn = new.geoip_city, new.geoip_asn
        arrived.put(Published(new.generation, new.file, geoip_city=city, geoip_asn=asn))
        published(new)

    return ControlKeeper(
        msgspec.structs.replace(
            control,
            sds=sds,
            publication=publication,
            snapshots=str(directory / SNAPSHOTS),
            geo_directory=str(directory / "geoip"),
            fetched=str(directory / DIRECTORY),
        ),
        publish=publish,
        failed=lambda failure: arrived.put(NothingToServe(failure)),
    )


def when_needed(
    plan: Plan, directory: Path, stack: ExitStack, keeper: ControlKeeper | None = None
) -> WhenNeeded:
    """A control process once it is needed; `keeper` where there is one in any case."""
    from authz.node.control.when_needed import WhenNeeded

    def make() -> ControlKeeper:
        assert plan.fetching is not None
        return control_keeper(plan.fetching, directory, queue.SimpleQueue())

    control = WhenNeeded(make, keeper)
    stack.callback(control.stop)
    return control


def admin_keeper(plan: Plan, directory: Path, stack: ExitStack) -> AdminKeeper | None:
    """The keeper of the process that serves the API, None where it is not served.

    Raises:
        TransportError: its address is taken, not ours, or not allowed.
    """
    if plan.admin is None:
        return None
    from authz.node.admin.keeper import AdminKeeper
    from authz.node.bounded_http import listen

    wanted = parse_address(plan.admin.listen)
    listener = listen(
        wanted.host,
        wanted.port,
        purpose="the API",
        hint="choose another address with --admin or admin.listen",
        # Those who connect before it runs, or from one of its lives to the next.
        backlog=1024,
    )
    port = listener.getsockname()[1]
    config = msgspec.structs.replace(
        plan.admin,
        listen=str(replace(wanted, port=port)),
        fetched=str(directory / DIRECTORY),
    )
    keeper = AdminKeeper(config, listener)
    stack.callback(keeper.stop)
    return keeper


def log_records_of(control: WhenNeeded, admin: AdminKeeper | None) -> Callable[[], dict[str, int]]:
    """What became of log lines of both, whenever it is asked for (log.handed_on)."""

    def both() -> dict[str, int]:
        of_api = {} if admin is None else admin.log_records()
        return Counter(control.log_records()) + Counter(of_api)

    return both
