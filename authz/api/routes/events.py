# SPDX-License-Identifier: Apache-2.0
"""`/zones/…/events` and `/accounts/…/events`: checks that are worth telling. An extension."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from authz.api.calls import Call, account_call, zone_call
from authz.api.envelope import Continued, Envelope, continued, ok
from authz.api.models.events import EventObject, EventQuery, Explanation, RecordedObject
from authz.api.openapi import EXTENSION
from authz.services.allowed import allowed_to
from authz.services.events import (
    EventFilter,
    event_object,
    get_event,
    list_events,
    recorded_request,
)
from authz.services.explaining import explain_event
from authz.services.permissions import Level, Resource
from authz.services.recorded_requests import request_object

router = APIRouter(tags=["Events"])

Id = Annotated[str, Path(description="The decision id, as answers and access logs have it.")]


@router.get(
    "/zones/{zone_id}/events",
    response_model=Continued[EventObject],
    response_model_exclude_unset=True,
    openapi_extra=EXTENSION,
)
def list_for_zone(
    query: Annotated[EventQuery, Query()],
    call: Annotated[Call, zone_call(Resource.EVENTS, Level.READ)],
) -> dict[str, Any]:
    """Events of a zone's sites, the latest first."""
    return _page(call, query, call.zone_id)


@router.get(
    "/accounts/{account_id}/events",
    response_model=Continued[EventObject],
    response_model_exclude_unset=True,
    openapi_extra=EXTENSION,
)
def list_for_account(
    query: Annotated[EventQuery, Query()],
    call: Annotated[Call, account_call(Resource.EVENTS, Level.READ)],
) -> dict[str, Any]:
    """Every event, the latest first."""
    return _page(call, query, None)


@router.get(
    "/zones/{zone_id}/events/{event_id}",
    response_model=Envelope[EventObject],
    openapi_extra=EXTENSION,
)
def get_of_zone(
    event_id: Id, call: Annotated[Call, zone_call(Resource.EVENTS, Level.READ)]
) -> dict[str, Any]:
    """The event of a decision of this zone."""
    return ok(event_object(get_event(call.store, event_id, zone_id=call.zone_id)))


@router.get(
    "/accounts/{account_id}/events/{event_id}",
    response_model=Envelope[EventObject],
    openapi_extra=EXTENSION,
)
def get_of_account(
    event_id: Id, call: Annotated[Call, account_call(Resource.EVENTS, Level.READ)]
) -> dict[str, Any]:
    """The event of a decision."""
    return ok(event_object(get_event(call.store, event_id)))


@router.get(
    "/zones/{zone_id}/events/{event_id}/request",
    response_model=Envelope[RecordedObject],
    openapi_extra=EXTENSION,
)
def request_of(
    event_id: Id, call: Annotated[Call, zone_call(Resource.EVENTS, Level.READ)]
) -> dict[str, Any]:
    """The request of an event, without what is not kept: values of headers and of the query as the
    settings say, never a body."""
    event = get_event(call.store, event_id, zone_id=call.zone_id)
    unrecorded = event_object(event)["unrecorded"]
    return ok(request_object(recorded_request(call.store, event), unrecorded))


@router.get(
    "/zones/{zone_id}/events/{event_id}/explanation",
    response_model=Envelope[Explanation],
    openapi_extra=EXTENSION,
    dependencies=[zone_call(Resource.RULES, Level.READ)],
)
def explanation_of(
    event_id: Id, call: Annotated[Call, zone_call(Resource.EVENTS, Level.READ)]
) -> dict[str, Any]:
    """Why the check of an event ended as it did, and how it would end by the rules in force.

    It tells the rules: the token must be allowed to read those as well. What rules of the account
    ask is for those who may read those, and what is in lists for those who may read lists.
    """
    event = get_event(call.store, event_id, zone_id=call.zone_id)
    return ok(
        explain_event(
            call.store,
            event,
            judge=call.backend.judge,
            at=call.at,
            allowed=allowed_to(call.principal),
        )
    )


def _page(call: Call, query: EventQuery, zone_id: str | None) -> dict[str, Any]:
    found = list_events(
        call.store,
        EventFilter(
            zone_id=zone_id,
            site=query.site,
            verdict=query.verdict,
            reason=query.reason,
            rule=query.rule,
            action=query.action,
            path=query.path,
            host=query.host,
            fingerprint_sha256=query.fingerprint,
            since=query.since,
            until=query.until,
        ),
        most=query.per_page,
        before=query.cursor,
        after=query.after,
    )
    return continued(
        [event_object(one) for one in found.events],
        per_page=query.per_page,
        cursor=None if found.cursor is None else str(found.cursor),
    )
