# SPDX-License-Identifier: Apache-2.0
"""Runs the properties with fresh seeds until the time is up.

    python tests/fuzz/run.py            FUZZ_SECONDS seconds in total (default 600)

Every property (tests/properties) is run again and again in a process of its own, in turns, each
time with another seed. Prints how many examples each has seen; ends with 1 on a finding, which is
stored under .fuzz/ with the command that repeats it.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FINDINGS = ROOT / ".fuzz"
PROPERTIES = "tests/properties"

#: A property that takes longer hangs, and that is a finding.
LONGEST = 300.0

_EXAMPLES = re.compile(r"- (\d+) passing")


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


def run(name: str, seed: int) -> tuple[int, str]:
    """Run one property: how many examples it saw, and what it found or ""."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *(f"--hypothesis-seed={seed}", "--hypothesis-show-statistics", name),
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=LONGEST,
            env={**os.environ, "HYPOTHESIS_PROFILE": "fuzz"},
        )
    except subprocess.TimeoutExpired:
        return 0, f"{' '.join(command[1:])}\nno end after {LONGEST:.0f} seconds\n"
    examples = sum(map(int, _EXAMPLES.findall(done.stdout)))
    if done.returncode:
        return examples, f"{' '.join(command[1:])}\n\n{done.stdout}{done.stderr}"
    return examples, ""


def main() -> int:
    """Run until the time is up, or something is found."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "600"))
    started = time.monotonic()
    names = properties()
    seen: Counter[str] = Counter()
    rounds = 0
    while time.monotonic() - started < seconds:
        name, seed = names[rounds % len(names)], secrets.randbelow(2**32)
        examples, finding = run(name, seed)
        rounds += 1
        seen[name] += examples
        if finding:
            FINDINGS.mkdir(exist_ok=True)
            path = FINDINGS / f"{name.rpartition('::')[2]}-{seed}.txt"
            path.write_text(finding, encoding="utf-8")
            print(f"FOUND by {name} with seed {seed}: {path.relative_to(ROOT)}")
            return 1
    for name in names:
        print(f"{seen[name]:9}  {name.removeprefix(PROPERTIES + '/')}")
    passed = time.monotonic() - started
    unseen = [name for name in names if not seen[name]]
    if unseen:
        print(f"{len(unseen)} properties have seen nothing: FUZZ_SECONDS is too short here")
        return 1
    print(
        f"{seen.total()} examples, {rounds} runs of {len(names)} properties in {passed:.0f} s: fine"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
