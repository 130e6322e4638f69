# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of one target (tests/fuzz/targets) by atheris, which is libFuzzer.

    python -m tests.fuzz.guided expression -max_total_time=60     # other options are libFuzzer's

What it learns is kept in .fuzz/corpus, an input that breaks the property in .fuzz; such an input
goes to tests/vectors/fuzz/<target>/, where a test replays it for ever.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS, VECTORS

FINDINGS = Path(__file__).parents[2] / ".fuzz"

#: Seconds and megabytes of one input: beyond that it is a finding.
MOST_SECONDS = 10
MOST_MEGABYTES = 2048


def main(arguments: list[str]) -> None:
    """Run until libFuzzer ends the process: 0 in time, 77 at a finding."""
    name, *options = arguments
    if name not in TARGETS:
        raise SystemExit(f"{name} is no target: {', '.join(TARGETS)}")
    # Only here: what replays the vectors does without it.
    import atheris

    with atheris.instrument_imports(include=["authz"]):
        target = importlib.import_module(f"tests.fuzz.targets.{name}")
    corpus = FINDINGS / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    atheris.Setup(
        [
            sys.argv[0],
            f"-timeout={MOST_SECONDS}",
            f"-rss_limit_mb={MOST_MEGABYTES}",
            f"-artifact_prefix={FINDINGS}/{name}-",
            "-max_len=8192",
            *options,
            str(corpus),
            str(VECTORS / name),
        ],
        target.run,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
