# SPDX-License-Identifier: Apache-2.0
"""Two workers next to one, nothing pinned: what a second worker is worth on this machine.

Clients take part of the cores, so this is no statement about a machine with cores to spare.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import h2load
from benchmarks.figures import Result, Row, Sample, interleaved
from benchmarks.messages import check_for, write_bodies
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority
from benchmarks.servers import start_ours

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.plan import Plan
    from benchmarks.servers import Server

# Connections of each of the two clients.
_CONNECTIONS: Final = 2
_FIRST: Final = 1000


def measure(plan: Plan) -> Result:
    """Answers a second of each form, and the memory of each of its processes."""
    with workshop() as (directory, children):
        authority = make_authority(directory)
        message = check_for(authority.client)
        body = write_bodies(directory / "body", [message])
        policy = full_policy(directory / "policy.yaml", authority)
        servers = {
            "one": start_ours(children, directory, policy, "one", pinned=False),
            "two": start_ours(
                children, directory, policy, "two", pinned=False, workers=2, port_per_worker=True
            ),
        }
        for server in servers.values():
            server.expect_allowed(message)
        # Two clients, so that each worker has one of its own; a single worker has both.
        measures = {name: partial(_both, one, body) for name, one in servers.items()}
        requests = {
            name: int(run(_FIRST).value * plan.seconds / 2) for name, run in measures.items()
        }
        found = interleaved(
            {name: partial(run, max(_FIRST, requests[name])) for name, run in measures.items()},
            plan.rounds,
        )
        memory = servers["two"].resident_megabytes()
    result = Result(title="Two workers on two cores, with the clients beside them")
    result.rows["one"] = Row(label="one worker", unit="checks/s", samples=found["one"])
    result.rows["two"] = Row(label="two workers", unit="checks/s", samples=found["two"])
    for label, value in zip(("supervisor", "first worker", "second worker"), memory, strict=True):
        result.rows[label] = Row(
            label=f"resident memory: {label}", unit="MB", samples=(Sample(value=value),)
        )
    result.ratio("2 workers/1 worker", "two", "one")
    return result


def _both(server: Server, body: Path, requests: int) -> Sample:
    """Answers a second to two clients at once, `requests` to each."""
    assert server.authz is not None
    addresses = server.authz.grpc if len(server.authz.grpc) > 1 else server.authz.grpc * 2

    def load(address: str) -> h2load.Load:
        return server.all_right(
            h2load.run(address, body, requests, connections=_CONNECTIONS, pinned=False)
        )

    started = time.perf_counter()
    with ThreadPoolExecutor(len(addresses)) as clients:
        loads = list(clients.map(load, addresses))
    return Sample(value=sum(one.requests for one in loads) / (time.perf_counter() - started))
