# SPDX-License-Identifier: Apache-2.0
"""How events are added up; that it works is in tests/contract/test_store_event_summary.py."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import select

from authz.store.engine import open_store
from authz.store.event_summary import summarise
from authz.store.tables_activity import events

if TYPE_CHECKING:
    from pathlib import Path


def test_events_are_gone_through_once(tmp_path: Path) -> None:
    statements: list[str] = []

    class Recorder:
        def execute(self, statement: object) -> Recorder:
            statements.append(str(statement))
            return self

        def all(self) -> list[tuple[str, str, int, int, float]]:
            return [("total", "", 0, 0, 0.0)]

    found = summarise(
        Recorder(),  # type: ignore[arg-type]  # as much of a connection as is needed
        select(events.c.number),
        columns=("path", "host"),
        most=3,
        among=10,
        step=("rule", 0, 60),
    )

    assert found.looked_at == 0
    (statement,) = statements
    assert statement.count("FROM events") == 1
    with closing(open_store("sqlite", tmp_path)) as store, store.read() as session:
        assert session.events.summary(columns=("path",), most=1, among=1).looked_at == 0
