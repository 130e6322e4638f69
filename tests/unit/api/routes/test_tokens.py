# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from authz.services.permissions import (
    EVERY_ZONE,
    EVERYTHING,
    PERMISSION_GROUPS,
    Grant,
    Level,
    Resource,
)

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

CERTIFICATES = "c03055bc037c4ea9afb9a9f104b7b721"
LISTS = "2edbf20661fd4661b0fe10e9e12f485c"


def policy(api: Bench, **changes: Any) -> dict[str, Any]:
    return {
        "effect": "allow",
        "permission_groups": [{"id": CERTIFICATES}],
        "resources": {f"com.cloudflare.api.account.zone.{api.zone_id}": "*"},
        **changes,
    }


def made(api: Bench, **changes: Any) -> Any:
    body = {"name": "ci", "policies": [policy(api)], **changes}
    return api.result("POST", "/user/tokens", json=body)


def test_a_token_is_made_read_listed_and_used(api: Bench) -> None:
    one = made(api, not_before="2020-01-01T00:00:00Z", expires_on="2999-12-31T23:59:59.5+00:00")

    value = one.pop("value")
    assert re.fullmatch(r"[0-9A-Za-z\-_]{40,80}", value)
    assert set(one) == {
        "id",
        "name",
        "status",
        "issued_on",
        "modified_on",
        "not_before",
        "expires_on",
        "policies",
    }
    assert (one["status"], one["not_before"], one["expires_on"]) == (
        "active",
        "2020-01-01T00:00:00Z",
        "2999-12-31T23:59:59Z",
    )
    (kept,) = one["policies"]
    assert re.fullmatch(r"[0-9a-f]{32}", kept["id"])
    assert kept == policy(
        api,
        id=kept["id"],
        permission_groups=[{"id": CERTIFICATES, "name": "SSL and Certificates Write"}],
    )
    assert api.result("GET", f"/user/tokens/{one['id']}") == one
    assert one in api.result("GET", "/user/tokens")
    assert api.result("GET", "/user/tokens/verify", token=value) == {
        "id": one["id"],
        "status": "active",
        "not_before": "2020-01-01T00:00:00Z",
        "expires_on": "2999-12-31T23:59:59Z",
    }
    api.errors(403, "GET", "/zones/{zone}", token=value)


