# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


def test_a_zone_is_made_listed_and_read(api: Bench) -> None:
    made = api.result("POST", "/zones", json={"name": "example.com"})

    assert made["name"] == "example.com"
    assert made["status"] == "active"
    assert api.result("GET", f"/zones/{made['id']}") == made
    assert [one["name"] for one in api.result("GET", "/zones")] == ["default", "example.com"]
    assert api.result("GET", "/zones?name=example.com") == [made]
    assert api.result("GET", "/zones?page=2") == []


def test_a_zone_that_is_not_there_cannot_be_routed_to(api: Bench) -> None:
    errors = api.errors(404, "GET", f"/zones/{'a' * 32}")

    assert [one["code"] for one in errors] == [7003, 7000]


def test_permission_comes_before_existence(api: Bench) -> None:
    token = api.token_for([Grant(resource=Resource.ZONES, level=Level.READ, place=api.zone_id)])

    assert api.result("GET", "/zones/{zone}", token=token)["id"] == api.zone_id
    errors = api.errors(403, "GET", f"/zones/{'a' * 32}", token=token)
    assert errors[0]["code"] == 10000
    api.errors(403, "POST", "/zones", token=token, json={"name": "example.com"})


def test_a_zone_of_the_same_name_is_refused_without_409(api: Bench) -> None:
    api.result("POST", "/zones", json={"name": "example.com"})

    errors = api.errors(400, "POST", "/zones", json={"name": "example.com"})

    assert "already" in errors[0]["message"]


def test_every_zone_means_those_made_later_too(api: Bench) -> None:
    token = api.token_for([Grant(resource=Resource.ZONES, level=Level.READ, place=EVERY_ZONE)])
    made = api.result("POST", "/zones", json={"name": "example.com"})

    assert api.result("GET", f"/zones/{made['id']}", token=token) == made
