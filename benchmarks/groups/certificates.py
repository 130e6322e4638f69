# SPDX-License-Identifier: Apache-2.0
"""Ten thousand different certificates in turn, next to one.

Each is verified when it is first seen and remembered after that; what is measured is the time
after all of them have been seen. h2load sends one body only, so both sides are the Go client's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.figures import Result, Row, Sample, interleaved
from benchmarks.messages import HOST, check_for, write_bodies
from benchmarks.peers import go
from benchmarks.plan import workshop
from benchmarks.policies import MTLS, make_authority, rule, site, write_policy
from benchmarks.servers import Server, start_ours

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.plan import Plan

CERTIFICATES: Final = 10_000
_QUICK: Final = 100
_LABELS: Final = {"one": "one certificate", "many": "10,000 certificates in turn"}
_FIGURE: Final = "10,000 certificates/1"


def measure(plan: Plan) -> Result:
    """Answers a second for each, and the memory that remembering takes."""
    result = Result(title="Ten thousand certificates")
    try:
        go.program("load")
    except go.NoGoError:
        for name, label in _LABELS.items():
            result.rows[name] = Row(label=label, unit="checks/s", note=go.NO_GO)
        result.ratio(_FIGURE, "many", "one")
        return result
    with workshop() as (directory, children):
        authority = make_authority(directory)
        count = plan.scaled(CERTIFICATES, _QUICK)
        messages = [check_for(authority.root.client(f"client-{n}")) for n in range(count)]
        bodies = {
            "one": write_bodies(directory / "one", messages[:1]),
            "many": write_bodies(directory / "many", messages),
        }
        policy = write_policy(
            directory / "policy.yaml",
            [site("api", [HOST], [rule(MTLS, "mtls")], authority.trust())],
        )
        # A server each, as otherwise the one certificate would be one of ten thousand, too.
        servers = {name: start_ours(children, directory, policy, name) for name in _LABELS}
        for name, server in servers.items():
            server.expect_allowed(messages[0])
            _see_all(server, bodies[name], plan)
        before = {name: _judged(server) for name, server in servers.items()}
        found = interleaved(
            {
                name: partial(server.rotate, bodies[name], plan.seconds * 1.5)
                for name, server in servers.items()
            },
            plan.rounds,
        )
        for name, label in _LABELS.items():
            result.rows[name] = Row(label=label, unit="checks/s", samples=found[name])
        anew = {name: _judged(server) - before[name] for name, server in servers.items()}
        result.notes.append(
            f"While it was measured, {anew['many']} certificates had to be judged anew."
        )
        for name, label in _LABELS.items():
            memory = Sample(value=servers[name].resident_megabytes()[0])
            result.rows[f"memory, {name}"] = Row(
                label=f"resident memory: {label}", unit="MB", samples=(memory,)
            )
    result.ratio(_FIGURE, "many", "one")
    return result


def _see_all(server: Server, bodies: Path, plan: Plan) -> None:
    """Warm up: until every certificate was sent."""
    while server.turns < plan.scaled(CERTIFICATES, _QUICK):
        server.rotate(bodies, plan.scaled(2, 1) / 2)


def _judged(server: Server) -> int:
    assert server.authz is not None
    return int(server.authz.metric("authz_judgement_memo_misses_total"))
