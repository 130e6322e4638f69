# SPDX-License-Identifier: Apache-2.0
"""Permission comes before existence, and both before what a call does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.zones import create_zone

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

NOWHERE = "0" * 32


def _grant(place: str, level: Level = Level.READ, resource: Resource = Resource.ZONES) -> Grant:
    return Grant(resource=resource, level=level, place=place)


@pytest.mark.parametrize("path", [f"/zones/{NOWHERE}", "/zones/x", f"/accounts/{NOWHERE}"])
def test_what_is_not_there(api: Bench, path: str) -> None:
    errors = api.errors(404, "GET", path)

    assert errors[0]["code"] == 7003


def test_who_may_not_read_a_zone_does_not_learn_whether_it_is_there(api: Bench) -> None:
    other = create_zone(api.store, "example.com", actor="t", at=api.now)
    token = api.token_for([_grant(api.zone_id)])

    assert api.result("GET", "/zones/{zone}", token=token)["id"] == api.zone_id
    for zone in (other.id, NOWHERE):
        (error,) = api.errors(403, "GET", f"/zones/{zone}", token=token)
        assert zone in error["message"]


def test_who_may_read_all_zones_may_not_change_one(api: Bench) -> None:
    token = api.token_for([_grant(EVERY_ZONE)])

    assert api.result("GET", "/zones/{zone}", token=token)
    api.errors(403, "PATCH", "/zones/{zone}", token=token, json={"paused": False})


def test_the_account_has_a_permission_of_its_own(api: Bench) -> None:
    reader = api.token_for([_grant(ACCOUNT_WIDE, resource=Resource.ACCOUNT)])

    assert api.result("GET", "/accounts/{account}", token=reader)["id"] == api.account_id
    for account in (api.account_id, NOWHERE):
        api.errors(403, "GET", f"/accounts/{account}", token=api.token_for([_grant(EVERY_ZONE)]))
