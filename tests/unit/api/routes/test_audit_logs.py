# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.services import audit_log
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.services.zones import change_zone

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

#: 2026-01-01T00:00:00Z.
NEW_YEAR = 1767225600.0
V1 = "/accounts/{account}/audit_logs"
V2 = "/accounts/{account}/logs/audit"


@pytest.fixture
def changed(api: Bench) -> Bench:
    """A zone, and changes on the first days of the year."""
    api.result("POST", "/zones", json={"name": "example.com"})
    for day in range(5):
        change_zone(
            api.store,
            "example.com",
            default_action=("block", "allow")[day % 2],
            actor="cli:bob",
            at=NEW_YEAR + day * 86400,
        )
    return api


def _whens(found: list[dict[str, Any]]) -> list[str]:
    return [one["when"][:10] for one in found if one["actor"]["id"] == "cli:bob"]


def test_an_entry_says_who_what_before_and_after(changed: Bench) -> None:
    zone = changed.result("GET", "/zones?name=example.com")[0]
    (made,) = changed.result("GET", f"{V1}?action.type=zone.create")

    assert made["action"] == {"result": True, "type": "zone.create"}
    assert made["actor"]["type"] == "user"
    assert made["actor"]["email"].startswith("token test (")
    assert made["interface"] == "API"
    assert made["owner"] == {"id": changed.account_id}
    assert made["resource"] == {"id": zone["id"], "type": "zone"}
    assert made["metadata"] == {"zone_id": zone["id"], "zone_name": "example.com"}
    assert made["oldValue"] == ""
    assert json.loads(made["newValue"])["name"] == "example.com"
    last = changed.result("GET", f"{V1}?actor.email=cli:bob&per_page=1")[0]
    assert last["interface"] == "CLI"
    assert last["oldValueJson"]["default_action"] == "allow"
    assert last["newValueJson"]["default_action"] == "block"


def test_pages_go_on_to_the_end_and_behind_it_there_is_nothing(changed: Bench) -> None:
    everything = changed.result("GET", f"{V1}?per_page=100")
    found: list[dict[str, Any]] = []
    page = 1
    while some := changed.result("GET", f"{V1}?per_page=2&page={page}"):
        found += some
        page += 1

    assert found == everything
    assert len(found) == 7
    info = changed.call("GET", f"{V1}?per_page=3").json()["result_info"]
    assert info == {"page": 1, "per_page": 3, "count": 3}


def test_entries_are_filtered(changed: Bench) -> None:
    for query, days in {
        "": "54321",
        "direction=asc": "12345",
        "since=2026-01-02&before=2026-01-04": "32",
        "since=2026-01-02T00:00:00.000001Z&before=2026-01-04T01:00:00%2B00:00": "43",
        "zone.name=EXAMPLE.com": "54321",
        "zone.name=default": "",
        "action.type=zone.change": "54321",
        "action.type=zone.create": "",
        "hide_user_logs=true": "54321",
        "id=0": "",
    }.items():
        expected = [f"2026-01-0{day}" for day in days]
        assert _whens(changed.result("GET", f"{V1}?{query}")) == expected, query
        assert _whens(changed.result("GET", f"/user/audit_logs?{query}")) == expected, query


def test_tokens_are_what_concerns_users(changed: Bench) -> None:
    (made,) = changed.result("GET", f"{V1}?action.type=token.create")

    assert made["metadata"] == {"zone_id": None, "zone_name": None}
    assert changed.result("GET", f"{V1}?action.type=token.create&hide_user_logs=true") == []
    assert changed.result("GET", f"{V1}?id={made['id']}") == [made]


def test_what_is_not_kept_is_no_filter(changed: Bench) -> None:
    for path, query in (
        (V1, "actor.ip=192.0.2.1"),
        ("/user/audit_logs", "actor.ip=192.0.2.1"),
        (V2, "raw_method=GET"),
        (V2, "actor_ip_address.not=192.0.2.1"),
    ):
        (error,) = changed.errors(400, "GET", f"{path}?{query}")
        assert "not kept" in error["message"]
    (error,) = changed.errors(400, "GET", f"{V1}?export=true")
    assert "CSV" in error["message"]


