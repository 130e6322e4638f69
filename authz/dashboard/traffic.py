# SPDX-License-Identifier: Apache-2.0
"""The traffic of a zone on its overview: the last hour, the last day, and what was blocked in it.

    viewer.page("overview.html", traffic=traffic(viewer))    # {% include "overview_traffic.html" %}

Numbers are exact counts, but for what was blocked most, which is told by events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from authz.dashboard.chart import Chart, chart_of, share
from authz.dashboard.event_rows import base_of, names_for
from authz.dashboard.event_tops import TopList, TopRow, top_lists
from authz.dashboard.event_words import reason_word
from authz.dashboard.shown import grouped
from authz.dashboard.spans import exact_fields, preset
from authz.policy.decision import Verdict
from authz.services.check_counts import OTHERS, decisions_over_time
from authz.services.event_summary import MAX_EVENTS, summarise_events
from authz.services.events import EventFilter
from authz.services.permissions import Level, Resource

if TYPE_CHECKING:
    from authz.dashboard.spans import Span
    from authz.dashboard.viewers import Viewer
    from authz.services.check_counts import DecisionsOverTime

_DENY: Final = Verdict.DENY.value
_MOST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Checks of a time: `url` has its events, `blocked_url` those that were blocked."""

    title: str
    allowed: int
    blocked: int
    url: str
    blocked_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What is shown.

    Args:
        numbers: of the last hour and of the last day.
        chart: of the last day; `bar_urls` and `line_urls` are where the events are.
        reasons: why requests were blocked in the last day.
        tops: what was blocked most in it; `top_of` says by what that is told.
        is_new: whether nothing was ever counted.
    """

    numbers: tuple[Numbers, ...]
    chart: Chart
    bar_urls: tuple[str, ...]
    line_urls: dict[str, str]
    reasons: TopList
    tops: tuple[TopList, ...]
    top_of: str
    url: str
    is_new: bool


def traffic(viewer: Viewer) -> Traffic | None:
    """The traffic of the zone of a page; None for whoever may not see its events."""
    if not viewer.may(Resource.EVENTS, Level.READ):
        return None
    store, zone_id = viewer.backend.store(), viewer.zone_id
    base = base_of(viewer)

    def url(**fields: str) -> str:
        return f"{base}?{urlencode(fields)}" if fields else base

    def counted(span: Span) -> DecisionsOverTime:
        return decisions_over_time(store, zone_id, since=span.since, until=span.end, step=span.step)

    hour, day = preset("1h", viewer.at), preset("24h", viewer.at)
    last_hour, last_day = counted(hour), counted(day)
    why = decisions_over_time(
        store,
        zone_id,
        since=day.since,
        until=day.end,
        step=day.step,
        by="reason",
        only={"verdict": _DENY},
    )
    summary = summarise_events(store, EventFilter(zone_id=zone_id, since=day.since), most=_MOST)
    names = names_for(viewer, {one.name for one in summary.top["certificate"]})
    return Traffic(
        numbers=(
            _numbers("Last hour", last_hour, url(span="1h"), url(span="1h", verdict=_DENY)),
            _numbers("Last 24 hours", last_day, url(), url(verdict=_DENY)),
        ),
        chart=chart_of(last_day, by="verdict"),
        bar_urls=tuple(
            url(**exact_fields(at, at + last_day.step))
            for at in range(last_day.since, last_day.until, last_day.step)
        ),
        line_urls={one.name: url(verdict=one.name) for one in last_day.series},
        reasons=TopList(
            by="reason",
            title="Why",
            rows=tuple(
                TopRow(
                    title=reason_word(one.name),
                    name=one.name,
                    blocked=one.total,
                    share=share(one.total, why.series[0].total),
                    url=url(verdict=_DENY, reason=one.name),
                )
                for one in why.series[:_MOST]
                if one.name != OTHERS
            ),
        ),
        tops=tuple(
            one
            for one in top_lists(
                summary.top, names, lambda by, name: url(verdict=_DENY, **{by: name})
            )
            if one.by != "host"
        ),
        top_of="Numbers of events: every blocked request is one, up to a thousand a second."
        if summary.complete
        else f"Certificates, paths and rules: among the latest {grouped(MAX_EVENTS)} events.",
        url=url(),
        is_new=last_day.counted_since is None,
    )


def _numbers(title: str, over: DecisionsOverTime, url: str, blocked_url: str) -> Numbers:
    checks = {one.name: one.total for one in over.series}
    return Numbers(
        title=title,
        allowed=checks.get(Verdict.ALLOW.value, 0),
        blocked=checks.get(_DENY, 0),
        url=url,
        blocked_url=blocked_url,
    )
