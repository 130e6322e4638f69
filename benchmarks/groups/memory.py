# SPDX-License-Identifier: Apache-2.0
"""What a worker holds with a small policy, after load and a scrape of its metrics.

The resident set as the kernel counts it, shared libraries included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.figures import Figure, Result, Row, Sample
from benchmarks.messages import check_for, write_bodies
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority
from benchmarks.servers import start_ours

if TYPE_CHECKING:
    from benchmarks.plan import Plan

#: Starts: memory differs little from one to the next.
_STARTS: Final = 3


def measure(plan: Plan) -> Result:
    """Megabytes of one worker, which is the whole service."""
    held = []
    for _ in range(plan.scaled(_STARTS, 1)):
        with workshop() as (directory, children):
            authority = make_authority(directory)
            message = check_for(authority.client)
            body = write_bodies(directory / "body", [message])
            server = start_ours(children, directory, full_policy(directory / "p.yaml", authority))
            server.expect_allowed(message)
            # Its count is read from the metrics, so they were scraped.
            server.saturate(body, plan.seconds)
            held.append(server.resident_megabytes()[0])
    result = Result(title="Memory of a worker")
    result.rows["worker"] = Row(
        label="one worker, full policy, after load",
        unit="MB",
        samples=tuple(Sample(value=value) for value in held),
    )
    result.figures.append(Figure(key="worker memory", unit="MB", values=tuple(held)))
    return result
