# SPDX-License-Identifier: Apache-2.0
"""Microseconds of each stage of a check, in one process and without a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.clock import timed
from benchmarks.figures import Result
from benchmarks.inside import stages
from benchmarks.messages import OTHER_PATHS
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority

if TYPE_CHECKING:
    from benchmarks.plan import Plan


def measure(plan: Plan) -> Result:
    """A row for each stage: what one call takes."""
    with workshop() as (directory, _):
        authority = make_authority(directory)
        paths = plan.scaled(OTHER_PATHS, 20)
        stage = stages(full_policy(directory / "policy.yaml", authority), authority, paths)
    # The groups of `make bench`: decode, parse, compile, verify, evaluate, encode; then the sums.
    runs = {
        "decode: CheckRequest to facts": stage.decode,
        "parse: one rule": stage.parse,
        "compile: one rule": stage.compile,
        "verify: a certificate, cold": stage.verify_cold,
        "verify: a certificate, remembered": stage.verify_remembered,
        "evaluate: field values and one rule": stage.evaluate,
        "encode: decision to CheckResponse": stage.encode,
        "authorize: a known client, decided anew": stage.authorize,
        "check: everything, bytes to bytes": stage.check,
        "check: everything, another path each time": stage.check_other_paths,
    }
    result = Result(title="Stages of a check, in one process")
    result.rows = timed(runs, plan.rounds * 3 if not plan.quick else 1, plan.seconds / 25)
    return result
