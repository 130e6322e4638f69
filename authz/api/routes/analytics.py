# SPDX-License-Identifier: Apache-2.0
"""`/zones/…/analytics` and `/zones/…/replays`: how checks ended, and what other rules would do to
them. An extension; nothing is written, so reading is enough."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from authz.api.calls import Call, zone_call
from authz.api.envelope import Envelope, ok
from authz.api.models.analytics import (
    CertificateCountsObject,
    CertificateCountsQuery,
    DecisionsObject,
    DecisionsQuery,
    ReplayObject,
    ReplayRequest,
    RuleCountsObject,
    RuleCountsQuery,
    TopObject,
    TopQuery,
)
from authz.api.openapi import EXTENSION
from authz.services.allowed import allowed_to
from authz.services.check_counts import (
    certificate_counts,
    decisions_over_time,
    rule_counts,
    top_blocked,
)
from authz.services.permissions import Level, Resource
from authz.services.replay import replay, replay_object
from authz.services.times import rfc3339, rfc3339_seconds

router = APIRouter(tags=["Events"])

Reading = Annotated[Call, zone_call(Resource.EVENTS, Level.READ)]


@router.get(
    "/zones/{zone_id}/analytics/decisions",
    response_model=Envelope[DecisionsObject],
    openapi_extra=EXTENSION,
)
def decisions(query: Annotated[DecisionsQuery, Query()], call: Reading) -> dict[str, Any]:
    """How many checks of the zone ended how, over time. Every check is counted.

    `host` is the site: the host of an association, or all other hosts of the zone together.
    """
    found = decisions_over_time(
        call.store, call.zone_id, since=query.since, until=query.until, step=query.step, by=query.by
    )
    return ok(
        {
            "since": rfc3339_seconds(found.since),
            "until": rfc3339_seconds(found.until),
            "step": found.step,
            "counted_since": None
            if found.counted_since is None
            else rfc3339_seconds(found.counted_since),
            "hourly": found.hourly,
            "series": [
                {"name": one.name, "total": one.total, "checks": list(one.checks)}
                for one in found.series
            ],
        }
    )


@router.get(
    "/zones/{zone_id}/analytics/blocked",
    response_model=Envelope[list[TopObject]],
    openapi_extra=EXTENSION,
)
def blocked(query: Annotated[TopQuery, Query()], call: Reading) -> dict[str, Any]:
    """What was blocked most often in the zone, among the events that are kept."""
    found = top_blocked(
        call.store,
        call.zone_id,
        by=query.by,
        most=query.per_page,
        since=query.since,
        until=query.until,
    )
    return ok(
        [
            {"name": one.name, "blocked": one.blocked, "last_at": rfc3339(one.last_at)}
            for one in found
        ]
    )


@router.get(
    "/zones/{zone_id}/analytics/rules",
    response_model=Envelope[list[RuleCountsObject]],
    openapi_extra=EXTENSION,
)
def rules(query: Annotated[RuleCountsQuery, Query()], call: Reading) -> dict[str, Any]:
    """What each rule of the zone did; the account's are `account:REF`."""
    found = rule_counts(call.store, call.zone_id, since=query.since or 0.0)
    return ok(
        [
            {
                "ref": ref,
                "action": one.action,
                "checks": one.checks,
                "ambiguous": one.ambiguous,
                "last_at": rfc3339_seconds(one.last_at),
            }
            for ref, one in sorted(found.items())
        ]
    )


@router.get(
    "/zones/{zone_id}/analytics/certificates",
    response_model=Envelope[list[CertificateCountsObject]],
    openapi_extra=EXTENSION,
    dependencies=[zone_call(Resource.CERTIFICATES, Level.READ)],
)
def certificates(
    query: Annotated[CertificateCountsQuery, Query()], call: Reading
) -> dict[str, Any]:
    """In how many checks client certificates of the zone were shown; none that never was."""
    found = certificate_counts(call.store, query.fingerprint, zone_id=call.zone_id)
    return ok(
        [
            {
                "fingerprint_sha256": fingerprint,
                "allowed": one.allowed,
                "blocked": one.blocked,
                "first_at": rfc3339(one.first_at),
                "last_at": rfc3339(one.last_at),
            }
            for fingerprint, one in found.items()
        ]
    )


@router.post(
    "/zones/{zone_id}/replays",
    response_model=Envelope[ReplayObject],
    openapi_extra=EXTENSION,
    dependencies=[zone_call(Resource.RULES, Level.READ)],
)
def replay_rules(wanted: ReplayRequest, call: Reading) -> dict[str, Any]:
    """Try rules on the latest recorded requests of the zone: who would be blocked that is not
    today, and who would not be. Nothing is deployed.

    It tells what the rules in force do: the token must be allowed to read those as well, and lists
    where any of the rules reads one.
    """
    found = replay_object(
        replay(
            call.store,
            call.zone_id,
            wanted.rules,
            judge=call.backend.judge,
            most=wanted.requests,
            since=wanted.since,
            at=call.at,
            allowed=allowed_to(call.principal),
        )
    )
    for name in ("first_at", "last_at"):
        found[name] = None if found[name] is None else rfc3339(found[name])
    return ok(found)
