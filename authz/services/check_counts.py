# SPDX-License-Identifier: Apache-2.0
"""Reading how many checks there were, what became of them, and whose were blocked.

Counts are exact: every check is in them (observability.check_counts). What clients choose, hosts
they ask for and paths, is not counted but told with events; `top_blocked` goes through those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from authz.errors import InvalidInputError
from authz.observability.activity import LOGGED
from authz.policy.decision import Reason, Verdict
from authz.services.events import hex_of
from authz.store.check_counts import HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authz.store.engine import Store

By = Literal["action", "rule", "host", "reason", "verdict"]
CountedBy = Literal["action", "rule", "site", "reason", "verdict"]
TopBy = Literal["certificate", "path", "host", "rule"]

#: Steps of one series, and different values that it tells apart; the rest is added up.
MAX_STEPS: Final = 1_500
MAX_SERIES: Final = 50
#: How many of the top may be asked for.
MAX_TOP: Final = 100

#: What a series of all other values is called; no rule, host or reason is.
OTHERS: Final = "*"

_COLUMNS: Final[Mapping[str, str]] = {"host": "site"}
_EVENT_COLUMNS: Final[Mapping[str, str]] = {"certificate": "fingerprint_sha256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Checks over time that have something in common.

    Args:
        name: what that is: a verdict, a reason, a rule's ref (`""`: no rule decided), the name of
            a site, or OTHERS.
        total: all of them.
        checks: of each step.
    """

    name: str
    total: int
    checks: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionsOverTime:
    """How checks ended over time.

    Args:
        since: when the first step begins, Unix seconds; `until` when the last one ends.
        step: seconds.
        counted_since: since when there are counts at all; None before the first.
        hourly: whether some of what is here is known by the hour alone.
        series: that with the most checks first.
        is_exact: whether every check is in it; otherwise it is estimated by events.
    """

    since: int
    until: int
    step: int
    counted_since: int | None
    hourly: bool
    series: tuple[Series, ...]
    is_exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """What was blocked often.

    Args:
        name: a fingerprint (SHA-256, hexadecimal), a path, a host or a rule's ref.
        blocked: how many checks, as far as there are events of them.
        last_at: when that was the last time, Unix seconds.
        last_number: the number of that event.
    """

    name: str
    blocked: int
    last_at: float
    last_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCounts:
    """How many checks a certificate was shown in, between the two moments (Unix seconds)."""

    allowed: int
    blocked: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCounts:
    """What a rule did: checks that it decided, or that it matched, of a `log` rule.

    Args:
        ambiguous: checks that were blocked because in another reading of the path the rule would
            have (`ambiguous_path`).
        last_at: the beginning of the last minute, or hour, with one; Unix seconds.
    """

    action: str
    checks: int
    ambiguous: int
    last_at: int


