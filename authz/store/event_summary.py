# SPDX-License-Identifier: Apache-2.0
"""Events added up: how many there are of a kind, what was blocked often, and when they were.

One statement that goes through the events once: through the latest of those that are wanted, for
whoever waits for a page waits for every one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, cast, func, literal, literal_column, select, union_all

from authz.policy.decision import Verdict
from authz.store.tables_activity import events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, Connection, Select

_KEPT: Final = "kept"
_STEP: Final = "step "
_TOTAL: Final = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """Some events, added up.

    Args:
        looked_at: how many are ranked.
        kept: by verdict, how many events there are and how many checks they stand for.
        top: by column, the values that most blocked checks have, by the events that stand for
            them, `""` left out: value, checks, number of the latest event and its time.
        steps: when the step begins (Unix seconds), a value, the verdict, checks that the events
            stand for.
    """

    looked_at: int
    kept: Mapping[str, tuple[int, int]]
    top: Mapping[str, Sequence[tuple[str, int, int, float]]]
    steps: Sequence[tuple[int, str, str, int]] = ()


def summarise(
    connection: Connection,
    wanted: Select[Any],
    *,
    columns: Sequence[str],
    most: int,
    among: int,
    step: tuple[str, int, int] | None = None,
    step_among: int = 0,
) -> EventSummary:
    """Add events up.

    Args:
        wanted: selects from `events` those that are wanted; its columns do not matter.
        columns: those whose values are ranked, `most` of each.
        among: events whose values are ranked, the latest.
        step: the column that is told apart over time, where the first step begins, and seconds of
            each; None: none is. `step_among` are the events that this is told by, and `kept` with
            it: at least `among`.
    """
    names = dict.fromkeys((*columns, "verdict", "weight", "number", "at"))
    if step is not None:
        names[step[0]] = None
    latest = wanted.with_only_columns(*(events.c[name] for name in names))
    most_of_all = among if step is None else max(among, step_among)
    some = latest.order_by(events.c.number.desc()).limit(most_of_all).cte("some")
    ranked = some
    if step is not None:
        # Ranking takes longer than adding up.
        ranked = select(some).order_by(some.c.number.desc()).limit(among).cte("ranked")
    parts = [
        _row(_TOTAL, literal(""), func.count()).select_from(ranked),
        _row(_KEPT, some.c.verdict, func.count(), func.sum(some.c.weight)).group_by(some.c.verdict),
        *(_ranked(ranked, name, most) for name in columns),
    ]
    if step is not None:
        parts.append(_over_time(some, *step))
    rows = connection.execute(union_all(*parts)).all()
    return EventSummary(
        looked_at=next(int(row[2]) for row in rows if row[0] == _TOTAL),
        kept={row[1]: (int(row[2]), int(row[3])) for row in rows if row[0] == _KEPT},
        top={
            name: [
                (row[1], int(row[2]), int(row[3]), float(row[4]))
                for row in rows
                if row[0] == _ranking(name)
            ]
            for name in columns
        },
        steps=[
            (int(row[3]), row[1], row[0].removeprefix(_STEP), int(row[2]))
            for row in rows
            if row[0].startswith(_STEP)
        ],
    )


def _ranking(name: str) -> str:
    return f"top {name}"


def _row(
    kind: str,
    value: ColumnElement[Any],
    count: ColumnElement[Any],
    more: ColumnElement[Any] | None = None,
    at: ColumnElement[Any] | None = None,
) -> Select[Any]:
    nothing = literal_column("0", BigInteger)
    return select(
        literal(kind).label("kind"),
        value.label("value"),
        count.label("count"),
        (nothing if more is None else more).label("more"),
        (literal(0.0) if at is None else at).label("at"),
    )


def _ranked(some: CTE, name: str, most: int) -> Select[Any]:
    column, checks = some.c[name], func.sum(some.c.weight)
    ranked = (
        _row(_ranking(name), column, checks, func.max(some.c.number), func.max(some.c.at))
        .where(some.c.verdict == Verdict.DENY.value, column != "")
        .group_by(column)
        .order_by(checks.desc(), column)
        .limit(most)
        .subquery()
    )
    # By itself: one part of several has no order of its own.
    return select(*ranked.c)


def _over_time(some: CTE, name: str, begin: int, seconds: int) -> Select[Any]:
    since, step = literal_column(str(begin), BigInteger), literal_column(str(seconds), BigInteger)
    # Casts round on PostgreSQL.
    at = cast(func.floor(some.c.at), BigInteger)
    start = (at - (at - since) % step).label("start")
    row = _row("", some.c[name], func.sum(some.c.weight), start)
    kind = (literal(_STEP) + some.c.verdict).label("kind")
    return (
        select(kind, *row.selected_columns[1:])
        .where(some.c.at >= begin)
        .group_by(start, some.c[name], some.c.verdict)
    )
