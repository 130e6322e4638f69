# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.api import large_bodies as bodies
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource
from tests.unit.api.routes.test_lists import LISTS, made
from tests.unit.services.test_lists import from_a_file

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


def _items(api: Bench, list_id: str, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.result("GET", f"{LISTS}/{list_id}/items", params=parameters)
    return found


def _wrong(api: Bench, kind: str, *items: Any) -> list[dict[str, Any]]:
    one = made(api, kind=kind)
    return api.errors(400, "POST", f"{LISTS}/{one['id']}/items", json=list(items))


def test_items_are_added_read_replaced_and_removed(api: Bench) -> None:
    path = f"{LISTS}/{made(api)['id']}"
    given = [{"ip": "192.0.2.1", "comment": "door"}, {"ip": "2001:DB8::/32"}]

    done = api.result("POST", f"{path}/items", json=given)

    assert set(done) == {"operation_id"}
    first, second = api.result("GET", f"{path}/items")
    assert set(first) == {"id", "ip", "comment", "created_on", "modified_on"}
    # Nothing of other kinds, and no comment where there is none: Terraform compares.
    assert set(second) == {"id", "ip", "created_on", "modified_on"}
    assert (first["ip"], first["comment"], second["ip"]) == ("192.0.2.1", "door", "2001:db8::/32")
    assert api.result("GET", f"{path}/items/{first['id']}") == first
    assert api.result("GET", path)["num_items"] == 2

    api.result("POST", f"{path}/items", json=[{"ip": "192.0.2.1/32", "comment": "gate"}])
    changed, _ = api.result("GET", f"{path}/items")
    assert (changed["id"], changed["comment"]) == (first["id"], "gate")

    api.result("DELETE", f"{path}/items", json={"items": [{"id": first["id"]}]})
    assert api.result("GET", f"{path}/items") == [second]
    api.errors(404, "GET", f"{path}/items/{first['id']}")

    api.result("PUT", f"{path}/items", json=[{"ip": "10.0.0.1"}])
    assert [one["ip"] for one in api.result("GET", f"{path}/items")] == ["10.0.0.1"]
    api.result("PUT", f"{path}/items", json=[])
    assert api.result("GET", f"{path}/items") == []


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("hostname", {"url_hostname": "A.Example"}, {"url_hostname": "a.example"}),
        (
            "hostname",
            {"url_hostname": "*.a.example"},
            {"url_hostname": "*.a.example", "exclude_exact_hostname": True},
        ),
        (
            "hostname",
            {"url_hostname": "*.a.example", "exclude_exact_hostname": True},
            {"url_hostname": "*.a.example", "exclude_exact_hostname": True},
        ),
        (
            "hostname",
            {"url_hostname": "*.a.example", "exclude_exact_hostname": False},
            {"url_hostname": "*.a.example", "exclude_exact_hostname": False},
        ),
        ("asn", 64496, 64496),
        ("string", "As it is", "As it is"),
        ("integer", -5, -5),
    ],
)
def test_items_of_every_kind(api: Bench, kind: str, value: Any, shown: Any) -> None:
    one = made(api, kind=kind)

    api.result("POST", f"{LISTS}/{one['id']}/items", json=[{kind: value, "comment": None}])

    (item,) = _items(api, one["id"])
    assert set(item) == {"id", kind, "created_on", "modified_on"}
    assert item[kind] == shown


def test_an_operation_is_completed(api: Bench) -> None:
    path = f"{LISTS}/{made(api)['id']}/items"
    operation_id = api.result("POST", path, json=[{"ip": "192.0.2.1"}])["operation_id"]

    found = api.result("GET", f"{LISTS}/bulk_operations/{operation_id}")

    assert set(found) == {"id", "status", "completed"}
    assert (found["id"], found["status"]) == (operation_id, "completed")
    api.errors(404, "GET", f"{LISTS}/bulk_operations/{'0' * 32}")


