# SPDX-License-Identifier: Apache-2.0
"""INSERT … ON CONFLICT DO UPDATE; on PostgreSQL, tests/contract runs what is written with it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, select
from sqlalchemy.dialects import postgresql, sqlite

from authz.store.upsert import inserting, upsert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

TABLE = Table(
    "some", MetaData(), Column("key", Integer, primary_key=True), Column("value", Integer)
)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with closing(create_engine("sqlite://").connect()) as connection:
        TABLE.create(connection)
        yield connection


def _rows(connection: Connection) -> list[tuple[int, int]]:
    return [(row.key, row.value) for row in connection.execute(select(TABLE).order_by("key"))]


def test_a_row_is_there_afterwards_and_others_are_as_they_were(connection: Connection) -> None:
    upsert(connection, TABLE, {"key": 1}, insert={"value": 10})
    upsert(connection, TABLE, {"key": 2}, insert={"value": 20})
    upsert(connection, TABLE, {"key": 1}, insert={"value": 11})

    assert _rows(connection) == [(1, 11), (2, 20)]


def test_what_changes_may_be_something_else_than_what_is_new(connection: Connection) -> None:
    for _ in range(3):
        upsert(
            connection,
            TABLE,
            {"key": 1},
            insert={"value": 1},
            update={"value": TABLE.c.value + 1},
        )

    assert _rows(connection) == [(1, 3)]


def test_the_dialect_is_the_database_s(connection: Connection) -> None:
    assert isinstance(inserting(connection, TABLE), sqlite.Insert)

    connection.dialect = postgresql.dialect()
    assert isinstance(inserting(connection, TABLE), postgresql.Insert)
