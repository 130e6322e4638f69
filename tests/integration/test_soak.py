# SPDX-License-Identifier: Apache-2.0
"""The soak works: load, changes, probes and samples of every process. Nothing is judged here.

On a machine that is busy with other tests a change may be in force later than the soak allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.figures import BenchError
from benchmarks.peers import go
from benchmarks.soak import soak
from tests.conftest import absent

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 10.0
#: Of what it could answer: next to nothing.
SHARE = 0.02


def test_a_node_is_soaked_for_some_seconds(tmp_path: Path) -> None:
    try:
        go.program("load")
    except BenchError as error:
        absent("go", str(error))

    outcome = soak(tmp_path, SECONDS, SHARE)

    assert outcome.loads.asked > 0
    assert outcome.probes.asked > 0
    assert outcome.changes.failures == []
    assert {"revoked", "rule changed", "host added", "scrape"} <= set(outcome.changes.counts)
    assert outcome.ended == []
    assert outcome.errors == []
    kinds = sorted({row.process.partition(" ")[0] for row in outcome.rows})
    assert kinds == ["admin", "control", "node", "supervisor", "worker"]
    assert len({row.process for row in outcome.rows if row.process.startswith("worker")}) == 2
    assert all(row.before > 0 and row.after > 0 for row in outcome.rows)
