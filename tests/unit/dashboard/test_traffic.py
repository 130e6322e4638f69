# SPDX-License-Identifier: Apache-2.0
"""The traffic of a zone on its overview."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from authz.observability.activity import Counted
from authz.services.activity import Tally, keep_activity
from authz.services.permissions import Grant, Level, Resource
from tests.factories.events import blocked

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}"
SITE = "default (other hosts)"


def _text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def _counted(at: float, verdict: str, checks: int, **changes: Any) -> Counted:
    given = {"site": SITE, "reason": "rule", "action": "block", "rule": "protect", **changes}
    return Counted(minute=int(at) // 60 * 60, verdict=verdict, checks=checks, **given)


def test_before_anything_happened(visitor: Visitor) -> None:
    assert "Nothing has been counted yet." in _text(visitor.get(PAGE))


def test_the_last_hour_the_last_day_and_why(visitor: Visitor) -> None:
    now = visitor.bench.now
    counts = (
        _counted(now - 60, "deny", 2),
        _counted(now - 5 * 3600, "deny", 3, reason="unknown_host", rule="", action=""),
        _counted(now - 60, "allow", 1000, reason="default_action", rule="", action="allow"),
        _counted(now - 2 * 86_400, "deny", 500),
    )
    events = [blocked(id=str(n), at=now - 60, site=SITE, path="/admin") for n in range(2)]
    keep_activity(visitor.bench.store, {}, events, tally=Tally(at=now, checks=counts))

    page = visitor.get(PAGE)
    text = _text(page)

    assert "Last hour 2 blocked 1,000 allowed" in text
    assert "Last 24 hours 5 blocked 1,000 allowed" in text
    assert "Why Unknown host 3 blocked Rule 2 blocked" in text
    assert "Paths /admin 2 blocked" in text
    base = visitor.bench.path("/zones/{zone}/events")
    assert f'href="{base}?verdict=deny&amp;reason=unknown_host"' in page
    assert f'href="{base}?verdict=deny&amp;path=%2Fadmin"' in page
    assert f'href="{base}?span=1h&amp;verdict=deny"' in page


def test_who_may_not_see_events_sees_no_traffic(visitor: Visitor) -> None:
    zones = Grant(resource=Resource.ZONES, level=Level.READ, place=visitor.bench.zone_id)

    page = visitor.with_grants([zones]).get(PAGE)

    assert "Traffic" not in page
