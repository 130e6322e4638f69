# SPDX-License-Identifier: Apache-2.0
"""Half an hour at half load while rules, certificates and hosts change: does it stay as it was?

    python benchmarks/soak.py [--check] [--minutes 30 | --seconds N] [--share 0.5]

Starts the real command over a store, with two workers that have ports of their own and the API, and
sends half of what both can answer for the whole time. Meanwhile certificates are revoked, restored
and issued over the API, a rule is changed, hosts come and go, the node is told to reload, its
metrics are read (soak_changes.py), and each worker is asked about certificates whose right answer
is known: within 2 s of a change either answer is right, later a different one is wrong. Memory,
descriptors and threads of every process are sampled.

With --check, exit status 1 when an answer was wrong or missing, a change failed, or a process grew
(flatness.py has the limits).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import grpc
import psutil

from authz.observability.activity import MAX_EVENTS
from benchmarks import goload, machine
from benchmarks.api_clients import Target
from benchmarks.figures import BenchError
from benchmarks.flatness import LIMITS, judge
from benchmarks.known_answers import KnownAnswers
from benchmarks.messages import write_bodies
from benchmarks.soak_changes import KINDS, NO_CERTIFICATE, Api, Changes
from tests.integration.stores import Asker, StoreNode, world_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.flatness import Row

MINUTES: Final = 30.0
#: Of what the workers can answer, how much they are sent.
SHARE: Final = 0.5
#: After a change, either answer is right for so long; and for so long a check may take.
GRACE_SECONDS: Final = 2.0
#: Between two samples, when there is time for that.
SAMPLE_SECONDS: Final = 10.0
#: Samples of a run that is shorter.
FEWEST_SAMPLES: Final = 20
#: In which everything is done at least once.
EVERY_KIND_SECONDS: Final = 60.0
#: After which the load is sent over new connections.
SEGMENT_SECONDS: Final = 60.0
#: For how long it is measured what the workers can answer, at most.
CAPACITY_SECONDS: Final = 5.0
#: What waits is late in the end; that counts, and not how many wait.
NO_BREAKER: Final = 0
#: Denials before anything is looked at: more than the events that a supervisor keeps, and enough to
#: fill the cache of the database that they are written to. Both are bounded, so that is no leak.
DENIALS: Final = MAX_EVENTS + MAX_EVENTS // 5
#: Between two checks of one prober.
PROBE_SECONDS: Final = 0.02


@dataclass(slots=True, kw_only=True)
class Answers:
    """What was asked of the workers and came of it; one of each thread, added up in the end."""

    asked: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    p50: list[float] = field(default_factory=list)
    p999: list[float] = field(default_factory=list)


@contextlib.contextmanager
def node_of(directory: Path) -> Iterator[tuple[StoreNode, Api, str]]:
    """A node that serves, somebody who calls its API, and the identifier of its authority."""
    world = world_of("sqlite", directory / "data")
    secret = directory / "data" / "ca.key"
    # By which the authority was made.
    secret.write_bytes(bytes(range(32)))
    secret.chmod(0o600)
    with world.store.read() as session:
        authority = session.authorities.all()[0].id
    world.store.close()
    options = ("--workers", "2", "--port-per-worker", "--admin", "127.0.0.1:0")
    node = StoreNode(directory, *options)
    try:
        node.until_serving()
        first = node.until_logged("the first token is in a file")["file"]
        host, _, port = node.events("serving")[0]["admin"].rpartition(":")
        token = Path(first).read_text(encoding="ascii").strip()
        api = Api(Target(host=host, port=int(port), token=token))
        yield node, api, authority
        api.close()
    finally:
        node.destroy()


def capacity(addresses: Sequence[str], bodies: Path, seconds: float) -> float:
    """Checks a second that all workers answer together."""

    def one(address: str) -> float:
        return goload.checks(address, bodies, seconds).per_second

    with ThreadPoolExecutor(len(addresses)) as clients:
        return sum(clients.map(one, addresses))


def deny(addresses: Sequence[str], message: bytes, count: int) -> None:
    """Have so many checks denied, by all workers together."""

    def one(address: str) -> None:
        asker = Asker(address)
        for _ in range(count // len(addresses)):
            asker.ask(message)
        asker.close()

    with ThreadPoolExecutor(len(addresses)) as clients:
        list(clients.map(one, addresses))


def send(address: str, bodies: Path, rate: float, until: float, ended: threading.Event) -> Answers:
    """Checks at a rate, all of which are to be allowed."""
    answers = Answers()
    while (left := until - time.monotonic()) > 0.5 and not ended.is_set():
        seconds = min(SEGMENT_SECONDS, left)
        since = f"from {time.strftime('%H:%M:%S')}"
        try:
            load = goload.overload(
                address, bodies, seconds, rate, timeout=GRACE_SECONDS, breaker=NO_BREAKER
            )
        except BenchError as error:
            # It does not say how many: one such load is one too many.
            kind = answers.wrong if "answers were wrong" in str(error) else answers.unanswered
            kind[f"{address}, {since}: {error}"] += 1
            ended.wait(1)
            continue
        answers.asked += load.requests
        answers.p50.append(load.p50)
        answers.p999.append(load.p999)
        answers.unanswered += Counter(
            {f"{address}, {since}: shed": load.shed, f"{address}, {since}: late": load.late}
        )
    return answers


def probe(address: str, changes: Changes, known: KnownAnswers, ended: threading.Event) -> Answers:
    """Ask one worker everything whose answer is known, again and again."""
    asker, answers = Asker(address), Answers()
    while not ended.is_set():
        for case, message in changes.checks.items():
            asked = time.monotonic()
            answers.asked += 1
            try:
                code = asker.ask(message)
            except grpc.RpcError as error:
                answers.unanswered[f"{address}, {case}: {error}"] += 1
                continue
            answered = time.monotonic()
            if not known.right(case, code, asked, answered):
                answers.wrong[f"{address}, {case}: {code} at {time.strftime('%H:%M:%S')}"] += 1
            elif answered - asked > GRACE_SECONDS:
                answers.unanswered[f"{address}, {case}: after {answered - asked:.1f} s"] += 1
            if ended.wait(PROBE_SECONDS):
                break
    asker.close()
    return answers


class Samples:
    """Sizes of every process of a node, from now on."""

    def __init__(self, node: StoreNode) -> None:
        self._node = node
        self._processes = {"supervisor": psutil.Process(node.process.pid)}
        for child in node.children():
            name = next(
                (part for part in child.cmdline() if part.startswith("authz.")), child.name()
            ).rpartition(".")[2]
            self._processes[f"{name} {child.pid}"] = child
        self.series: dict[str, dict[str, list[float]]] = {
            name: defaultdict(list) for name in (*self._processes, "node")
        }
        self.ended: set[str] = set()

    def take(self) -> None:
        """Sample each of them once."""
        for name, process in self._processes.items():
            try:
                with process.oneshot():
                    memory = process.memory_full_info()
                    descriptors, threads = process.num_fds(), process.num_threads()
            except psutil.NoSuchProcess:
                self.ended.add(name)
                continue
            of = self.series[name]
            of["resident bytes"].append(memory.rss)
            of["proportional bytes"].append(memory.pss)
            of["own bytes"].append(memory.uss)
            of["descriptors"].append(descriptors)
            of["threads"].append(threads)
        # Others than those come and go: one that loads, say.
        self.series["node"]["processes"].append(1 + len(self._node.children()))

    def judged(self) -> list[Row]:
        """Of every process that is still there.

        Raises:
            BenchError: the samples are too few.
        """
        return [
            row
            for name, series in self.series.items()
            if name not in self.ended
            for row in judge(name, series)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it all."""

    loads: Answers
    probes: Answers
    changes: Changes
    rows: Sequence[Row]
    ended: Sequence[str]
    errors: Sequence[str]


