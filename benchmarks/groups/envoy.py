# SPDX-License-Identifier: Apache-2.0
"""Through the real Envoy with client certificates: ours, always allow, and no ext_authz at all.

Always allow twice: with the shortest answer, and with one of ours, so that it can be seen what
Envoy does with an answer that says who was let in and why. First as much as goes; then all at the
same rate, half of what always-allow can do, so that their latencies can be compared.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.cores import CLIENT
from benchmarks.figures import BenchError, Figure, Result, Row, Sample
from benchmarks.messages import check_for
from benchmarks.peers import go
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority
from benchmarks.proxy import Proxy, start_proxies
from benchmarks.servers import AS_OURS, native_peer, start_ours, start_peer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from authz.demo.processes import Children
    from benchmarks import goload
    from benchmarks.plan import Plan
    from benchmarks.policies import Authority
    from benchmarks.servers import Server

_LABELS: Final = {
    "none": "no ext_authz",
    "allow": "always allow, native loop, each check parsed",
    "alike": "the same with the answer that `authz serve` gives",
    "ours": "`authz serve`, full decision",
}
_FIGURE: Final = "envoy/always-allow"
#: Rounds are short and many: what goes through Envoy differs by a quarter from one to the next.
_TURNS: Final = 3


def measure(plan: Plan) -> Result:
    """Requests a second, then p50 and p99 at one rate for all."""
    result = Result(title="Through Envoy, with client certificates")
    try:
        go.program("load")
    except go.NoGoError:
        result.figures.append(Figure(key=_FIGURE, note=go.NO_GO))
        return result
    with workshop() as (directory, children):
        authority = make_authority(directory)
        proxies, ours = _start(children, directory, authority)
        warm_up = {name: partial(proxy.send, 0.2) for name, proxy in proxies.items()}
        _whole_rounds(warm_up, 2, result)
        seconds = plan.seconds / 2
        found = _whole_rounds(
            {
                name: partial(_requests, proxy, seconds, ours if name == "ours" else None)
                for name, proxy in proxies.items()
            },
            plan.rounds if plan.quick else plan.rounds * _TURNS,
            result,
        )
        for name, label in _LABELS.items():
            result.rows[name] = Row(
                label=label, unit="requests/s", samples=_per_second(found[name])
            )
        result.ratio(_FIGURE, "ours", "allow")
        result.ratio("envoy/always-allow, same answer", "ours", "alike")
        result.ratio("envoy/no ext_authz", "ours", "none")
        if plan.brief:
            return result
        rate = statistics.median(result.rows["allow"].values) / 2
        _latencies(result, proxies, plan, rate)
    return result


def _start(
    children: Children, directory: Path, authority: Authority
) -> tuple[dict[str, Proxy], Server]:
    ours = start_ours(children, directory, full_policy(directory / "policy.yaml", authority))
    ours.expect_allowed(check_for(authority.client))
    allow = start_peer(children, directory, "allow", native_peer("--parse", *AS_OURS))
    answer = directory / "answer.bin"
    answer.write_bytes(ours.answer)
    alike = start_peer(
        children, directory, "alike", native_peer("--parse", *AS_OURS, "--answer", str(answer))
    )
    upstream = start_peer(children, directory, "upstream", [go.program("upstream")], core=CLIENT)
    asked = {
        "none": None,
        "allow": allow.address,
        "alike": alike.address,
        "ours": ours.address,
    }
    return start_proxies(children, directory, authority, upstream.address, asked), ours


def _whole_rounds(
    measures: Mapping[str, Callable[[], goload.Load]], rounds: int, result: Result
) -> dict[str, list[goload.Load]]:
    """`rounds` rounds in which every answer was right, out of twice as many at most.

    On a machine that is busy with other things, checks may wait longer than Envoy does, and what
    is measured then is not the speed of anything. Such a round is left out, and noted.
    """
    names = list(measures)
    found: dict[str, list[goload.Load]] = {name: [] for name in names}
    why: BenchError | None = None
    for number in range(2 * rounds):
        if len(found[names[0]]) == rounds:
            break
        first = number % len(names)
        try:
            loads = {name: measures[name]() for name in (*names[first:], *names[:first])}
        except BenchError as error:
            why = error
            result.notes.append(f"A round was left out: {error}.")
            continue
        for name, load in loads.items():
            found[name].append(load)
    if why is not None and len(found[names[0]]) < (rounds + 1) // 2:
        raise why
    return found


def _requests(proxy: Proxy, seconds: float, ours: Server | None) -> goload.Load:
    before = ours.allowed() if ours else None
    load = proxy.send(seconds)
    if ours and before is not None:
        asked = (ours.allowed() or 0) - before
        if asked < load.requests:
            raise BenchError(f"{load.requests} requests went through Envoy, {asked} were checked")
    return load


def _per_second(loads: Sequence[goload.Load]) -> tuple[Sample, ...]:
    return tuple(Sample(value=load.per_second) for load in loads)


def _latencies(result: Result, proxies: dict[str, Proxy], plan: Plan, rate: float) -> None:
    seconds = 0.3 if plan.quick else max(3.0, 2 * plan.seconds)
    found = _whole_rounds(
        {name: partial(proxy.send, seconds, rate) for name, proxy in proxies.items()},
        plan.rounds,
        result,
    )
    for percentile in ("p50", "p99"):
        for name, label in _LABELS.items():
            samples = tuple(Sample(value=getattr(load, percentile)) for load in found[name])
            result.rows[f"{percentile}, {name}"] = Row(
                label=f"{percentile}: {label}", unit="ms", samples=samples
            )
    result.notes.append(f"Latencies at {rate:.0f} requests a second.")
