# SPDX-License-Identifier: Apache-2.0
"""Events added up: what was blocked often, how much of what happened is here, and when it was.

Numbers of events, and not of checks: of those, `check_counts` are exact. What is not counted by the
certificate, the host that was asked for or the path can only be told by events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from authz.errors import InvalidInputError
from authz.policy.decision import Verdict
from authz.services.check_counts import (
    MAX_TOP,
    By,
    DecisionsOverTime,
    Top,
    TopBy,
    ranked_series,
    span_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.services.events import EventFilter
    from authz.store.engine import Store
    from authz.store.event_summary import EventSummary

#: Events that are ranked, the latest: more take longer than anybody waits for a page.
MAX_EVENTS: Final = 20_000
#: Events that are added up over time.
MAX_OVER_TIME: Final = 100_000

_COLUMNS: Final[Mapping[TopBy, str]] = {
    "certificate": "fingerprint_sha256",
    "path": "path",
    "host": "host",
    "rule": "rule",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Events of one verdict: how many, and how many checks those stand for."""

    events: int = 0
    checks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """The time that is wanted in steps, as `decisions_over_time` of check_counts takes it."""

    since: float
    until: float
    step: int
    by: By = "verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Events added up.

    Args:
        looked_at: of how many `top` is told.
        complete: whether those are all; otherwise they are the latest.
        allowed, blocked: how many there are of each, of all that were looked at.
        top: what was blocked often.
        over: the checks that the events stand for, over time; None where that was not asked for.
    """

    looked_at: int
    complete: bool
    allowed: Kept
    blocked: Kept
    top: Mapping[TopBy, tuple[Top, ...]]
    over: DecisionsOverTime | None = None


def summarise_events(
    store: Store, wanted: EventFilter, *, most: int = 5, over: Over | None = None
) -> Summary:
    """Add up events of every verdict, the latest MAX_EVENTS of them.

    Args:
        wanted: which; its verdict counts for `over` alone.
        most: how many of each kind are among the top.
        over: tell them over time, too, the latest MAX_OVER_TIME: an estimate of what
            `decisions_over_time` of check_counts cannot tell apart.

    Raises:
        InvalidInputError: that is too many, no span, or in too many steps.
    """
    if not 1 <= most <= MAX_TOP:
        raise InvalidInputError(f"{most} cannot be told", hint=f"1 to {MAX_TOP} can")
    begin = end = 0
    if over is not None:
        begin, end = span_of(over.since, over.until, over.step)
    with store.read() as session:
        found = session.events.summary(
            columns=tuple(_COLUMNS.values()),
            most=most,
            among=MAX_EVENTS,
            step=None if over is None else (over.by, begin, over.step),
            step_among=MAX_OVER_TIME,
            **replace(wanted, verdict=None).columns(),
        )
    return Summary(
        looked_at=found.looked_at,
        complete=found.looked_at < MAX_EVENTS,
        **_kept(found),
        top={
            by: tuple(
                Top(name=name, blocked=blocked, last_number=number, last_at=at)
                for name, blocked, number, at in found.top[column]
            )
            for by, column in _COLUMNS.items()
        },
        over=None if over is None else _estimate(found, over, begin, end, wanted.verdict),
    )


def _estimate(
    found: EventSummary, over: Over, begin: int, end: int, verdict: str | None
) -> DecisionsOverTime:
    steps = (end - begin) // over.step
    checks: dict[str, list[int]] = {}
    for at, name, told, number in found.steps:
        place = (at - begin) // over.step
        if 0 <= place < steps and verdict in (None, told):
            checks.setdefault(name, [0] * steps)[place] += number
    return DecisionsOverTime(
        since=begin,
        until=end,
        step=over.step,
        counted_since=None,
        hourly=False,
        series=ranked_series(checks),
        is_exact=False,
    )


def _kept(found: EventSummary) -> dict[Literal["allowed", "blocked"], Kept]:
    """Of each verdict."""

    def of(verdict: Verdict) -> Kept:
        events, checks = found.kept.get(verdict.value, (0, 0))
        return Kept(events=events, checks=checks)

    return {"allowed": of(Verdict.ALLOW), "blocked": of(Verdict.DENY)}
