# SPDX-License-Identifier: Apache-2.0
"""Writers and readers of the API at once: no 5xx, nothing lost, and checks go on meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.api_load import measure

if TYPE_CHECKING:
    from tests.factories.postgres import Server


WRITES = {
    "append rule",
    "append item",
    "issue",
    "put entry point",
    "put hostnames",
    "put items",
    "make token",
}


def _judged(database: str) -> None:
    outcome, checks = measure(database, clients=30, seconds=3.0)

    assert outcome.failures == []
    assert outcome.lost == []
    assert outcome.kept > 0
    answers = set(outcome.answers) - {"put entry point 412"}
    assert {key.rpartition(" ")[2] for key in answers} == {"200"}
    assert {key.rpartition(" ")[0] for key in answers} >= WRITES
    assert checks.wrong == 0
    assert len(checks.seconds) > 0


def test_writers_and_readers_lose_nothing_on_sqlite() -> None:
    _judged("sqlite")


@pytest.mark.postgres
def test_writers_and_readers_lose_nothing_on_postgresql(postgres: Server) -> None:
    _judged(postgres.address(postgres.new_database()))