def soak(directory: Path, seconds: float, share: float) -> Outcome:
    """Do it, with a node whose files are in `directory`."""
    known = KnownAnswers(GRACE_SECONDS)
    with node_of(directory) as (node, api, authority):
        changes = Changes(api=api, node=node, known=known, authority=authority)
        bodies = write_bodies(directory / "bodies", changes.prepare())
        # A trial is mostly warm-up as it is.
        if seconds >= EVERY_KIND_SECONDS:
            deny(node.addresses, changes.checks[NO_CERTIFICATE], DENIALS)
        most = capacity(node.addresses, bodies, min(CAPACITY_SECONDS, seconds / 10))
        rate = most * share
        print(f"{most:,.0f} checks a second at most; {rate:,.0f} for {seconds:g} s", flush=True)
        samples, ended = Samples(node), threading.Event()
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(1 + 2 * len(node.addresses)) as threads:
            sending = [
                threads.submit(send, one, bodies, rate / len(node.addresses), until, ended)
                for one in node.addresses
            ]
            probing = [threads.submit(probe, one, changes, known, ended) for one in node.addresses]
            changing = threads.submit(changes.run, ended)
            try:
                while (left := until - time.monotonic()) > 0:
                    samples.take()
                    time.sleep(min(SAMPLE_SECONDS, seconds / FEWEST_SAMPLES, left))
            finally:
                ended.set()
            changing.result()
            loads = _sum(one.result() for one in sending)
            probes = _sum(one.result() for one in probing)
        return Outcome(
            loads=loads,
            probes=probes,
            changes=changes,
            rows=samples.judged(),
            ended=sorted(samples.ended),
            errors=[line for line in list(node.lines) if is_error(line)],
        )


