# SPDX-License-Identifier: Apache-2.0
"""A whole decision, next to servers that decide nothing.

Ours: the client's certificate presented and known, its chain verified, its fingerprint pinned, CRL
and revoked serials looked up, a path compared, allowed, counted. Theirs: yes.

h2load asks the same check over and over, and what follows from client, host and path is remembered
(ADR-0021). So the same is measured with more paths in turn than are remembered, by the Go client.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.figures import Result, Row, interleaved
from benchmarks.messages import OTHER_PATHS, check_for, checks_of_paths, write_bodies
from benchmarks.peers import go
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority
from benchmarks.servers import AS_OURS, Server, grpcio_peer, native_peer, start_ours, start_peer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from authz.demo.processes import Children
    from benchmarks.plan import Plan

_LABELS = {
    "ours": "`authz serve`, full decision, native",
    "native, parsed": "always allow, native loop set as ours, each check parsed",
    "native, unread": "always allow, native loop set as ours, checks unread",
    "native, defaults": "always allow, native loop as the library sets it, each check parsed",
    "grpc-go": "always allow, grpc-go, GOMAXPROCS=1",
    "ours, grpcio": "`authz serve`, full decision, grpcio",
    "grpcio": "always allow, grpcio",
    "one path": "`authz serve`, native, one path, Go client",
    "other paths": "`authz serve`, native, 20,000 paths in turn, Go client",
}
_RATIOS = {
    "full/go": ("ours", "grpc-go"),
    "full/always-allow": ("ours", "native, parsed"),
    "full/always-allow, unread": ("ours", "native, unread"),
    "full/always-allow, library defaults": ("ours", "native, defaults"),
    "full/always-allow, grpcio": ("ours, grpcio", "grpcio"),
    "other paths/one path": ("other paths", "one path"),
}


def measure(plan: Plan) -> Result:
    """Answers a second of each server, and what ours makes of the others'."""
    with workshop() as (directory, children):
        authority = make_authority(directory)
        message = check_for(authority.client)
        body = write_bodies(directory / "body", [message])
        policy = full_policy(directory / "policy.yaml", authority)
        servers = _start(children, directory, policy, plan)
        for server in servers.values():
            server.expect_allowed(message)
        measures = {
            name: partial(one.saturate, body, plan.seconds) for name, one in servers.items()
        }
        if "grpc-go" in servers and not plan.brief:
            paths = checks_of_paths(authority.client, plan.scaled(OTHER_PATHS, 20))
            others = write_bodies(directory / "others", paths)
            measures["one path"] = partial(servers["ours"].rotate, body, plan.seconds)
            measures["other paths"] = partial(servers["ours"].rotate, others, plan.seconds)
        found = interleaved(measures, plan.rounds)
    result = Result(title="A full decision, and servers that decide nothing")
    for name, label in _LABELS.items():
        samples = found.get(name, ())
        if samples or not go.version():
            note = "" if samples else go.NO_GO
            result.rows[name] = Row(label=label, unit="checks/s", samples=samples, note=note)
    for key, (over, under) in _RATIOS.items():
        if over in result.rows and under in result.rows:
            result.ratio(key, over, under)
    result.notes.append(
        f"One CheckRequest of {len(message)} bytes, {len(check_for(None))} without its certificate."
    )
    return result


def _start(children: Children, directory: Path, policy: Path, plan: Plan) -> dict[str, Server]:
    def peer(name: str, command: Sequence[str | Path]) -> Server:
        return start_peer(children, directory, name, command)

    servers = {
        "ours": start_ours(children, directory, policy),
        "native, parsed": peer("native-parsed", native_peer("--parse", *AS_OURS)),
    }
    if not plan.brief:
        servers |= {
            "native, unread": peer("native", native_peer(*AS_OURS)),
            "native, defaults": peer("native-defaults", native_peer("--parse")),
            "ours, grpcio": start_ours(
                children, directory, policy, "authz-grpcio", transport="grpcio"
            ),
            "grpcio": peer("grpcio", grpcio_peer()),
        }
    if go.version():
        servers["grpc-go"] = start_peer(
            children,
            directory,
            "grpc-go",
            [go.program("allow")],
            {**os.environ, "GOMAXPROCS": "1"},
        )
    return servers
