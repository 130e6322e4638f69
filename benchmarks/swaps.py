# SPDX-License-Identifier: Apache-2.0
"""What replacing the policy costs the checks that are being answered meanwhile.

    python benchmarks/swaps.py [--form NAME] [--rounds N] [--seconds S] [--json]

1. Compiling: a policy of 1,000 rules on 200 hosts in which one rule changed, from scratch and out
   of what was compiled before.
2. Latency: `authz serve` answers the same check at half of what it can, at fixed moments
   (open_loop.py), first undisturbed, then while its policy file is rewritten every 0.3 s with
   another rule. Rounds of both take turns, because the machine is seldom alone with them; shown are
   the medians of the rounds' percentiles. For one process and for two workers, with 10 rules and
   with 1,000.

Exit status 1 when p99.9 with swaps is more than 10 ms above p99.9 without, or nothing was swapped.
Absolute times belong to the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.model import PolicyModel
from authz.policy.snapshot import compile_snapshot
from benchmarks.open_loop import Client
from tests.factories.checks import check_request
from tests.factories.pki import AT, presented, root
from tests.factories.policies import rule, site

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What swaps may add to p99.9, in milliseconds.
LIMIT: Final = 10.0
PAUSE: Final = 0.3
HOSTS: Final = 200
ROUNDS: Final = 3
SECONDS: Final = 6.0
SATURATION: Final = 20_000
PATIENCE: Final = 30.0
#: Name: workers, rules.
FORMS: Final = {
    "one process, 10 rules": (1, 10),
    "one process, 1,000 rules": (1, 1000),
    "two workers, 10 rules": (2, 10),
    "two workers, 1,000 rules": (2, 1000),
}
_UNLESS_VALID: Final = "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds."""

    p50: float
    p99: float
    p999: float
    worst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One form of the node."""

    rate: float
    swaps_a_second: float
    steady: Latency
    swapped: Latency

    @property
    def added(self) -> float:
        """What swaps add to p99.9."""
        return self.swapped.p999 - self.steady.p999


# --- compiling -----------------------------------------------------------------------------------


def expressions(rules: int, changed: str) -> list[str]:
    """A rule for each path; the one in the middle is different for each `changed`."""
    return [
        f'http.host eq "h{n % HOSTS}.example.com" and http.request.uri.path in '
        f'{{"/v{n}{changed if n == rules // 2 else ""}"}} and {_UNLESS_VALID}'
        for n in range(rules)
    ]


def _policies(changed: str) -> dict[str, PolicyModel]:
    hosts = [f"h{n}.example.com" for n in range(HOSTS)]
    thousand = tuple(rule(text, ref=f"r{n}") for n, text in enumerate(expressions(1000, changed)))
    apart = [
        site(*thousand[5 * n : 5 * n + 5], name=host, hosts=(host,)) for n, host in enumerate(hosts)
    ]
    shared = [replace(one, rules=thousand) for one in apart]
    return {
        "one site of 200 hosts and 1,000 rules": PolicyModel(
            sites=(site(*thousand, hosts=tuple(hosts)),)
        ),
        "200 sites of 5 rules": PolicyModel(sites=tuple(apart)),
        "200 sites that share 1,000 rules": PolicyModel(sites=tuple(shared)),
    }


def compiling() -> dict[str, tuple[float, float]]:
    """Milliseconds from scratch and after one rule changed, by policy; medians."""
    results = {}
    for name, model in _policies("").items():
        scratch, changed = [], []
        previous = compile_snapshot(model, 1, AT, lint=False)
        for number in range(5):
            other = _policies(f"-{number}")[name]
            began = time.perf_counter()
            compile_snapshot(other, 2, AT, lint=False)
            scratch.append(time.perf_counter() - began)
            began = time.perf_counter()
            previous = compile_snapshot(other, 2, AT, previous=previous, lint=False)
            changed.append(time.perf_counter() - began)
        results[name] = statistics.median(scratch) * 1e3, statistics.median(changed) * 1e3
    return results


# --- latency -------------------------------------------------------------------------------------


class Node:
    """`authz serve` with a policy that can be changed."""

    def __init__(self, directory: Path, workers: int, rules: int) -> None:
        self._policy = directory / "policy.yaml"
        self._rules = rules
        self._log = directory / "log"
        self._changes = 0
        (directory / "ca.pem").write_bytes(root().pem)
        self.change()
        socket = directory / "authz.sock"
        command = [
            str(Path(sys.executable).with_name("authz")),
            *("serve", "--policy", str(self._policy), "--data-dir", str(directory / "data")),
            *("--grpc", f"unix:{socket}", "--metrics", "off", "--transport", "native"),
            *("--workers", str(workers), *(("--port-per-worker",) if workers > 1 else ())),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.socket = str(socket) + (".0" if workers > 1 else "")
        limit = time.monotonic() + PATIENCE
        while '"serving"' not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(self._log.read_text())
            time.sleep(0.01)

    def change(self) -> None:
        """Rewrite the policy with one rule changed."""
        self._changes += 1
        written = [
            f"      - {{ref: r{n}, action: block, expression: {json.dumps(text)}}}"
            for n, text in enumerate(expressions(self._rules, f"-{self._changes}"))
        ]
        text = (
            'sites:\n  - name: api\n    hosts: ["*"]\n'
            "    trust: [{name: acme, certificates: [ca.pem]}]\n    rules:\n"
        )
        other = self._policy.with_suffix(".new")
        other.write_text(text + "\n".join(written) + "\n")
        other.replace(self._policy)

    @property
    def swaps(self) -> int:
        """How often a policy was put in force."""
        return self._log.read_text().count('"policy loaded"')

    def stop(self) -> None:
        """End it and what it started, at once."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._process.kill()


