# SPDX-License-Identifier: Apache-2.0
"""The slowest checks while the policy is being replaced all the time, next to when it is not.

Checks come at half of what the worker can do, at fixed moments; latency counts from when a check
was due, so one that waits behind a swap cannot hide it. The policy file is written anew, with a
rule changed, as soon as the last one is in force: the service swaps as often as it can.
"""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks import goload
from benchmarks.figures import BenchError, BenchTimeoutError, Figure, Result, Row, Sample
from benchmarks.messages import HOST, check_for, write_bodies
from benchmarks.peers import go
from benchmarks.plan import workshop
from benchmarks.policies import make_authority, pinned, rule, site, write_policy
from benchmarks.servers import start_ours

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.plan import Plan
    from benchmarks.policies import Authority
    from benchmarks.servers import Server

#: Between two changes of the policy file, at least and at most, in seconds.
_PAUSE: Final = 0.3
_PATIENCE: Final = 5.0
#: What p99.9 stays below at half load when nothing else wants the core.
_QUIET_MILLISECONDS: Final = 10.0
_UNLESS_VALID: Final = "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"
_STEADY: Final = "steady"
_SWAPPED: Final = "swapped"
_LABELS: Final = {_STEADY: "policy as it is", _SWAPPED: "policy replaced all the time"}
#: Rules beside the pinned certificate's, for each figure.
_POLICIES: Final = {"swap p99.9": 0, "swap p99.9, 1,000 rules": 998}


def measure(plan: Plan) -> Result:
    """Percentiles with and without swaps, for a small policy and one of a thousand rules."""
    result = Result(title="Latency while the policy is replaced, at half load")
    try:
        go.program("load")
    except go.NoGoError:
        result.figures.extend(Figure(key=key, unit="ms", note=go.NO_GO) for key in _POLICIES)
        return result
    for key, rules in _POLICIES.items():
        if rules and (plan.quick or plan.brief):
            continue
        _measure(plan, result, key, rules)
    return result


def _measure(plan: Plan, result: Result, key: str, rules: int) -> None:
    with workshop() as (directory, children):
        authority = make_authority(directory)
        message = check_for(authority.client)
        body = write_bodies(directory / "body", [message])
        changes = itertools.count()
        policy = directory / "policy.yaml"

        def change() -> None:
            _write(policy, authority, rules, next(changes))

        change()
        server = start_ours(children, directory, policy)
        server.expect_allowed(message)
        # A quick look has no time for what loads beside a busy server.
        rate = server.saturate(body, plan.seconds).value / (20 if plan.quick else 2)
        seconds = 2.0 if plan.quick else max(8.0, 4 * plan.seconds)
        pairs: list[tuple[goload.Load, goload.Load]] = []
        swaps = 0
        # A round in which checks waited long without any swap says nothing about swaps.
        for _ in range(2 * plan.rounds):
            if sum(map(_quiet, pairs)) == plan.rounds:
                break
            try:
                steady = goload.checks(server.address, body, seconds, rate)
                before = _swaps(server)
                with _Changes(change, server):
                    swapped = goload.checks(server.address, body, seconds, rate)
            except BenchTimeoutError as error:
                # The rate was found at a better moment: the machine cannot keep it up now.
                result.notes.append(f"A round was left out: {error}.")
                continue
            swaps += _swaps(server) - before
            pairs.append((steady, swapped))
    if len(pairs) < (plan.rounds + 1) // 2:
        raise BenchTimeoutError(f"only {len(pairs)} of {plan.rounds} rounds ended in time")
    if not swaps:
        raise BenchError("the policy was never replaced while it was rewritten")
    spent = len(pairs) * seconds
    # Chosen by the side without swaps, so that the choice favours nobody.
    pairs = sorted(pairs, key=lambda pair: pair[0].p999)[: plan.rounds]
    loads = {_STEADY: [steady for steady, _ in pairs], _SWAPPED: [swapped for _, swapped in pairs]}
    name = f", {rules + 2:,} rules" if rules else ""
    for state, label in _LABELS.items():
        for percentile in ("p50", "p99", "p999"):
            values = [getattr(load, percentile) for load in loads[state]]
            shown = percentile.replace("p999", "p99.9")
            result.rows[f"{state} {shown}{name}"] = Row(
                label=f"{shown}, {label}{name}",
                unit="ms",
                samples=tuple(Sample(value=value) for value in values),
            )
    added = tuple(swapped.p999 - steady.p999 for steady, swapped in pairs)
    result.figures.append(Figure(key=key, unit="ms", values=added))
    result.notes.append(
        f"{rules + 2:,} rules: {rate:.0f} checks a second, {swaps} swaps in {spent:.0f} s"
    )


def _quiet(pair: tuple[goload.Load, goload.Load]) -> bool:
    return pair[0].p999 < _QUIET_MILLISECONDS


def _write(policy: Path, authority: Authority, rules: int, number: int) -> None:
    """The policy with something different in it: another path is protected each time."""
    protected: list[dict[str, Any]] = [
        rule(pinned(authority.client), "pinned"),
        *(
            rule(
                f'http.host eq "h{n}.example.com" and http.request.uri.path in {{"/v{n}"}} '
                f"and {_UNLESS_VALID}",
                f"other-{n}",
            )
            for n in range(rules)
        ),
        rule(f'http.request.uri.path eq "/changed/{number}" and {_UNLESS_VALID}', "changing"),
    ]
    write_policy(policy, [site("api", [HOST], protected, authority.trust())])


def _swaps(server: Server) -> int:
    """How often a policy was put in force: read from the log, which costs the service nothing."""
    return server.child.log.read_text(encoding="utf-8").count('"policy loaded"')


class _Changes:
    """Changes the policy, again and again, while in this context."""

    def __init__(self, change: Callable[[], None], server: Server) -> None:
        self._change = change
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE):
            before = _swaps(self._server)
            self._change()
            limit = time.monotonic() + _PATIENCE
            while _swaps(self._server) == before and time.monotonic() < limit:
                if self._stop.wait(0.02):
                    return
