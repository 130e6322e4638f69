# SPDX-License-Identifier: Apache-2.0
"""Whether a change of the store is in force: asked of the nodes themselves, worker by worker.

A node's metrics say which revision of the store it published last, with which snapshot, and which
snapshot each of its workers answers by. Nothing is asked of the port that answers checks: a check
made up for this would count as one.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer

from authz.cli.fetch import TIMEOUT_SECONDS
from authz.errors import AuthzError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.settings import Settings

#: A worker that hangs is replaced sooner, and so is a control process.
WAIT_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 0.02

NodeOption = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer evaluates it
    typer.Option(
        "--node",
        metavar="A",
        help="Metrics address of a node that must have it in force; several: several times. This "
        "machine's, when left out.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What a node answers by.

    Args:
        revision: of the store, which it shows, or a later one.
        generation: the least snapshot among its workers.
        workers: how many answer.
        seconds: since the change was committed.
    """

    node: str
    revision: int
    generation: int
    workers: int
    seconds: float


def nodes_of(settings: Settings, named: Sequence[str] | None) -> list[str]:
    """The metrics addresses to ask: those that were named, or this machine's node.

    Raises:
        TransportError: none was named, and none says here where it is, or nobody listens there.
    """
    from authz.node.addresses_file import metrics_address
    from authz.settings import parse_address

    if named:
        return [str(parse_address(one)) for one in named]
    address = metrics_address(settings.data_dir)
    if address is None and settings.metrics.active and parse_address(settings.metrics.listen).port:
        # None says that it runs, which a read-only data directory may be the reason of.
        address = settings.metrics.listen
        if _is_refused(address):
            raise TransportError(
                "no node runs on this machine: nobody listens there",
                where=address,
                hint="it is in force when one starts; of others, name the metrics address of each: "
                "--node HOST:9464",
            )
    if address is None:
        raise TransportError(
            "no node says here that it runs",
            where=str(settings.data_dir),
            hint="name the metrics address of each node: --node 127.0.0.1:9464",
        )
    return [address]


def wait_until_enforced(
    nodes: Sequence[str],
    revision: int,
    *,
    seconds: float = WAIT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[InForce]:
    """Wait until every worker of every node answers by this revision of the store.

    Raises:
        TransportError: one did not in time; says which, and what it answers by.
    """
    began = clock()
    done: dict[str, InForce] = {}
    while True:
        said: dict[str, str] = {}
        for node in nodes:
            if node not in done:
                found = _look(node, revision, clock() - began)
                if isinstance(found, InForce):
                    done[node] = found
                else:
                    said[node] = found
        if not said:
            return [done[node] for node in nodes]
        if clock() - began > seconds:
            node, why = next(iter(said.items()))
            raise TransportError(
                f"the change is committed (revision {revision}) and not seen to be in force within "
                f"{seconds:g} s: {why}",
                where=node,
                hint="authz doctor says what is wrong there; checks go on by what was in force",
            )
        sleep(_AGAIN_SECONDS)


def _is_refused(address: str) -> bool:
    """Whether nobody listens there; what takes long, or fails otherwise, may still come to it."""
    from authz.settings import parse_address

    there = parse_address(address)
    try:
        socket.create_connection((there.host, there.port), timeout=TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _look(node: str, revision: int, seconds: float) -> InForce | str:
    """What a node answers by, or why that is not enough."""
    from authz.cli.doctor.service import parse_metrics
    from authz.cli.fetch import get

    try:
        samples = parse_metrics(get(node, "/metrics").body.decode("utf-8", "replace"))
    except AuthzError as error:
        return error.message
    values: dict[str, list[float]] = {}
    for one in samples:
        values.setdefault(one.name, []).append(one.value)
    published = values.get("authz_store_revision")
    workers = values.get("authz_snapshot_generation", [])
    if not published:
        return "it follows no store"
    if published[0] < revision:
        return f"it has published revision {published[0]:.0f}"
    (wanted,) = values.get("authz_store_generation", [0.0])
    if not workers or wanted == 0 or min(workers) < wanted:
        return f"its workers answer by snapshot {min(workers, default=0):.0f}, not {wanted:.0f}"
    return InForce(
        node=node,
        revision=int(published[0]),
        generation=int(min(workers)),
        workers=len(workers),
        seconds=seconds,
    )
