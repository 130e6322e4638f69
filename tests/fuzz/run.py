# SPDX-License-Identifier: Apache-2.0
"""Fuzzes until the time is up: the properties with fresh seeds, the targets guided by coverage.

    python -m tests.fuzz.run            FUZZ_SECONDS seconds in total (default 1200)

Half of the time every target (tests/fuzz/targets) runs, one after the other, as long as each other.
In the other half every property (tests/properties) is run again and again in a process of its own,
in turns, each time with another seed. Prints how many inputs each has seen; ends with 1 on a
finding, which is stored under .fuzz/ with the command that repeats it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.targets import TARGETS

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


def report(name: str, how: str, finding: str) -> int:
    """Store a finding."""
    FINDINGS.mkdir(exist_ok=True)
    path = FINDINGS / f"{name.rpartition('::')[2]}-{how.replace(' ', '-')}.txt"
    path.write_text(finding, encoding="utf-8")
    print(f"FOUND by {name} with {how}: {path.relative_to(ROOT)}")
    return 1


def main() -> int:
    """Run until the time is up, or something is found."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "1200"))
    started = time.monotonic()
    seen: Counter[str] = Counter()
    targets = TARGETS
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here (pyproject.toml says where it is): properties only")
        targets = ()
    for number, name in enumerate(targets):
        # To start takes some seconds, which are its own.
        left = started + seconds / 2 - time.monotonic()
        # Less than one would be for ever.
        share = max(1, round(left / (len(targets) - number)) - _STARTING)
        seen[name], finding = run_target(name, share)
        if finding:
            return report(name, f"{share} s", finding)
    names = properties()
    rounds = 0
    while time.monotonic() - started < seconds:
        name, seed = names[rounds % len(names)], secrets.randbelow(2**32)
        examples, finding = run_property(name, seed)
        rounds += 1
        seen[name] += examples
        if finding:
            return report(name, f"seed {seed}", finding)
    for name in (*targets, *names):
        print(f"{seen[name]:9}  {name.removeprefix(PROPERTIES + '/')}")
    passed = time.monotonic() - started
    unseen = [name for name in (*targets, *names) if not seen[name]]
    if unseen:
        print(f"{len(unseen)} have seen nothing: FUZZ_SECONDS is too short here")
        return 1
    print(
        f"{seen.total()} inputs, {len(targets)} targets, {rounds} runs of {len(names)} properties "
        f"in {passed:.0f} s: fine"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
