# SPDX-License-Identifier: Apache-2.0
"""How often rules decided or matched in the last days, for whoever may see events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from authz.services.account_rules import PREFIX
from authz.services.check_counts import rule_counts
from authz.services.permissions import EVERY_ZONE, Level, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.dashboard.rule_scopes import RulesViewer
    from authz.services.check_counts import RuleCounts

#: What is counted: seconds until now, and the name of that span on the page of events.
SECONDS: Final = 7 * 86_400
SPAN: Final = "7d"


def matches_of(here: RulesViewer) -> Mapping[str, RuleCounts] | None:
    """What the rules of a scope did, by ref; None for whoever may not see it."""
    viewer = here.viewer
    since = viewer.at - SECONDS
    if here.scope.zone is not None:
        if not viewer.may(Resource.EVENTS, Level.READ):
            return None
        return rule_counts(viewer.store, viewer.zone_id, since=since)
    if not viewer.may(Resource.EVENTS, Level.READ, EVERY_ZONE):
        return None
    # What a rule of the account did is counted with the zone that the request was for.
    found: dict[str, RuleCounts] = {}
    for zone in viewer.zones:
        for name, counts in rule_counts(viewer.store, zone.id, since=since).items():
            if name.startswith(PREFIX):
                ref = name.removeprefix(PREFIX)
                found[ref] = _together(found.get(ref), counts)
    return found


def events_url(here: RulesViewer, ref: str) -> str:
    """The events of a rule."""
    zone = here.scope.zone
    name = ref if zone is not None else PREFIX + ref
    base = "/events" if zone is None else f"/zones/{zone.id}/events"
    return f"{base}?rule={quote(name, safe='')}&span={SPAN}"


def _together(one: RuleCounts | None, other: RuleCounts) -> RuleCounts:
    if one is None:
        return other
    return replace(
        other,
        checks=one.checks + other.checks,
        ambiguous=one.ambiguous + other.ambiguous,
        last_at=max(one.last_at, other.last_at),
    )
