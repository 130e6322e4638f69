# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.authority_lifecycle import delete_authority
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource

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


def test_zones_are_filtered_and_ordered_as_the_sdk_asks(api: Bench) -> None:
    for name in ("shop.example.com", "example.org", "example.com"):
        api.now += 1
        api.result("POST", "/zones", json={"name": name})

    for query, names in {
        "": "default shop.example.com example.org example.com",
        "direction=desc": "example.com example.org shop.example.com default",
        "order=name": "default example.com example.org shop.example.com",
        "order=name&direction=desc": "shop.example.com example.org example.com default",
        "order=status": "default shop.example.com example.org example.com",
        "per_page=2": "default shop.example.com",
        "per_page=3&page=2": "example.com",
        "name=EXAMPLE.com": "example.com",
        "name=contains:example.c": "shop.example.com example.com",
        "name=starts_with:Shop": "shop.example.com",
        "name=starts_with_case_sensitive:Shop": "",
        "name=ends_with:.org": "example.org",
        "name=not_equal:default": "shop.example.com example.org example.com",
        "name=equal:default": "default",
        "name=like:default": "",
        "status=active": "default shop.example.com example.org example.com",
        "status=pending": "",
        f"account.id={api.account_id}&name=default": "default",
        "account.id=0&name=default": "",
        "account.id=0&name=default&match=any": "default",
        "account.name=default": "default shop.example.com example.org example.com",
        "account.name=contains:x": "",
    }.items():
        found = [one["name"] for one in api.result("GET", f"/zones?{query}")]
        assert found == names.split(), query
    for wrong in ("page=0", "per_page=1001", "order=age", "status=new", "match=some", "page=x"):
        api.errors(400, "GET", f"/zones?{wrong}")


def test_a_zone_goes_to_the_account_and_is_full(api: Bench) -> None:
    body = {"name": "example.com", "account": {"id": api.account_id}, "type": "full"}
    made = api.result("POST", "/zones", json=body)
    assert made["account"] == {"id": api.account_id, "name": "default"}

    for change, pointer in (
        ({"account": {"id": "0" * 32}}, "/account/id"),
        ({"type": "partial"}, "/type"),
        ({"name": "*.example.com"}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "example.com"}, "/name"),
    ):
        (error,) = api.errors(400, "POST", "/zones", json=body | {"name": "b.example"} | change)
        assert error["source"] == {"pointer": pointer}


def test_names_that_are_protected_take_force(api: Bench) -> None:
    api.result("PATCH", "/zones/{zone}", json={"default_action": "block"})
    body = {"name": "example.com"}

    (error,) = api.errors(400, "POST", "/zones", json=body)

    assert "force" in error["message"]
    assert api.result("POST", "/zones", json=body | {"force": True})["default_action"] == "allow"


def test_what_is_lost_is_told_and_takes_write_on_the_rules(api: Bench) -> None:
    rule = {"ref": "admin", "expression": 'http.host eq "a.example.com"', "action": "block"}
    api.result(
        "PUT",
        "/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint",
        json={"rules": [rule]},
    )
    maker = api.token_for(
        [
            Grant(resource=Resource.ZONES, level=Level.WRITE, place=place)
            for place in (EVERY_ZONE, ACCOUNT_WIDE)
        ]
    )
    body = {"name": "a.example.com"}

    (error,) = api.errors(400, "POST", "/zones", json=body)
    assert "block requests: admin" in error["message"]
    assert '"force": true' in error["message"]
    (error,) = api.errors(403, "POST", "/zones", json=body | {"force": True}, token=maker)
    assert "admin" not in error["message"]

    made = api.call("POST", "/zones", json=body | {"force": True}).json()
    (told,) = made["messages"]
    assert told == {
        "code": 1004,
        "message": "no more for a.example.com and what is below it: "
        "rules of the zone default block requests: admin",
    }
    with api.store.read() as session:
        after = session.audit.latest(most=1)[0].after
    assert after is not None
    assert after["no_longer_protected_by"] == ["rules of the zone default block requests: admin"]
    assert api.call("POST", "/zones", json={"name": "b.a.example.com"}).json()["messages"] == []


def test_settings_of_a_zone_are_changed(api: Bench) -> None:
    change = {
        "default_action": "block",
        "paths": "refuse",
        "misdirected": "ignore",
        "upstream_headers": ["client-cert"],
    }
    changed = api.result("PATCH", "/zones/{zone}", json=change)

    assert changed | change == changed
    with api.store.read() as session:
        entry = session.audit.latest(most=1)[0]
    assert (entry.action, entry.zone_id) == ("zone.change", api.zone_id)
    assert entry.actor.startswith("token test (")
    # What every zone is may be said, and what is left out stays.
    same = {"paused": False, "type": "full", "default_action": None}
    assert api.result("PATCH", "/zones/{zone}", json=same) == changed
    assert api.result("PATCH", "/zones/{zone}", json={}) == changed


def test_what_a_zone_does_not_have_is_refused_by_name(api: Bench) -> None:
    body = {"paused": True, "plan": {"id": "x"}, "a/b": 1, "default_action": "block"}
    errors = api.errors(400, "PATCH", "/zones/{zone}", json=body)

    pointers = [one["source"]["pointer"] for one in errors]
    assert pointers == ["/paused", "/plan", "/a~1b"]
    assert "there are no plans" in errors[1]["message"]
    assert api.result("GET", "/zones/{zone}")["default_action"] == "allow"
    api.errors(400, "PATCH", "/zones/{zone}", json={"default_action": "maybe"})
    api.errors(400, "PATCH", "/zones/{zone}", json={"upstream_headers": ["x"]})


def test_its_name_is_changed_by_the_command_alone(api: Bench) -> None:
    (error,) = api.errors(400, "PATCH", "/zones/{zone}", json={"name": "example.org"})

    assert error["source"]["pointer"] == "/name"
    assert "authz zone rename" in error["message"]


def test_a_zone_is_removed_when_it_is_empty(api: Bench) -> None:
    made = api.result("POST", "/zones", json={"name": "example.com"})
    path = f"/zones/{made['id']}"
    api.world.ca("Acme", zone="example.com")
    (error,) = api.errors(400, "DELETE", path)
    assert error["message"].startswith("the zone example.com is not empty: 1 CA (Acme)")
    delete_authority(api.store, "Acme", actor="test", at=api.now)

    assert api.result("DELETE", path) == {"id": made["id"]}

    api.errors(404, "GET", path)
    with api.store.read() as session:
        entry = session.audit.latest(most=1)[0]
    assert (entry.action, entry.object_id) == ("zone.remove", made["id"])
    (error,) = api.errors(400, "DELETE", "/zones/{zone}")
    assert "the zone default has every host" in error["message"]
    reader = api.token_for([Grant(resource=Resource.ZONES, level=Level.READ, place=api.zone_id)])
    api.errors(403, "DELETE", "/zones/{zone}", token=reader)


def test_whoever_removes_a_zone_is_not_told_what_they_may_not_read(api: Bench) -> None:
    made = api.result("POST", "/zones", json={"name": "example.com"})
    api.world.ca("Acme", zone="example.com")
    remover = api.token_for([Grant(resource=Resource.ZONES, level=Level.WRITE, place=made["id"])])

    (error,) = api.errors(400, "DELETE", f"/zones/{made['id']}", token=remover)

    # "1 token" is the one that asks, which is bound to the zone.
    found, hint = error["message"].split(" (", 1)
    assert found == "the zone example.com is not empty: 1 CA; 1 token"
    assert hint.startswith("remove them first")
