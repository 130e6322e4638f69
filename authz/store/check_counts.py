# SPDX-License-Identifier: Apache-2.0
"""How many checks there were and what became of them: of minutes, and later of hours.

Counts are added to what is there, so that several nodes can count into one database.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, delete, func, literal_column, select

from authz.store.rows import values_of
from authz.store.tables_activity import check_counts
from authz.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Select

    from authz.store.records_activity import CheckCount

MINUTE: Final = 60
HOUR: Final = 3600

_TABLE: Final = check_counts
_KEY: Final = tuple(column.name for column in _TABLE.primary_key.columns)


class CheckCounts:
    """Counts in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, some: Sequence[CheckCount]) -> None:
        """Add to what was counted."""
        if not some:
            return
        # In one order, so that two who count the same do not wait for each other.
        rows = sorted(map(values_of, some), key=lambda row: tuple(str(row[name]) for name in _KEY))
        self._connection.execute(self._adding(), rows)

    def summed(
        self,
        column: str,
        *,
        since: int,
        until: int,
        step: int,
        zone_id: str | None = None,
        only: Mapping[str, str] = MappingProxyType({}),
    ) -> list[tuple[int, str, int]]:
        """Checks by what they have in a column, for each `step` seconds from `since` on.

        Matches of `log` rules, which have no verdict, are none.

        What is known by the hour alone counts for when the hour began.

        Args:
            only: what they must have in other columns.

        Returns:
            When the step begins (Unix seconds), the value, checks.
        """
        start = _step_of(since, step).label("start")
        value = _TABLE.c[column]
        query = (
            select(start, value, func.sum(_TABLE.c.checks))
            .where(_TABLE.c.at >= since, _TABLE.c.at < until, _TABLE.c.verdict != "")
            .group_by(start, value)
            .order_by(start, value)
        )
        query = _where(query, zone_id)
        for name, wanted in only.items():
            query = query.where(_TABLE.c[name] == wanted)
        return [(int(row[0]), str(row[1]), int(row[2])) for row in self._connection.execute(query)]

    def of_rules(self, zone_id: str, since: int) -> list[tuple[str, str, str, int, int]]:
        """How often each rule decided or matched.

        Returns:
            Rule, action, reason, checks, and the beginning of the last minute or hour with one.
        """
        columns = (_TABLE.c.rule, _TABLE.c.action, _TABLE.c.reason)
        query = (
            select(*columns, func.sum(_TABLE.c.checks), func.max(_TABLE.c.at))
            .where(_TABLE.c.rule != "", _TABLE.c.at >= since, _TABLE.c.zone_id == zone_id)
            .group_by(*columns)
        )
        return [(*row[:3], int(row[3]), int(row[4])) for row in self._connection.execute(query)]

    def first(self, zone_id: str | None = None) -> int | None:
        """Since when there are counts, Unix seconds."""
        query = _where(select(func.min(_TABLE.c.at)), zone_id)
        found = self._connection.execute(query).scalar_one()
        return None if found is None else int(found)

    def has_hours(self, since: int, until: int, zone_id: str | None = None) -> bool:
        """Whether some of what is in this span is known by the hour alone."""
        hours = (_TABLE.c.seconds == HOUR) & (_TABLE.c.at >= since) & (_TABLE.c.at < until)
        query = _where(select(_TABLE.c.at).where(hours), zone_id).limit(1)
        return self._connection.execute(query).first() is not None

    def roll_up(self, before: int) -> int:
        """Make the minutes from before a Unix time hours; how many minutes went."""
        before -= before % HOUR
        minutes = (_TABLE.c.seconds == MINUTE) & (_TABLE.c.at < before)
        values: dict[str, Any] = {name: _TABLE.c[name] for name in _KEY}
        values["seconds"] = literal_column(str(HOUR))
        values["at"] = _step_of(0, HOUR)
        grouped = [one for name, one in values.items() if name != "seconds"]
        values["zone_id"] = func.max(_TABLE.c.zone_id)
        values["checks"] = func.sum(_TABLE.c.checks)
        query = select(*values.values()).where(minutes).group_by(*grouped)
        self._connection.execute(self._adding(list(values), query))
        return self._connection.execute(delete(_TABLE).where(minutes)).rowcount

    def forget(self, *, before: int, keep: int) -> int:
        """Remove counts from before a Unix time, and the oldest of more than `keep`; how many."""
        rows = self._connection.execute(select(func.count()).select_from(_TABLE)).scalar_one()
        if rows > keep:
            query = select(_TABLE.c.at).order_by(_TABLE.c.at.desc()).offset(keep).limit(1)
            # All of one moment go together: some of a minute would be a wrong count.
            before = max(before, self._connection.execute(query).scalar_one() + 1)
        return self._connection.execute(delete(_TABLE).where(_TABLE.c.at < before)).rowcount

    def _adding(self, names: Sequence[str] = (), query: Select[Any] | None = None) -> Any:
        statement = inserting(self._connection, _TABLE)
        if query is not None:
            statement = statement.from_select(list(names), query)
        return statement.on_conflict_do_update(
            index_elements=list(_KEY),
            set_={"checks": _TABLE.c.checks + statement.excluded.checks},
        )


def _step_of(since: int, step: int) -> Any:
    """When the step that a count is of begins; written out, for it is grouped by."""
    begin, seconds = literal_column(str(since), BigInteger), literal_column(str(step), BigInteger)
    return _TABLE.c.at - (_TABLE.c.at - begin) % seconds


def _where(query: Select[Any], zone_id: str | None) -> Select[Any]:
    return query if zone_id is None else query.where(_TABLE.c.zone_id == zone_id)