def test_the_second_version_says_the_same_in_its_own_words(changed: Bench) -> None:
    zone = changed.result("GET", "/zones?name=example.com")[0]
    (made,) = changed.result("GET", f"{V2}?action_type=zone.create")

    assert made["account"] == {"id": changed.account_id, "name": "default"}
    assert made["action"]["type"] == "create"
    assert made["action"]["description"] == "zone.create"
    assert made["actor"]["context"] == "api_token"
    assert made["actor"]["token_name"] == "test"
    assert made["zone"] == {"id": zone["id"], "name": "example.com"}
    assert made["resource"]["scope"] == "zones"
    assert made["resource"]["request"] is None
    assert made["resource"]["response"]["name"] == "example.com"
    (token,) = changed.result("GET", f"{V2}?resource_type=token")
    assert token["resource"]["scope"] == "accounts"
    assert "zone" not in token
    assert "context" not in token["actor"]


def test_the_second_version_filters_and_leaves_out(changed: Bench) -> None:
    changed.result("PUT", "/accounts/{account}", json={"name": "Acme"})

    # A token, a zone, five changes of it, and the account's name.
    for query, number in {
        "": 8,
        "action_type=update": 6,
        "action_type=create": 2,
        "action_type=delete": 0,
        "action_type.not=update": 2,
        "action_type=update&action_type=zone.create": 7,
        "actor_id=cli:bob": 5,
        "actor_email.not=cli:bob": 3,
        "actor_id=cli:bob&actor_email=test": 6,
        "zone_name=example.com": 6,
        "zone_name=example.com&zone_id=0": 0,
        "zone_name.not=example.com": 2,
        "zone_name=nowhere.example": 0,
        "resource_type=zone": 6,
        "resource_type.not=zone&resource_type.not=token": 1,
        "since=2026-01-03&before=2026-01-05&direction=asc": 2,
        "limit=3": 3,
        "raw=1&unknown=2": 8,
    }.items():
        assert len(changed.result("GET", f"{V2}?{query}")) == number, query


def test_its_cursor_goes_on_to_the_end_in_either_direction(changed: Bench) -> None:
    for direction in ("asc", "desc"):
        everything = changed.result("GET", f"{V2}?direction={direction}")
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            path = f"{V2}?direction={direction}&limit=3&cursor={cursor}"
            answer = changed.call("GET", path).json()
            found += answer["result"]
            assert answer["result_info"]["count"] == len(answer["result"])
            cursor = answer["result_info"]["cursors"].get("after")
        assert found == everything


def test_a_cursor_that_no_page_gave_is_refused(api: Bench) -> None:
    for cursor in ("abc", "W10=", "%00", "W05hTiwgMV0=", "WzEuMCwgMWUzXQ==", "ü"):
        (error,) = api.errors(400, "GET", f"{V2}?cursor={cursor}")
        assert "cursor" in error["message"]


def test_a_token_for_zones_does_not_read_the_log(api: Bench) -> None:
    token = api.token_for([Grant(resource=Resource.EVENTS, level=Level.READ, place=EVERY_ZONE)])

    for path in (V1, V2, "/user/audit_logs"):
        api.errors(403, "GET", path, token=token)


def test_long_entries_are_fewer_to_a_page(changed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = changed.result("GET", f"{V2}?limit=1000")
    monkeypatch.setattr(audit_log, "MAX_PAGE_SIZE", 100)

    found: list[dict[str, Any]] = []
    cursor = ""
    for _ in everything:
        answer = changed.call("GET", f"{V2}?limit=1000&cursor={cursor}").json()
        found += answer["result"]
        cursor = answer["result_info"]["cursors"].get("after", "")
        if not cursor:
            break
    assert found == everything
    # Pages by number would leave out what has no room.
    (error,) = changed.errors(400, "GET", f"{V1}?per_page=1000")
    assert "ask for fewer" in error["message"]
    assert len(changed.result("GET", f"{V1}?per_page=1")) == 1