def test_every_wrong_item_is_told_and_nothing_is_kept(api: Bench) -> None:
    path = f"{LISTS}/{made(api)['id']}/items"
    given = [{"ip": "192.0.2.1"}, {"ip": "office"}, {"asn": 1}, {}, {"ip": "192.0.2.1/32"}]

    for method in ("POST", "PUT"):
        errors = api.errors(400, method, path, json=given)
        assert [(one["code"], one["source"]["pointer"]) for one in errors] == [
            (1001, "/1/ip"),
            (1001, "/2/asn"),
            (1001, "/3"),
            (10028, "/4/ip"),
        ]
        assert errors[0]["message"].startswith("'office' is not a valid value for ip because")
    assert api.result("GET", path) == []


def test_the_place_in_a_host_name_is_told(api: Bench) -> None:
    (error,) = _wrong(api, "hostname", {"hostname": {"url_hostname": "https://a.example"}})

    assert error["source"]["pointer"] == "/0/hostname/url_hostname"


def test_problems_are_bounded(api: Bench) -> None:
    assert len(_wrong(api, "ip", *[{"ip": "office"}] * 1_000)) == 20


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"{}", b"[1]", b"null", b'[{"ip":1}]', b'[{"ip":"\xff"}]', b"[" * 100_000],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_body_of_another_shape_is_refused(api: Bench, method: str, body: bytes) -> None:
    api.errors(400, method, f"{LISTS}/{made(api)['id']}/items", content=body)


@pytest.mark.parametrize("body", [{"items": [{}]}, {"items": [{"id": "x"}]}, {"items": {}}])
def test_items_are_removed_by_their_identifiers_alone(api: Bench, body: Any) -> None:
    path = f"{LISTS}/{made(api)['id']}/items"
    api.result("POST", path, json=[{"ip": "192.0.2.1"}])

    (error,) = api.errors(400, "DELETE", path, json=body)

    assert error["source"]["pointer"].startswith("/items")
    assert len(api.result("GET", path)) == 1