def is_error(line: str) -> bool:
    """Whether a line of the node's standard error is one that nobody should see."""
    return not line.startswith("{") or json.loads(line)["level"] in {"error", "critical"}


def told(outcome: Outcome, seconds: float) -> bool:
    """Print what came of it; whether all was as it should be."""
    loads, probes, changes = outcome.loads, outcome.probes, outcome.changes
    _print_rows(outcome.rows)
    counts = ", ".join(f"{what} {count:,}" for what, count in sorted(changes.counts.items()))
    print(f"changes: {counts}")
    print(
        f"load: {loads.asked:,} checks, p50 {max(loads.p50, default=0):.1f} ms, "
        f"p99.9 {max(loads.p999, default=0):.1f} ms in the worst minute"
    )
    print(f"probes with a known answer: {probes.asked:,}")
    # In a trial that is shorter, there was no time for all of it.
    kinds = KINDS if seconds >= EVERY_KIND_SECONDS else ()
    done = {"load": loads.asked, "probes": probes.asked, **changes.counts}
    findings = {
        "wrong answers": loads.wrong + probes.wrong,
        "unanswered, late or shed": loads.unanswered + probes.unanswered,
        "calls, reloads and scrapes that failed": Counter(changes.failures),
        "never done": Counter(one for one in ("load", "probes", *kinds) if not done.get(one)),
        "errors in the log": Counter(outcome.errors),
        "processes that ended": Counter(outcome.ended),
        "not flat": Counter(f"{row.process}: {row.what}" for row in outcome.rows if not row.kept),
    }
    for what, found in findings.items():
        print(f"{what}: {found.total():,}")
        for text, count in found.most_common(5):
            print(f"  {count:,} times: {text.strip()}")
    failed = any(found.total() for found in findings.values())
    print("no wrong answer, none missing, nothing grew: " + ("NOT KEPT" if failed else "kept"))
    return not failed


def _sum(some: Iterable[Answers]) -> Answers:
    total = Answers()
    for one in some:
        total.asked += one.asked
        total.wrong += one.wrong
        total.unanswered += one.unanswered
        total.p50 += one.p50
        total.p999 += one.p999
    return total


def _print_rows(rows: Sequence[Row]) -> None:
    print(f"{'':16}{'':20}{'second fifth':>14}{'last fifth':>14}{'change':>12}")
    for row in rows:
        unit, shape = (1e6, ",.2f") if row.what.endswith("bytes") else (1.0, ",.0f")
        before, after, change = (
            f"{value / unit:{shape}}" for value in (row.before, row.after, row.after - row.before)
        )
        what = row.what.replace("bytes", "MB")
        mark = "" if row.what in LIMITS else "  not judged"
        if not row.kept:
            mark = "  NOT FLAT"
        print(f"{row.process:16}{what:20}{before:>14}{after:>14}{change:>12}{mark}")


def main() -> int:
    """Soak, print, and say whether all was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail when anything was not kept")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seconds", type=float, help="instead: a trial, which is mostly warm-up")
    parser.add_argument(
        "--share", type=float, default=SHARE, help="of the capacity: less on a machine that is busy"
    )
    given = parser.parse_args()
    seconds = given.seconds or 60 * given.minutes
    print(machine.one_line())
    with tempfile.TemporaryDirectory(prefix="authz-soak-") as directory:
        kept = told(soak(Path(directory), seconds, given.share), seconds)
    return 1 if given.check and not kept else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(str(error))
