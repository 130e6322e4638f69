# SPDX-License-Identifier: Apache-2.0
"""`/zones`: create, list, get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from authz.api.calls import Call, Caller, user_call, zone_call
from authz.api.envelope import Envelope, Paged, ok, paged
from authz.api.models.zones import NewZone, ZoneObject
from authz.services.permissions import Level, Resource
from authz.services.representation import zone_object
from authz.services.zones import create_zone, list_zones

if TYPE_CHECKING:
    from authz.store.records import Zone

router = APIRouter(tags=["Zones"])


@router.get("/zones", response_model=Paged[ZoneObject])
def list_them(
    call: Caller,
    name: Annotated[str | None, Query(description="Only the zone of this name.")] = None,
    page: Annotated[int, Query(ge=1)] = 1,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> dict[str, Any]:
    """The zones that the token may read."""
    found = [
        one
        for one in list_zones(call.store)
        if call.principal.may(Resource.ZONES, Level.READ, one.id)
        and (name is None or one.name == name.lower())
    ]
    part = found[(page - 1) * per_page : page * per_page]
    return paged([_object(one) for one in part], page=page, per_page=per_page, total=len(found))


@router.post("/zones", response_model=Envelope[ZoneObject])
def create(
    new: NewZone, call: Annotated[Call, user_call(Resource.ZONES, Level.WRITE)]
) -> dict[str, Any]:
    """Make a zone: the name and everything below it."""
    return ok(_object(create_zone(call.store, new.name, actor=call.actor, at=call.at)))


@router.get("/zones/{zone_id}", response_model=Envelope[ZoneObject])
def get(call: Annotated[Call, zone_call(Resource.ZONES, Level.READ)]) -> dict[str, Any]:
    """One zone."""
    assert call.zone is not None
    return ok(_object(call.zone))


def _object(zone: Zone) -> dict[str, Any]:
    mine = zone_object(zone)
    return mine | {
        "status": "active",
        "type": "full",
        "paused": False,
        "development_mode": 0,
        "account": {"id": zone.account_id},
        "activated_on": mine["created_on"],
    }