@contextlib.contextmanager
def _changing(node: Node) -> Iterator[None]:
    stop = threading.Event()

    def change() -> None:
        while not stop.wait(PAUSE):
            node.change()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def latency(workers: int, rules: int, rounds: int, seconds: float) -> Result:
    """Measure one form."""
    certificate = presented(root().client("alice", not_after=time.time() + 86_400)).certificate
    message = check_request(certificate=certificate, host="h1.example.com").SerializeToString()
    steady: list[Latency] = []
    swapped: list[Latency] = []
    swaps = 0
    with tempfile.TemporaryDirectory() as directory:
        node = Node(Path(directory), workers, rules)
        try:
            client = Client(node.socket, message)
            if CheckResponse.FromString(client.answer).status.code:
                raise SystemExit("the check is denied")
            rate = statistics.median(client.saturate(SATURATION) for _ in range(3)) / 2
            # What this process collects would count as the server's pauses.
            gc.disable()
            for _ in range(rounds):
                steady.append(_percentiles(client.run(rate, seconds)))
                before = node.swaps
                with _changing(node):
                    swapped.append(_percentiles(client.run(rate, seconds)))
                swaps += node.swaps - before
            client.close()
        finally:
            node.stop()
    return Result(
        rate=rate,
        swaps_a_second=swaps / rounds / seconds,
        steady=_median(steady),
        swapped=_median(swapped),
    )


def _percentiles(seconds: list[float]) -> Latency:
    milliseconds = sorted(1e3 * one for one in seconds)

    def at(part: float) -> float:
        return milliseconds[min(len(milliseconds) - 1, int(part * len(milliseconds)))]

    return Latency(p50=at(0.5), p99=at(0.99), p999=at(0.999), worst=milliseconds[-1])


def _median(rounds: list[Latency]) -> Latency:
    return Latency(
        p50=statistics.median(one.p50 for one in rounds),
        p99=statistics.median(one.p99 for one in rounds),
        p999=statistics.median(one.p999 for one in rounds),
        worst=max(one.worst for one in rounds),
    )


# --- the command ---------------------------------------------------------------------------------


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--form", action="append", choices=FORMS, help="only this one")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a phase")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    compiled = compiling() if options.form is None else {}
    results = {
        name: latency(*FORMS[name], options.rounds, options.seconds)
        for name in options.form or FORMS
    }
    if options.json:
        print(
            json.dumps(
                {
                    "compiling": compiled,
                    "latency": {
                        name: {
                            "rate": round(one.rate),
                            "swaps_a_second": round(one.swaps_a_second, 2),
                            "added_p999_ms": round(one.added, 3),
                        }
                        for name, one in results.items()
                    },
                },
                indent=2,
            )
        )
    else:
        _print(compiled, results)
    good = all(one.added <= LIMIT and one.swaps_a_second > 0 for one in results.values())
    return 0 if good else 1


def _print(compiled: dict[str, tuple[float, float]], results: dict[str, Result]) -> None:
    if compiled:
        print(f"{'compiling, milliseconds':42} {'from scratch':>13} {'one rule':>9}")
        for name, (scratch, changed) in compiled.items():
            print(f"{name:42} {scratch:13.1f} {changed:9.1f}")
        print()
    print(f"{'milliseconds':32} {'p50':>8} {'p99':>8} {'p99.9':>8} {'worst':>8}")
    for name, one in results.items():
        print(f"{name}: {one.rate:,.0f} checks a second, {one.swaps_a_second:.1f} swaps a second")
        for label, times in (("undisturbed", one.steady), ("swapping", one.swapped)):
            print(
                f"    {label:28} {times.p50:8.3f} {times.p99:8.3f} {times.p999:8.3f} "
                f"{times.worst:8.1f}"
            )
    print(f"p99.9 with swaps may be {LIMIT:g} ms above p99.9 without")


if __name__ == "__main__":
    sys.exit(main())
