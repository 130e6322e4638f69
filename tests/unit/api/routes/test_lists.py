# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.rulesets import replace_rules
from tests.unit.services.test_lists import from_a_file

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

LISTS = "/accounts/{account}/rules/lists"


def made(api: Bench, name: str = "offices", kind: str = "ip", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.result("POST", LISTS, json={"name": name, "kind": kind, **more})
    return found


def test_a_list_is_made_listed_read_and_removed(api: Bench) -> None:
    one = made(api, description="places")

    assert set(one) == {
        "id",
        "name",
        "description",
        "kind",
        "num_items",
        "num_referencing_filters",
        "created_on",
        "modified_on",
    }
    assert (one["name"], one["kind"], one["description"]) == ("offices", "ip", "places")
    assert (one["num_items"], one["num_referencing_filters"]) == (0, 0)
    assert api.result("GET", f"{LISTS}/{one['id']}") == one
    assert api.result("GET", LISTS) == [one]
    assert api.result("DELETE", f"{LISTS}/{one['id']}") == {"id": one["id"]}
    assert api.result("GET", LISTS) == []
    api.errors(404, "GET", f"{LISTS}/{one['id']}")


@pytest.mark.parametrize("description", [None, ""])
def test_no_description_is_none_and_not_empty(api: Bench, description: str | None) -> None:
    """Terraform would put an empty one beside its own null for ever."""
    assert "description" not in made(api, description=description)


def test_the_description_is_changed(api: Bench) -> None:
    one = made(api, description="a")
    path = f"{LISTS}/{one['id']}"

    assert api.result("PUT", path, json={"description": "b"})["description"] == "b"
    assert api.result("PUT", path, json={})["description"] == "b"
    same = {"name": "offices", "kind": "ip", "description": ""}
    assert "description" not in api.result("PUT", path, json=same)


@pytest.mark.parametrize(("field", "value"), [("name", "other"), ("kind", "asn")])
def test_name_and_kind_are_for_ever(api: Bench, field: str, value: str) -> None:
    one = made(api)

    (error,) = api.errors(400, "PUT", f"{LISTS}/{one['id']}", json={field: value})

    assert error["source"]["pointer"] == f"/{field}"
    assert f"the {field} of a list cannot be changed" in error["message"]


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"name": "Offices"}, "/name", "pattern"),
        ({"name": "a\n"}, "/name", "pattern"),
        ({"name": "x" * 51}, "/name", "50"),
        ({"kind": "redirect"}, "/kind", "bulk redirects, which this service does not do"),
        ({"kind": "colour"}, "/kind", "'ip', 'hostname', 'asn', 'string' or 'integer'"),
        ({"kind": None}, "/kind", "'ip'"),
        ({"kind": ["ip"]}, "/kind", "'ip'"),
        ({"description": "x" * 501}, "/description", "500"),
    ],
)
def test_what_no_list_has_is_refused_with_its_place(
    api: Bench, changes: dict[str, Any], pointer: str, words: str
) -> None:
    new = {"name": "offices", "kind": "ip", **changes}

    (error,) = api.errors(400, "POST", LISTS, json=new)

    assert error["source"]["pointer"] == pointer
    assert words in error["message"]


def test_a_name_is_there_once(api: Bench) -> None:
    made(api)

    (error,) = api.errors(400, "POST", LISTS, json={"name": "offices", "kind": "asn"})

    assert "already" in error["message"]


def test_a_list_that_rules_name_stays_and_says_which(api: Bench) -> None:
    one = made(api)
    rule = {"ref": "from-offices", "expression": "ip.src in $offices", "action": "block"}
    replace_rules(api.store, "default", [rule], actor="t", at=api.now)

    assert api.result("GET", f"{LISTS}/{one['id']}")["num_referencing_filters"] == 1
    (error,) = api.errors(400, "DELETE", f"{LISTS}/{one['id']}")
    assert '"from-offices" of the zone default' in error["message"]


def test_a_list_of_a_policy_file_is_changed_there(api: Bench) -> None:
    path = f"{LISTS}/{from_a_file(api.store)}"

    assert api.result("GET", path)["name"] == "filed"
    for method, more in (("PUT", {"json": {"description": "a"}}), ("DELETE", {})):
        (error,) = api.errors(400, method, path, **more)
        assert "policy file of the zone default" in error["message"]


def test_lists_need_the_permission_for_lists(api: Bench) -> None:
    one = made(api)
    reader = api.token_for([Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)])
    zones = api.token_for([Grant(resource=Resource.RULES, level=Level.WRITE, place=EVERY_ZONE)])
    path = f"{LISTS}/{one['id']}"

    assert api.result("GET", path, token=reader) == one
    api.errors(403, "PUT", path, token=reader, json={"description": "a"})
    api.errors(403, "DELETE", path, token=reader)
    api.errors(403, "POST", LISTS, token=reader, json={"name": "a", "kind": "ip"})
    api.errors(403, "GET", LISTS, token=zones)


@pytest.mark.parametrize("list_id", ["0" * 32, "none", "%00", "a" * 5_000])
def test_a_list_that_is_not_there_is_not_found(api: Bench, list_id: str) -> None:
    for method, more in (("GET", {}), ("PUT", {"json": {"description": "a"}}), ("DELETE", {})):
        answer = api.call(method, f"{LISTS}/{list_id}", **more)
        assert answer.status_code in (400, 404)
        assert answer.json()["success"] is False


def test_another_account_cannot_be_routed_to(api: Bench) -> None:
    api.errors(404, "GET", f"/accounts/{'0' * 32}/rules/lists")