def test_a_body_that_is_too_large_is_refused(api: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{LISTS}/{made(api)['id']}/items"
    monkeypatch.setattr(bodies, "MAX_BODY", 1_000)

    api.errors(413, "POST", path, json=[{"ip": f"192.0.2.{n}"} for n in range(100)])


def test_a_hundred_thousand_items_are_one_body_and_one_more_is_none(api: Bench) -> None:
    one = made(api)
    path = f"{LISTS}/{one['id']}"
    items = [{"ip": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"} for n in range(100_000)]

    api.result("PUT", f"{path}/items", json=items)

    assert api.result("GET", path)["num_items"] == 100_000
    (found,) = _items(api, one["id"], search="10.1.134.159")
    assert found["ip"] == "10.1.134.159"
    (error,) = api.errors(400, "POST", f"{path}/items", json=[*items, {"ip": "192.0.2.1"}])
    assert "100001 items, 100000 are possible" in error["message"]


def test_a_body_is_not_read_for_those_who_may_not_send_it(
    api: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{LISTS}/{made(api)['id']}/items"
    reader = api.token_for([Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)])
    monkeypatch.setattr(bodies, "MAX_BODY", 0)

    for method in ("POST", "PUT", "DELETE"):
        api.errors(403, method, path, token=reader, json=[{"ip": "192.0.2.1"}])
        api.errors(401, method, path, token="x" * 43, json=[{"ip": "192.0.2.1"}])
    api.result("GET", path, token=reader)


def test_items_come_in_parts_to_the_end(api: Bench) -> None:
    one = made(api)
    values = [f"192.0.2.{n}" for n in range(7)]
    api.result("POST", f"{LISTS}/{one['id']}/items", json=[{"ip": value} for value in values])
    found: list[str] = []
    parameters: dict[str, Any] = {"per_page": 3, "search": ""}

    for _ in range(3):
        answer = api.call("GET", f"{LISTS}/{one['id']}/items", params=parameters).json()
        found += [item["ip"] for item in answer["result"]]
        cursors = answer["result_info"]["cursors"]
        parameters["cursor"] = cursors.get("after", "")

    assert found == values
    assert cursors == {}


def test_a_search_finds_the_item_itself_first(api: Bench) -> None:
    one = made(api)
    given = [{"ip": value} for value in ("192.0.2.10", "10.0.0.1", "192.0.2.1")]
    api.result("POST", f"{LISTS}/{one['id']}/items", json=given)

    found = _items(api, one["id"], search="192.0.2.1")

    assert [item["ip"] for item in found] == ["192.0.2.1", "192.0.2.10"]


def test_a_cursor_that_is_none_or_no_more_is_refused(api: Bench) -> None:
    one, other = made(api), made(api, "other")
    path = f"{LISTS}/{one['id']}/items"
    api.result("POST", path, json=[{"ip": f"192.0.2.{n}"} for n in range(3)])
    cursor = api.call("GET", path, params={"per_page": 1}).json()["result_info"]["cursors"]["after"]

    for place, parameters in (
        (path, {"cursor": "none"}),
        (path, {"cursor": cursor, "search": "192"}),
        (f"{LISTS}/{other['id']}/items", {"cursor": cursor}),
    ):
        (error,) = api.errors(400, "GET", place, params=parameters)
        assert "cursor" in error["message"]
    api.result("PUT", path, json=[{"ip": "192.0.2.9"}])
    (error,) = api.errors(400, "GET", path, params={"cursor": cursor})
    assert "replaced" in error["message"]


@pytest.mark.parametrize(
    "parameters",
    [{"per_page": 0}, {"per_page": 501}, {"per_page": "x"}, {"search": "\0"}, {"cursor": "\0"}],
)
def test_parameters_that_cannot_be_are_refused(api: Bench, parameters: dict[str, Any]) -> None:
    one = made(api, kind="string")

    api.errors(400, "GET", f"{LISTS}/{one['id']}/items", params=parameters)


def test_items_of_a_list_of_a_policy_file_are_changed_there(api: Bench) -> None:
    path = f"{LISTS}/{from_a_file(api.store)}/items"

    for method, body in (
        ("POST", [{"ip": "192.0.2.1"}]),
        ("PUT", []),
        ("DELETE", {"items": []}),
    ):
        (error,) = api.errors(400, method, path, json=body)
        assert "policy file of the zone default" in error["message"]
    assert api.result("GET", path) == []


@pytest.mark.parametrize("list_id", ["0" * 32, "none"])
def test_a_list_that_is_not_there_has_no_items(api: Bench, list_id: str) -> None:
    path = f"{LISTS}/{list_id}/items"

    api.errors(404, "GET", path)
    api.errors(404, "GET", f"{path}/{'0' * 32}")
    api.errors(404, "POST", path, json=[])
    api.errors(404, "PUT", path, json=[])
    api.errors(404, "DELETE", path, json={"items": []})


def test_the_document_says_what_a_body_is(api: Bench) -> None:
    path = "/accounts/{account_id}/rules/lists/{list_id}/items"
    document = api.app.openapi()["paths"][path]

    for method in ("post", "put"):
        schema = document[method]["requestBody"]["content"]["application/json"]["schema"]
        assert schema["type"] == "array"
        assert set(schema["items"]["properties"]) == {
            "ip",
            "hostname",
            "asn",
            "string",
            "integer",
            "comment",
        }
    schema = document["delete"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["items"]
    assert "413" in document["delete"]["responses"]


def test_nobody_replaces_items_they_have_not_seen(api: Bench) -> None:
    path = f"{LISTS}/{made(api)['id']}/items"
    seen = {"If-Match": api.call("GET", path).headers["ETag"]}
    assert api.call("PUT", path, json=[{"ip": "192.0.2.1"}], headers=seen).status_code == 200

    assert api.errors(412, "PUT", path, json=[], headers=seen)
    assert len(_items(api, path.split("/")[-2])) == 1
    seen = {"If-Match": api.call("GET", path).headers["ETag"]}
    api.result("POST", path, json=[{"ip": "192.0.2.2"}])
    assert api.errors(412, "PUT", path, json=[], headers=seen)
    assert api.call("PUT", path, json=[], headers={"If-Match": "*"}).status_code == 200
