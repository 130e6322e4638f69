# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


def test_the_account_is_listed_and_read(api: Bench) -> None:
    (one,) = api.result("GET", "/accounts")

    assert (one["id"], one["name"], one["type"]) == (api.account_id, "default", "standard")
    assert api.result("GET", "/accounts/{account}") == one
    assert api.result("GET", "/accounts?name=default&direction=desc") == [one]
    assert api.result("GET", "/accounts?name=other") == []
    assert api.result("GET", "/accounts?page=2") == []


def test_whoever_may_not_read_it_finds_none(api: Bench) -> None:
    token = api.token_for([Grant(resource=Resource.ZONES, level=Level.READ, place=ACCOUNT_WIDE)])

    assert api.result("GET", "/accounts", token=token) == []
    api.errors(403, "GET", "/accounts/{account}", token=token)


def test_it_gets_another_name_as_the_sdk_sends_it(api: Bench) -> None:
    body = {"id": api.account_id, "name": "Acme", "type": "standard", "settings": {}}
    changed = api.result("PUT", "/accounts/{account}", json=body)

    assert changed["name"] == "Acme"
    assert api.result("GET", "/accounts/{account}") == changed
    with api.store.read() as session:
        entry = session.audit.latest(most=1)[0]
    assert (entry.action, entry.object_id) == ("account.rename", api.account_id)
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["name"], entry.after["name"]) == ("default", "Acme")


def test_it_keeps_its_identifier_and_a_name_is_one(api: Bench) -> None:
    other = {"id": "0" * 32, "name": "Acme"}
    (error,) = api.errors(400, "PUT", "/accounts/{account}", json=other)
    assert error["source"] == {"pointer": "/id"}

    for name in ("", " ", "a\0b", "x" * 256):
        (error,) = api.errors(400, "PUT", "/accounts/{account}", json={"name": name})
        assert error["source"] == {"pointer": "/name"}


def test_a_second_account_is_refused_with_the_reason(api: Bench) -> None:
    (error,) = api.errors(400, "POST", "/accounts", json={"name": "second"})

    assert "a store has one account" in error["message"]
