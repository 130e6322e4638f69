# SPDX-License-Identifier: Apache-2.0
"""Runs cases through CheckService, as serve would, and compares what was decided."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authz.cli.check import decide, reading_of
from authz.cli.options import fetched_of, geo_of, model_of
from authz.cli.policy_test.coverage import Coverage
from authz.cli.policy_test.document import NONE
from authz.cli.policy_test.request import check_request
from authz.extauthz.service import SEED_BYTES
from authz.policy.snapshot import compile_snapshot
from authz.sources.policy_file import load_policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from authz.cli.policy_test.document import ExpectDocument
    from authz.cli.policy_test.loading import Case, TestFile
    from authz.policy.snapshot import Snapshot
    from authz.settings import Settings


#: What cf.random_seed is in every case: a test has to have the same result each time.
SEED: Final = bytes(SEED_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that was decided differently."""

    what: str
    expected: Any
    actual: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one case; it passed when there is no difference."""

    file: Path
    case: Case
    decision: dict[str, Any]
    differences: tuple[Difference, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything that was expected is so."""
        return not self.differences


@dataclass(slots=True)
class Run:
    """All results, and what they saw of the rules."""

    results: list[Result] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return sum(not result.passed for result in self.results)


def run(files: Sequence[TestFile], settings: Settings, policy: Path | None = None) -> Run:
    """Run every case.

    Args:
        policy: decides instead of the policies that the files name.

    Raises:
        AuthzError: a policy that cannot be used, or none.
    """
    done = Run()
    # None is what the settings answer by.
    snapshots: dict[Path | None, Snapshot] = {}
    for file in files:
        chosen = policy or file.policy
        snapshot = snapshots.get(chosen)
        if snapshot is None:
            model = (
                model_of(settings)
                if chosen is None
                else load_policy(chosen, fetched=fetched_of(settings)).model
            )
            compiled = compile_snapshot(
                model, generation=1, at=file.cases[0].at, geo=geo_of(settings)
            )
            snapshot = snapshots[chosen] = done.coverage.watch(model, compiled)
        for case in file.cases:
            done.results.append(_run(file.path, case, snapshot, settings))
    return done


def _run(path: Path, case: Case, snapshot: Snapshot, settings: Settings) -> Result:
    data = check_request(case, reading_of(settings).options)
    started = time.perf_counter()
    decision = decide(settings, snapshot, data, case.at, with_trace=False, seed=SEED)
    seconds = time.perf_counter() - started
    return Result(
        file=path,
        case=case,
        decision=decision,
        differences=tuple(_differences(case.document.expect, decision)),
        seconds=seconds,
    )


def _differences(expect: ExpectDocument, decision: dict[str, Any]) -> Iterator[Difference]:
    certificate = decision["certificate"]
    actual = {
        **decision,
        **certificate,
        "failure": certificate["failure"] or NONE,
        "body": decision.get("body", ""),
    }
    for what in type(expect).model_fields:
        expected = getattr(expect, what)
        if what == "headers" or expected is None:
            continue
        if actual[what] != expected:
            yield Difference(what=what, expected=expected, actual=actual[what])
    headers = {name.lower(): value for name, value in decision["headers"].items()}
    for name, value in expect.headers.items():
        found = headers.get(name.lower())
        if found != value:
            yield Difference(what=f"headers.{name}", expected=value, actual=found)