def decisions_over_time(
    store: Store,
    zone_id: str | None,
    *,
    since: float,
    until: float,
    step: int = MINUTE,
    by: By = "verdict",
    only: Mapping[CountedBy, str] | None = None,
) -> DecisionsOverTime:
    """How many checks of a zone ended how, `step` seconds after `step` seconds.

    Checks older than a day are known by the hour: in finer steps, they are all in the one that the
    hour begins in. Matches of `log` rules are no decisions, and in none of these.

    Args:
        zone_id: None for every zone, and for sites that are no zone's.
        since, until: Unix seconds; they are widened to whole steps.
        step: a multiple of 60.
        by: `host` is the site: the host of an association, or all others of a zone together.
        only: what they must have in common.

    Raises:
        InvalidInputError: that is no span, or in too many steps.
    """
    if step < MINUTE or step % MINUTE:
        raise InvalidInputError(
            f"{step} is no step", hint="a multiple of 60: checks are counted by the minute"
        )
    begin, end = span_of(since, until, step)
    steps = (end - begin) // step
    with store.read() as session:
        first = session.check_counts.first(zone_id)
        hourly = step < HOUR and session.check_counts.has_hours(begin, end, zone_id)
        rows = session.check_counts.summed(
            _COLUMNS.get(by, by),
            since=begin,
            until=end,
            step=step,
            zone_id=zone_id,
            only={str(name): value for name, value in (only or {}).items()},
        )
    found: dict[str, list[int]] = {}
    for at, name, checks in rows:
        found.setdefault(name, [0] * steps)[(at - begin) // step] += checks
    return DecisionsOverTime(
        since=begin,
        until=end,
        step=step,
        counted_since=first,
        hourly=hourly,
        series=ranked_series(found),
    )


def top_blocked(
    store: Store,
    zone_id: str | None,
    *,
    by: TopBy,
    most: int = 10,
    since: float | None = None,
    until: float | None = None,
) -> tuple[Top, ...]:
    """What was blocked most often, among the events that are kept: the latest.

    Every block is an event, up to a thousand a second; one that finds no room is counted with the
    next of its kind that does.

    Raises:
        InvalidInputError: `most` is too large.
    """
    if not 1 <= most <= MAX_TOP:
        raise InvalidInputError(f"{most} cannot be told", hint=f"1 to {MAX_TOP} can")
    with store.read() as session:
        found = session.events.top(
            _EVENT_COLUMNS.get(by, by),
            most=most,
            since=since,
            until=until,
            zone_id=zone_id,
            verdict=Verdict.DENY.value,
        )
    return tuple(
        Top(name=name, blocked=blocked, last_number=number, last_at=at)
        for name, blocked, number, at in found
    )


def certificate_counts(
    store: Store, fingerprints: Collection[str], *, zone_id: str | None = None
) -> dict[str, CertificateCounts]:
    """How many checks each certificate was allowed and blocked in, by fingerprint as asked for.

    None is in it that was never seen. They are counted for every zone together, within some ten
    seconds of the check.

    Args:
        fingerprints: SHA-256, hexadecimal, in any case, with or without colons.
        zone_id: only those of client certificates of this zone; None: of any, also of CAs that
            are managed elsewhere.
    """
    asked = {one: hex_of(one) for one in fingerprints}
    with store.read() as session:
        wanted = set(asked.values())
        if zone_id is not None:
            wanted = session.certificate_checks.known(wanted, zone_id)
        found = session.certificate_checks.get(wanted)
    return {
        one: CertificateCounts(
            allowed=found[text].allowed,
            blocked=found[text].blocked,
            first_at=found[text].first_at,
            last_at=found[text].last_at,
        )
        for one, text in asked.items()
        if text in found
    }


def rule_counts(store: Store, zone_id: str, *, since: float = 0.0) -> dict[str, RuleCounts]:
    """What each rule of a zone did since Unix time `since`, by its ref.

    Also the account's, `account:REF`, as far as requests of this zone are concerned; and rules
    that are gone. A rule that did nothing is not in it.
    """
    with store.read() as session:
        rows = session.check_counts.of_rules(zone_id, int(since))
    found: dict[str, RuleCounts] = {}
    for rule, action, reason, checks, at in sorted(rows, key=lambda row: row[4]):
        known = found.get(rule) or RuleCounts(action=action, checks=0, ambiguous=0, last_at=at)
        counts = reason in (Reason.RULE.value, LOGGED)
        found[rule] = RuleCounts(
            # A rule whose action was changed has what it does now.
            action=action or known.action,
            checks=known.checks + (checks if counts else 0),
            ambiguous=known.ambiguous + (0 if counts else checks),
            last_at=max(known.last_at, at),
        )
    return found


def span_of(since: float, until: float, step: int) -> tuple[int, int]:
    """Where the first step of `step` seconds begins and the last one ends, Unix seconds.

    Raises:
        InvalidInputError: that is no span, or in too many steps.
    """
    begin = math.floor(since / step) * step
    end = math.ceil(until / step) * step
    steps = (end - begin) // step
    if not 0 < steps <= MAX_STEPS:
        raise InvalidInputError(
            f"between the two moments are {max(steps, 0)} steps",
            hint=f"1 to {MAX_STEPS} can be told; ask for longer ones",
        )
    return begin, end


def ranked_series(found: Mapping[str, list[int]]) -> tuple[Series, ...]:
    """Series by their names, that with the most checks first; those beyond MAX_SERIES as one."""
    ranked = sorted(found.items(), key=lambda item: (-sum(item[1]), item[0]))
    shown, rest = ranked[:MAX_SERIES], ranked[MAX_SERIES:]
    if rest:
        shown.append((OTHERS, [sum(some) for some in zip(*(one for _, one in rest), strict=True)]))
    return tuple(
        Series(name=name, total=sum(checks), checks=tuple(checks)) for name, checks in shown
    )
