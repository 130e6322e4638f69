# SPDX-License-Identifier: Apache-2.0
"""Fuzzes until the time is up: the properties with fresh seeds, the targets guided by coverage.

    python -m tests.fuzz.run            FUZZ_SECONDS seconds in total (default 1200)

Half of the time every target (tests/fuzz/targets) runs, as long as each other. In the other half
every property (tests/properties) is run again and again in a process of its own, in turns, each
time with another seed. As many run at once as there are cores. Prints how many inputs each has
seen; ends with 1 on a finding, which is stored under .fuzz/ with the command that repeats it.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
FINDINGS = ROOT / ".fuzz"
PROPERTIES = "tests/properties"

#: A property that takes longer hangs, and that is a finding.
LONGEST = 300.0
#: About how long a target takes to start.
_STARTING = 4
#: What it may take to start and to end, on a machine that is busy, before it is said to hang.
_SLACK = 120.0

_EXAMPLES = re.compile(r"- (\d+) passing")
_RUNS = re.compile(r"^Done (\d+) runs", re.MULTILINE)


def properties() -> list[str]:
    """The names of all properties, parametrized tests once."""
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", PROPERTIES],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    names = [line.partition("[")[0] for line in listed.stdout.splitlines() if "::" in line]
    return list(dict.fromkeys(names))


def run_property(name: str, seed: int) -> tuple[int, str]:
    """Run one property: how many examples it saw, and what it found or ""."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *(f"--hypothesis-seed={seed}", "--hypothesis-show-statistics", name),
    ]
    found, output = _run(command, LONGEST, HYPOTHESIS_PROFILE="fuzz")
    return sum(map(int, _EXAMPLES.findall(output))), found


def run_target(name: str, seconds: int) -> tuple[int, str]:
    """Run one target: how many inputs it saw, and what it found or ""."""
    command = [sys.executable, "-m", "tests.fuzz.guided", name, f"-max_total_time={seconds}"]
    found, output = _run(command, seconds + _SLACK)
    return sum(map(int, _RUNS.findall(output))), found


def _run(command: list[str], longest: float, **environment: str) -> tuple[str, str]:
    """What was found, or "", and what was printed."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=ROOT,
            timeout=longest,
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired:
        return f"{' '.join(command[1:])}\nno end after {longest:.0f} seconds\n", ""
    output = done.stdout + done.stderr
    return f"{' '.join(command[1:])}\n\n{output}" if done.returncode else "", output


def report(name: str, how: str, finding: str) -> None:
    """Store a finding, and tell of it."""
    FINDINGS.mkdir(exist_ok=True)
    path = FINDINGS / f"{name.rpartition('::')[2]}-{how.replace(' ', '-')}.txt"
    path.write_text(finding, encoding="utf-8")
    print(f"FOUND by {name} with {how}: {path.relative_to(ROOT)}")


class Run:
    """What is run until the time is up, or something is found.

    Args:
        at_once: as many as that.

    Attributes:
        seen: how many inputs of what.
        rounds: how many were run.
        found: how many findings there were.
    """

    def __init__(self, at_once: int) -> None:
        self.seen: Counter[str] = Counter()
        self.rounds = 0
        self.found = 0
        self._at_once = at_once
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._broken = False

    def targets(self, names: Sequence[str], until: float) -> None:
        """Run each once, as long as each other, till about a moment of the monotonic clock."""
        # One after the other, as many at once as may be.
        turns = max(1, math.ceil(len(names) / self._at_once))
        # To start takes some seconds, which are its own. Less than one would be for ever.
        share = max(1, round((until - time.monotonic()) / turns) - _STARTING)
        left = iter(names)

        def one() -> bool:
            with self._lock:
                name = next(left, None)
            if name is not None:
                self._note(name, f"{share} s", *run_target(name, share))
            return name is not None

        self._together(one)

    def properties(self, names: Sequence[str], until: float) -> None:
        """Run them in turns until a moment of the monotonic clock."""
        turns = itertools.cycle(names)

        def one() -> bool:
            if time.monotonic() >= until:
                return False
            with self._lock:
                name = next(turns)
            seed = secrets.randbelow(2**32)
            self._note(name, f"seed {seed}", *run_property(name, seed))
            return True

        self._together(one)

    def _together(self, one: Callable[[], bool]) -> None:
        """Do one after the other in each thread, until there is none or it is over."""

        def many() -> None:
            try:
                while not self._over.is_set() and one():
                    pass
            except BaseException:
                # A defect of ours: the others need not go on.
                self._over.set()
                raise

        with ThreadPoolExecutor(self._at_once) as pool:
            try:
                for done in [pool.submit(many) for _ in range(self._at_once)]:
                    done.result()
            except BaseException:
                # What is interrupted with us ends with an error as well, and found nothing.
                self._broken = True
                self._over.set()
                raise

    def _note(self, name: str, how: str, inputs: int, finding: str) -> None:
        with self._lock:
            self.rounds += 1
            self.seen[name] += inputs
            if finding and not self._broken:
                # At once, whatever happens to the others.
                report(name, how, finding)
                self.found += 1
                self._over.set()


def main() -> int:
    """Run until the time is up, or something is found."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "1200"))
    started = time.monotonic()
    at_once = len(os.sched_getaffinity(0))
    run = Run(at_once)
    targets = TARGETS
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here (pyproject.toml says where it is): properties only")
        targets = ()
    run.targets(targets, started + seconds / 2)
    names = properties()
    run.properties(names, started + seconds)
    for name in (*targets, *names):
        print(f"{run.seen[name]:9}  {name.removeprefix(PROPERTIES + '/')}")
    passed = time.monotonic() - started
    if run.found:
        return 1
    unseen = [name for name in (*targets, *names) if not run.seen[name]]
    if unseen:
        print(f"{len(unseen)} have seen nothing: FUZZ_SECONDS is too short here")
        return 1
    print(
        f"{run.seen.total()} inputs, {len(targets)} targets, {run.rounds - len(targets)} runs of "
        f"{len(names)} properties, {at_once} at once, in {passed:.0f} s: fine"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
