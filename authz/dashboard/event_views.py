# SPDX-License-Identifier: Apache-2.0
"""What the page of events shows: some events, a chart, what was blocked most, and what it is worth.

Counts are exact. Events are all that was blocked and a sample of what was allowed; what is told by
them is said to be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authz.dashboard.chart import chart_of
from authz.dashboard.event_query import GROUPS, NO_ACTION, without_filters
from authz.dashboard.event_rows import names_for, row_of
from authz.dashboard.event_tops import top_lists
from authz.dashboard.event_words import ACTIONS, REASONS, VERDICTS
from authz.dashboard.shown import counted, grouped
from authz.dashboard.spans import EXACT, PRESETS, exact_fields, field_text
from authz.policy.decision import Verdict
from authz.services.check_counts import decisions_over_time
from authz.services.event_names import rules_by_ref
from authz.services.event_summary import Over, summarise_events
from authz.services.events import EventPage, last_number, list_events

if TYPE_CHECKING:
    from authz.dashboard.event_query import EventQuery
    from authz.dashboard.options import Sampling
    from authz.dashboard.viewers import Viewer
    from authz.services.check_counts import By, CountedBy, DecisionsOverTime, TopBy
    from authz.services.event_summary import Summary

#: Events of a page.
PER_PAGE: Final = 40
#: Events that a script is given at once; of more, the latest.
AT_ONCE: Final = 100

_TOP: Final = 5
_ALLOW: Final = Verdict.ALLOW.value
_DENY: Final = Verdict.DENY.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Checks of the time, by what became of them; `is_exact` unless they are told by events."""

    allowed: int
    blocked: int
    is_exact: bool


def events_page(viewer: Viewer, query: EventQuery) -> dict[str, Any]:
    """The values of the template `events/list.html`."""
    zone_id = None if viewer.zone is None else viewer.zone.id
    store = viewer.backend.store()
    # Before they are read: what comes in between is told to the script that asks for more.
    newest = last_number(store)
    page, query = _page(viewer, query, zone_id)
    only = _only(viewer, query)
    span = query.span
    over = Over(since=span.since, until=span.end, step=span.step, by=query.by)
    summary = summarise_events(
        store, query.filter(zone_id), most=_TOP, over=over if only is None else None
    )
    seen = {one.fingerprint_sha256 for one in page.events}
    seen |= {one.name for one in summary.top["certificate"]}
    names = names_for(viewer, seen)
    chart, totals = _chart(viewer, query, zone_id, only, summary)
    return {
        "query": query,
        "base": names.base,
        "rows": [row_of(one, names) for one in page.events],
        "newer": _newer(query, page),
        "older": _older(query, page),
        "newest": newest,
        "is_first_page": query.before is None and query.after is None,
        "by": GROUPS[query.by],
        "chart": chart_of(chart, by=query.by, titles=names.rule),
        "bar_urls": [
            query.at_span(exact_fields(at, at + chart.step))
            for at in range(chart.since, chart.until, chart.step)
        ],
        "line_urls": _line_urls(query, chart),
        "totals": totals,
        # Nothing to draw ever was, and nothing to be blocked most.
        "is_new": chart.counted_since is None
        and not (totals.allowed or totals.blocked or page.events or query.is_filtered),
        "remarks": _remarks(chart, totals),
        "sample": _sample(viewer.site.options.sampling, summary, totals, chart),
        "tops": top_lists(summary.top, names, lambda by, name: query.url(**_field(by, name))),
        "top_of": ""
        if summary.complete
        else f"Among the latest {grouped(summary.looked_at)} events of this time.",
        "presets": [
            (label, query.at_span({"span": name}), query.span.name == name)
            for name, (label, *_) in PRESETS.items()
        ],
        "groups": [
            (label, query.url(by=None if by == "verdict" else by), query.by == by)
            for by, label in GROUPS.items()
        ],
        "results": [
            (label, query.url(verdict=value), query.filters["verdict"] == value)
            for value, label in (("", "All"), *VERDICTS.items())
        ],
        "actions": ACTIONS,
        "reasons": {reason: words[0] for reason, words in REASONS.items()},
        "rules": names.rules,
        "exact": _exact(query),
        "no_filters": without_filters(query).url(),
    }


def tail(viewer: Viewer, query: EventQuery, after: int) -> dict[str, Any]:
    """Events that came after the one of this number, for the script that adds them.

    Returns:
        `events` as rows, the latest first; `after` for the next time; `skipped`: whether more came
        than are told.
    """
    zone_id = None if viewer.zone is None else viewer.zone.id
    store, wanted = viewer.backend.store(), query.filter(zone_id, timed=False)
    page = list_events(store, wanted, most=AT_ONCE, after=after)
    skipped = page.cursor is not None
    if skipped:
        page = list_events(store, wanted, most=AT_ONCE)
    names = names_for(viewer, {one.fingerprint_sha256 for one in page.events})
    return {
        "events": [row_of(one, names) for one in page.events],
        "after": page.events[0].number if page.events else after,
        "skipped": skipped,
    }


