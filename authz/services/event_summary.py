# SPDX-License-Identifier: Apache-2.0
"""Events added up: what was blocked often, how much of what happened is here, and when it was.

Numbers of events, and not of checks: of those, `check_counts` are exact. What is not counted by the
certificate, the host that was asked for or the path can only be told by events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from authz.errors import InvalidInputError
from authz.policy.decision import Verdict
from authz.services.check_counts import (
    MAX_STEPS,
    MAX_TOP,
    By,
    DecisionsOverTime,
    Top,
    TopBy,
    ranked_series,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.services.events import EventFilter
    from authz.store.engine import Store
    from authz.store.event_summary import EventSummary

#: Events that are looked at, the latest: more take longer than anybody waits for a page.
MAX_EVENTS: Final = 20_000
#: And where they are only counted.
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
class Summary:
    """Events added up.

    Args:
        looked_at: how many.
        complete: whether those are all; otherwise they are the latest.
        allowed, blocked: how many there are of each.
        top: what was blocked often.
    """

    looked_at: int
    complete: bool
    allowed: Kept
    blocked: Kept
    top: Mapping[TopBy, tuple[Top, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The checks that events stand for, over time; `allowed` and `blocked` are all of them."""

    over: DecisionsOverTime
    allowed: Kept
    blocked: Kept


def summarise_events(store: Store, wanted: EventFilter, *, most: int = 5) -> Summary:
    """Add up the latest MAX_EVENTS of these events.

    Args:
        most: how many of each kind are among the top.

    Raises:
        InvalidInputError: that is too many.
    """
    if not 1 <= most <= MAX_TOP:
        raise InvalidInputError(f"{most} cannot be told", hint=f"1 to {MAX_TOP} can")
    with store.read() as session:
        found = session.events.summary(
            columns=tuple(_COLUMNS.values()), most=most, among=MAX_EVENTS, **wanted.columns()
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
    )


def events_over_time(
    store: Store, wanted: EventFilter, *, since: float, until: float, step: int, by: By = "verdict"
) -> Estimate:
    """The checks that events stand for, over time: an estimate, where `decisions_over_time` of
    check_counts cannot tell apart what is wanted.

    Args:
        since, until: Unix seconds; they are widened to whole steps.
        step: seconds.

    Raises:
        InvalidInputError: that is no span, or in too many steps.
    """
    begin, end = math.floor(since / step) * step, math.ceil(until / step) * step
    steps = (end - begin) // step
    if not 0 < steps <= MAX_STEPS:
        raise InvalidInputError(
            f"between the two moments are {max(steps, 0)} steps",
            hint=f"1 to {MAX_STEPS} can be told; ask for longer ones",
        )
    bounded = replace(wanted, since=float(begin), until=float(end))
    with store.read() as session:
        found = session.events.summary(
            columns=(),
            most=1,
            among=MAX_OVER_TIME,
            step=(by, begin, step),
            **bounded.columns(),
        )
    checks: dict[str, list[int]] = {}
    for at, name, number in found.steps:
        checks.setdefault(name, [0] * steps)[(at - begin) // step] += number
    over = DecisionsOverTime(
        since=begin,
        until=end,
        step=step,
        counted_since=None,
        hourly=False,
        series=ranked_series(checks),
        is_exact=False,
    )
    kept = _kept(found)
    return Estimate(over=over, **kept)


def _kept(found: EventSummary) -> dict[Literal["allowed", "blocked"], Kept]:
    """Of each verdict."""

    def of(verdict: Verdict) -> Kept:
        events, checks = found.kept.get(verdict.value, (0, 0))
        return Kept(events=events, checks=checks)

    return {"allowed": of(Verdict.ALLOW), "blocked": of(Verdict.DENY)}
