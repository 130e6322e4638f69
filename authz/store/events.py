# SPDX-License-Identifier: Apache-2.0
"""Checks that are worth telling, the latest of them: bounded by number, age and size.

What was asked is in a table of its own, so that whoever looks for events reads none of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, cast, delete, exists, func, insert, literal_column, select

from authz.store.event_summary import summarise
from authz.store.records_activity import RecordedRequest, StoredEvent
from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.tables_activity import events, recorded_requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from authz.store.event_summary import EventSummary

_READERS: Final[Readers] = {"event": json.loads}
_REQUEST_READERS: Final[Readers] = {"left_out": json.loads}


class Events:
    """Events in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        some: Sequence[StoredEvent],
        requests: Mapping[str, RecordedRequest] | None = None,
    ) -> None:
        """Keep events, and what was asked, by the event's identifier, as far as that is known."""
        if not some:
            return
        rows = [values_of(one, but=("number",)) for one in some]
        if not requests:
            self._connection.execute(insert(events), rows)
            return
        added = self._connection.execute(
            insert(events).returning(events.c.number, sort_by_parameter_order=True), rows
        )
        numbers = added.scalars().all()
        of_requests = [
            {**values_of(requests[one.id], but=("number",)), "number": number}
            for one, number in zip(some, numbers, strict=True)
            if one.id in requests
        ]
        if of_requests:
            self._connection.execute(insert(recorded_requests), of_requests)

    def latest(
        self,
        *,
        most: int,
        before: int | None = None,
        after: int | None = None,
        since: float | None = None,
        until: float | None = None,
        **wanted: str | None,
    ) -> list[StoredEvent]:
        """Events, the latest first; those before the one of number `before`.

        There are only so many (`forget`): what has no index is gone through.

        Args:
            after: those after the one of this number instead, and the oldest first.
            wanted: what columns have to be, `path_prefix` what the path begins with, `matched` the
                rule that decided or a `log` rule that matched; those that are None do not matter.
        """
        number = events.c.number
        query = select(*columns_of(StoredEvent, events)).limit(most)
        query = query.order_by(number.desc() if after is None else number)
        if after is not None:
            query = query.where(number > after)
        if before is not None:
            query = query.where(number < before)
        query = self._where(query, wanted, since, until)
        return [record_of(StoredEvent, row, _READERS) for row in self._connection.execute(query)]

    def get(self, event_id: str) -> StoredEvent | None:
        """The event of a decision."""
        query = select(*columns_of(StoredEvent, events)).where(events.c.id == event_id)
        row = self._connection.execute(query).first()
        return None if row is None else record_of(StoredEvent, row, _READERS)

    def request(self, number: int) -> RecordedRequest | None:
        """What was asked in the check of the event of this number, if that was kept."""
        query = select(*columns_of(RecordedRequest, recorded_requests)).where(
            recorded_requests.c.number == number
        )
        row = self._connection.execute(query).first()
        return None if row is None else record_of(RecordedRequest, row, _REQUEST_READERS)

    def requests(self, numbers: Sequence[int]) -> dict[int, RecordedRequest]:
        """The same of several, by their numbers."""
        query = select(*columns_of(RecordedRequest, recorded_requests)).where(
            recorded_requests.c.number.in_(numbers)
        )
        found = self._connection.execute(query)
        return {row.number: record_of(RecordedRequest, row, _REQUEST_READERS) for row in found}

    def top(
        self,
        by: str,
        *,
        most: int,
        since: float | None = None,
        until: float | None = None,
        **wanted: str | None,
    ) -> list[tuple[str, int, int, float]]:
        """The values of a column that most checks have, by the events that stand for them; `""`
        is left out.

        Returns:
            Value, checks, the number of the latest event and its time.
        """
        column, number = events.c[by], func.sum(events.c.weight).label("checks")
        query: Select[Any] = (
            select(column, number, func.max(events.c.number), func.max(events.c.at))
            .where(column != "")
            .group_by(column)
            .order_by(number.desc(), column)
            .limit(most)
        )
        query = self._where(query, wanted, since, until)
        return [(row[0], int(row[1]), int(row[2]), float(row[3])) for row in self._all(query)]

    def summary(
        self,
        *,
        columns: Sequence[str],
        most: int,
        among: int,
        step: tuple[str, int, int] | None = None,
        step_among: int = 0,
        since: float | None = None,
        until: float | None = None,
        **wanted: str | None,
    ) -> EventSummary:
        """Events added up; arguments as those of `event_summary.summarise` and of `latest`."""
        query = self._where(select(events.c.number), wanted, since, until)
        return summarise(
            self._connection,
            query,
            columns=columns,
            most=most,
            among=among,
            step=step,
            step_among=step_among,
        )

    def size(self) -> int:
        """Bytes of all events with their requests."""
        query = select(func.coalesce(func.sum(events.c.bytes), 0))
        return int(self._connection.execute(query).scalar_one())

    def forget(self, *, before: float, keep: int, keep_bytes: int | None = None) -> int:
        """Remove events from before a Unix time, and all but the latest `keep`; how many.

        Args:
            keep_bytes: and all but the latest that fit into so many bytes.
        """
        last = self._connection.execute(select(func.max(events.c.number))).scalar_one()
        least = (last or 0) - keep
        if keep_bytes is not None and self.size() > keep_bytes:
            least = max(least, self._last_beyond(keep_bytes))
        query = delete(events).where((events.c.at < before) | (events.c.number <= least))
        return self._connection.execute(query).rowcount

    def _last_beyond(self, most_bytes: int) -> int:
        """The number of the latest event that does not fit any more."""
        number, taken = events.c.number, func.sum(events.c.bytes)
        summed = select(number, taken.over(order_by=number.desc()).label("taken")).subquery()
        query = select(func.max(summed.c.number)).where(summed.c.taken > most_bytes)
        return int(self._connection.execute(query).scalar_one() or 0)

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        return self._connection.execute(query).all()

    def _where(
        self,
        query: Select[Any],
        wanted: Mapping[str, str | None],
        since: float | None,
        until: float | None,
    ) -> Select[Any]:
        for name, value in wanted.items():
            if value is None:
                continue
            if name == "path_prefix":
                condition = func.substr(events.c.path, 1, len(value)) == value
            elif name == "zone_id" and wanted.get("fingerprint_sha256") is not None:
                # Few events have one: they are found by it, and not among all of the zone's.
                condition = events.c.zone_id.concat("") == value
            elif name == "matched":
                condition = (events.c.rule == value) | self._has_logged(value)
            else:
                condition = events.c[name] == value
            query = query.where(condition)
        # Numbers are given out in the order of time, or nearly: with those of the span, an index
        # by numbers needs not be gone through as a whole. "+ 0": or that is done to find these.
        numbers = events.c.number + 0
        if since is not None:
            first = select(func.min(numbers)).where(events.c.at >= since).scalar_subquery()
            query = query.where(events.c.at >= since, events.c.number >= first)
        if until is not None:
            last = select(func.max(numbers)).where(events.c.at < until).scalar_subquery()
            query = query.where(events.c.at < until, events.c.number <= last)
        return query

    def _has_logged(self, rule: str) -> ColumnElement[bool]:
        """Whether a `log` rule matched. Few events have any: the others are not taken apart."""
        if self._connection.dialect.name == "sqlite":
            found = func.json_each(events.c.event, "$.logged").table_valued("value")
        else:
            logged = cast(events.c.event, JSON)["logged"]
            found = func.json_array_elements_text(logged).table_valued("value")
        return events.c.event.not_like('%"logged":[]%') & exists(
            select(literal_column("1")).select_from(found).where(found.c.value == rule)
        )