def _page(viewer: Viewer, query: EventQuery, zone_id: str | None) -> tuple[EventPage, EventQuery]:
    store, wanted = viewer.backend.store(), query.filter(zone_id)
    page = list_events(store, wanted, most=PER_PAGE, before=query.before, after=query.after)
    if query.after is not None and page.cursor is None:
        # These are the latest: the first page, which is a whole one.
        query = replace(query, after=None)
        page = list_events(store, wanted, most=PER_PAGE)
    return page, query


def _newer(query: EventQuery, page: EventPage) -> str:
    if query.before is None and query.after is None:
        return ""
    return query.url(after=page.events[0].number) if page.events else query.url()


def _older(query: EventQuery, page: EventPage) -> str:
    # Whoever came from there knows that there are some.
    is_more = page.cursor is not None or query.after is not None
    return query.url(before=page.events[-1].number) if is_more and page.events else ""


def _only(viewer: Viewer, query: EventQuery) -> dict[CountedBy, str] | None:
    """What exact counts are asked for; None where events have to tell."""
    ref = query.filters["rule"]
    if ref and viewer.zone is not None:
        rule = rules_by_ref(viewer.backend.store(), viewer.zone_id, account=True).get(ref)
        if rule is not None and rule.logs:
            # It decides nothing, so that it is in no count of decisions.
            return None
    return query.counted


def _chart(
    viewer: Viewer,
    query: EventQuery,
    zone_id: str | None,
    only: dict[CountedBy, str] | None,
    summary: Summary,
) -> tuple[DecisionsOverTime, Totals]:
    """What the chart shows, and all of it."""
    if only is None:
        assert summary.over is not None, "it was asked for"
        verdict = query.filters["verdict"]
        totals = Totals(
            allowed=summary.allowed.checks if verdict in ("", _ALLOW) else 0,
            blocked=summary.blocked.checks if verdict in ("", _DENY) else 0,
            is_exact=False,
        )
        return summary.over, totals
    span = query.span

    def counted_by(by: By) -> DecisionsOverTime:
        return decisions_over_time(
            viewer.backend.store(),
            zone_id,
            since=span.since,
            until=span.end,
            step=span.step,
            by=by,
            only=only,
        )

    chart = counted_by(query.by)
    by_verdict = chart if query.by == "verdict" else counted_by("verdict")
    checks = {one.name: one.total for one in by_verdict.series}
    totals = Totals(allowed=checks.get(_ALLOW, 0), blocked=checks.get(_DENY, 0), is_exact=True)
    return chart, totals


def _remarks(over: DecisionsOverTime, totals: Totals) -> list[str]:
    """What has to be known about the numbers of the chart."""
    found: list[str] = []
    if not totals.is_exact:
        found.append(
            "These numbers are estimated from the events that are kept: requests are not counted "
            "by host, path, certificate or logging rule."
        )
    elif over.counted_since is None:
        found.append("Nothing has been counted yet.")
    elif over.counted_since > over.since:
        found.append(f"Counted since {field_text(over.counted_since).replace('T', ' ')} UTC.")
    if over.hourly:
        found.append(
            "Some of this is more than a day ago and known by the hour: it is at the beginning of "
            "its hour."
        )
    return found


def _sample(
    sampling: Sampling, summary: Summary, totals: Totals, over: DecisionsOverTime
) -> list[str]:
    """Of what the events are all, and of what a sample, as sentences."""
    found: list[str] = []
    told = summary.blocked.events
    comparable = totals.is_exact and summary.complete and not over.hourly
    if comparable and totals.blocked > told:
        missing = counted(totals.blocked - told, "blocked request")
        has = "has" if totals.blocked - told == 1 else "have"
        found.append(
            f"{missing} of this time {has} no event here: too many came at once to keep each one, "
            "or it is too long ago."
        )
    else:
        found.append("Every blocked request is an event, up to a thousand a second.")
    found.append(_sampling(sampling))
    if comparable and totals.allowed:
        found.append(
            f"Here are {grouped(summary.allowed.events)} of {grouped(totals.allowed)} allowed ones."
        )
    return found


def _sampling(sampling: Sampling) -> str:
    if sampling.every == 1:
        return "Every allowed request is one, too."
    if sampling.every:
        return f"Allowed requests are sampled, 1 in {grouped(sampling.every)}."
    if sampling.seconds:
        return (
            "Allowed requests are sampled: of each client, and what was decided about it, one in "
            f"{counted(sampling.seconds, 'second')}."
        )
    return "Allowed requests are no events, but for those that a rule logs."


def _field(by: TopBy, name: str) -> dict[str, str]:
    """The filter that a value of a list is."""
    return {by: name, "verdict": _DENY}


def _line_urls(query: EventQuery, over: DecisionsOverTime) -> dict[str, str]:
    """Where the events of each series of the chart are, by its name."""
    field = "site" if query.by == "host" and over.is_exact else query.by
    nothing = {"action": NO_ACTION}
    values = {one.name: one.name or nothing.get(field, "") for one in over.series}
    return {name: query.url(**{field: value}) for name, value in values.items() if value}


def _exact(query: EventQuery) -> dict[str, str]:
    """The fields of the exact time, as they are shown."""
    span = query.span
    return {
        "name": EXACT,
        "since": field_text(span.since),
        "until": field_text(span.end if span.until is None else span.until),
    }