def test_the_list_has_pages_and_an_order_and_hides_what_has_expired(api: Bench) -> None:
    soon = "2999-01-01T00:00:00Z"
    names = ["test", *(made(api, name=f"t{n}", expires_on=soon)["name"] for n in range(4))]

    def listed(query: str) -> list[str]:
        return [one["name"] for one in api.result("GET", f"/user/tokens?{query}")]

    pages = [listed(f"per_page=2&page={page}") for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {name for page in pages for name in page} == set(names)
    assert listed("page=9") == []
    assert listed("direction=desc") == list(reversed(listed("direction=asc")))
    api.now = 32_472_144_001
    assert listed("") == ["test"]
    assert set(listed("include_expired=true")) == set(names)


def test_a_token_is_changed_and_its_value_stays(api: Bench) -> None:
    one = made(api, expires_on="2999-01-01T00:00:00Z")
    path = f"/user/tokens/{one['id']}"
    lists = policy(
        api,
        permission_groups=[{"id": LISTS, "name": "whatever", "meta": {}}],
        resources={f"com.cloudflare.api.account.{api.account_id}": "*"},
    )

    changed = api.result(
        "PUT",
        path,
        json={"name": "new", "policies": [*one["policies"], lists], "status": "disabled"},
    )

    assert (changed["name"], changed["status"]) == ("new", "disabled")
    assert changed["policies"][0] == one["policies"][0]
    assert len(changed["policies"]) == 2
    assert "expires_on" not in changed
    assert (
        "disabled"
        in api.errors(401, "GET", "/user/tokens/verify", token=one["value"])[0]["message"]
    )
    same = api.result("PUT", path, json={"name": "new", "policies": changed["policies"]})
    assert same == changed
    api.result("PUT", path, json={**changed, "status": "active"})
    api.result("GET", "/user/tokens/verify", token=one["value"])


def test_rolling_gives_a_new_value_and_ends_the_old_one(api: Bench) -> None:
    one = made(api)

    value = api.result("PUT", f"/user/tokens/{one['id']}/value", json={})

    assert api.result("GET", "/user/tokens/verify", token=value)["id"] == one["id"]
    api.errors(401, "GET", "/user/tokens/verify", token=one["value"])


def test_a_deleted_token_is_gone(api: Bench) -> None:
    one = made(api)
    path = f"/user/tokens/{one['id']}"

    assert api.result("DELETE", path) == {"id": one["id"]}

    api.errors(401, "GET", "/user/tokens/verify", token=one["value"])
    for method, more in (("GET", ""), ("DELETE", ""), ("PUT", "/value")):
        api.errors(404, method, path + more)
    api.errors(404, "PUT", path, json={"name": "x", "policies": [policy(api)]})


def test_permission_groups_are_listed_by_name_and_scope(api: Bench) -> None:
    everything = api.result("GET", "/user/tokens/permission_groups")
    logs = api.result("GET", "/user/tokens/permission_groups?name=Logs%20Read")
    one = api.result(
        "GET",
        "/user/tokens/permission_groups?name=Logs%20Read&scope=com.cloudflare.api.account.zone",
    )

    assert len(everything) == len(PERMISSION_GROUPS)
    assert [group["scopes"] for group in logs] == [
        ["com.cloudflare.api.account.zone"],
        ["com.cloudflare.api.account"],
    ]
    assert one == logs[:1]
    assert set(one[0]) == {"id", "name", "description", "scopes"}


def test_the_user_is_whom_policies_about_tokens_name(api: Bench) -> None:
    user = api.result("GET", "/user")

    made(
        api,
        policies=[
            policy(
                api,
                permission_groups=[{"id": "0cc3a61731504c89b99ec1be78b77aa0"}],
                resources={f"com.cloudflare.api.user.{user['id']}": "*"},
            )
        ],
    )
    assert "@" in user["email"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"condition": {"request_ip": {"in": ["192.0.2.0/24"]}}}, "/condition"),
        ({"expires_on": "2020-01-01T00:00:00Z"}, "/expires_on"),
        ({"expires_on": "0001-01-01T00:00:00+14:00"}, "/expires_on"),
        ({"expires_on": "9999-12-31T23:59:59-14:00"}, "/expires_on"),
        ({"not_before": "1969-12-31T23:59:59Z"}, "/not_before"),
        ({"expires_on": "2999-01-01T00:00:00"}, "/expires_on"),
        ({"expires_on": 5}, "/expires_on"),
        ({"expires_on": "soon"}, "/expires_on"),
        ({"policies": []}, "/policies"),
        ({"policies": None}, "/policies"),
        ({"status": "expired"}, "/status"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    api: Bench, changes: dict[str, Any], pointer: str
) -> None:
    one = made(api)
    body = {"name": "x", "policies": [policy(api)], **changes}

    calls = [("PUT", f"/user/tokens/{one['id']}")]
    if "status" not in changes:
        calls.append(("POST", "/user/tokens"))
    for method, path in calls:
        errors = api.errors(400, method, path, json=body)
        assert errors[0]["source"]["pointer"] == pointer


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"effect": "deny"}, "/effect"),
        ({"permission_groups": [{"id": "e" * 32}]}, "/permission_groups/0/id"),
        ({"permission_groups": []}, "/permission_groups"),
        ({"resources": {}}, "/resources"),
        ({"resources": {"x": "*"}}, "/resources/x"),
        (
            {"resources": {"com.cloudflare.api.account.zone.*": "x"}},
            "/resources/com.cloudflare.api.account.zone.*",
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_its_place(
    api: Bench, changes: dict[str, Any], pointer: str
) -> None:
    body = {"name": "x", "policies": [policy(api), policy(api, **changes)]}

    errors = api.errors(400, "POST", "/user/tokens", json=body)

    assert errors[0]["source"]["pointer"] == f"/policies/1{pointer}"
    assert len(api.result("GET", "/user/tokens")) == 1


def test_a_name_that_is_none_is_refused(api: Bench) -> None:
    for name in ("", " ", "a\0b", "x" * 256, "\ud800"):
        errors = api.errors(
            400,
            "POST",
            "/user/tokens",
            content=json.dumps({"name": name, "policies": [policy(api)]}),
            headers={"Content-Type": "application/json"},
        )
        assert errors


def test_permissions_for_tokens(api: Bench) -> None:
    one = made(api)
    path = f"/user/tokens/{one['id']}"
    nothing = api.token_for([Grant(resource=Resource.ZONES, level=Level.WRITE, place=EVERY_ZONE)])
    reader = api.token_for([Grant(resource=Resource.TOKENS, level=Level.READ, place="account")])

    for token in (nothing, reader):
        api.result("GET", "/user/tokens/verify", token=token)
        api.result("GET", "/user", token=token)
        for method, there, body in (
            ("POST", "/user/tokens", {"name": "x", "policies": [policy(api)]}),
            ("PUT", path, {"name": "x", "policies": [policy(api)]}),
            ("PUT", f"{path}/value", {}),
        ):
            errors = api.errors(403, method, there, token=token, json=body)
            assert errors[0]["code"] == 10000
        api.errors(403, "DELETE", path, token=token)
    for there in (path, "/user/tokens", "/user/tokens/permission_groups"):
        api.errors(403, "GET", there, token=nothing)
        api.result("GET", there, token=reader)


def test_a_token_gives_and_manages_no_more_than_it_may_itself(api: Bench) -> None:
    weak = api.token_for(
        [
            Grant(resource=Resource.TOKENS, level=Level.WRITE, place="account"),
            Grant(resource=Resource.CERTIFICATES, level=Level.WRITE, place=api.zone_id),
        ]
    )
    (strong,) = [one for one in api.result("GET", "/user/tokens") if len(one["policies"]) > 2]
    everywhere = policy(api, resources={"com.cloudflare.api.account.zone.*": "*"})

    api.result("POST", "/user/tokens", token=weak, json={"name": "x", "policies": [policy(api)]})
    body = {"name": "x", "policies": [everywhere]}
    api.errors(403, "POST", "/user/tokens", token=weak, json=body)
    api.errors(403, "PUT", f"/user/tokens/{strong['id']}/value", token=weak)
    api.errors(403, "PUT", f"/user/tokens/{strong['id']}", token=weak, json=body)
    api.errors(403, "DELETE", f"/user/tokens/{strong['id']}", token=weak)


def test_a_token_with_an_end_makes_none_without(api: Bench) -> None:
    token = api.token_for(EVERYTHING, expires_at=api.now + 3600)
    mine = api.result("GET", "/user/tokens/verify", token=token)
    body = {"name": "x", "policies": [policy(api)]}

    for method, path in (("POST", "/user/tokens"), ("PUT", f"/user/tokens/{mine['id']}")):
        (error,) = api.errors(400, method, path, token=token, json=body)
        assert error["source"] == {"pointer": "/expires_on"}
        ends = {"expires_on": mine["expires_on"]}
        api.result(method, path, token=token, json=body | ends)


def test_rolling_keeps_the_end_and_takes_over_none_that_stays(api: Bench) -> None:
    stays = made(api)
    token = api.token_for(EVERYTHING, expires_at=api.now + 3600)
    mine = api.result("GET", "/user/tokens/verify", token=token)

    api.errors(400, "PUT", f"/user/tokens/{stays['id']}/value", token=token)
    rolled = api.result("PUT", f"/user/tokens/{mine['id']}/value", token=token)

    assert api.result("GET", "/user/tokens/verify", token=rolled) == mine


def test_the_last_token_that_may_write_tokens_stays(api: Bench) -> None:
    (me,) = api.result("GET", "/user/tokens")

    errors = api.errors(400, "DELETE", f"/user/tokens/{me['id']}")

    assert "last token" in errors[0]["message"]
    api.result("GET", "/user/tokens/verify")


def test_no_value_is_in_the_audit_log(api: Bench) -> None:
    one = made(api)
    value = api.result("PUT", f"/user/tokens/{one['id']}/value")

    with api.store.read() as session:
        entries = session.audit.latest(most=10)
    assert [entry.action for entry in entries[:2]] == ["token.roll", "token.create"]
    assert all(entry.actor.startswith("token test (") for entry in entries[:2])
    assert not [secret for secret in (one["value"], value) if secret in repr(entries)]
