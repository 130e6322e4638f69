# SPDX-License-Identifier: Apache-2.0
"""What it costs a check that events, last sights and counts are noted (ADR-0024).

One process and one check that is remembered, with nobody interested and with a recorder whose
reports are gathered meanwhile, requests recorded and allowed checks sampled as they are unless the
settings say otherwise. Of so many denials most find the queue full and are dropped. The
processor time of the thread that checks: what gathering takes is on another one, bounded by what it
may tell in a second.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.recording import Recording, RecordOptions
from authz.node.reporter import Reporter, Reporting
from authz.observability.activity import Activity
from authz.observability.events import EventRecorder
from authz.observability.metrics import Metrics
from authz.observability.seen_certificates import SeenCertificates
from authz.settings.events import HEADERS
from benchmarks.clock import timed
from benchmarks.figures import Result
from benchmarks.inside import expect_allowed, service_for
from benchmarks.messages import check_for
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.plan import Plan

_SAMPLED: Final = 100
# The setting's default.
_ALLOWED_SECONDS: Final = 10.0
# Often enough that what remembers has remembered.
_WARM: Final = 4


def measure(plan: Plan) -> Result:
    """A row for each check and who is told of it, and what is left of the speed."""
    with workshop() as (directory, _), contextlib.ExitStack() as stack:
        authority = make_authority(directory)
        policy = full_policy(directory / "policy.yaml", authority)
        allowed, denied = check_for(authority.client), check_for(None)
        silent = service_for(policy)
        told = service_for(policy, stack.enter_context(recorder(0)).note)
        sampled = service_for(policy, stack.enter_context(recorder(_SAMPLED)).note)
        for service in (silent, told, sampled):
            for _ in range(_WARM):
                expect_allowed(service.check(allowed))
                service.check(denied)
        rows = timed(
            {
                "allowed: nobody is interested": lambda: silent.check(allowed),
                "allowed: noted": lambda: told.check(allowed),
                f"allowed: noted, one in {_SAMPLED} told": lambda: sampled.check(allowed),
                "denied: nobody is interested": lambda: silent.check(denied),
                "denied: each one noted": lambda: told.check(denied),
            },
            plan.rounds * 3 if not plan.quick else 1,
            plan.seconds / 25,
        )
    result = Result(title="Telling of checks, in one process")
    silent_row, told_row, sampled_row, denied_silent, denied_told = rows
    result.rows = rows
    result.ratio("allowed, nobody is interested/noted", silent_row, told_row)
    result.ratio(f"allowed, nobody is interested/one in {_SAMPLED} told", silent_row, sampled_row)
    result.ratio("denied, nobody is interested/noted", denied_silent, denied_told)
    return result


@contextlib.contextmanager
def recorder(allowed_every: int) -> Iterator[EventRecorder]:
    """As a process has it, with what gathers its reports."""
    options = DecodeOptions()
    made = EventRecorder(
        lambda data: decode(data, options).source_address,
        allowed_every,
        allowed_seconds=_ALLOWED_SECONDS,
        record=Recording(RecordOptions(headers=frozenset(HEADERS)), options),
    )
    activity = Activity()
    reporter = Reporter(
        Reporting(made, Metrics().counts, SeenCertificates()),
        lambda _, report: activity.add(report),
        acknowledged=False,
    )
    reporter.start()
    try:
        yield made
    finally:
        reporter.stop()
