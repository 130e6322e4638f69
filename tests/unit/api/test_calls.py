# SPDX-License-Identifier: Apache-2.0
"""A call writes nothing with a token that is good no more when its turn comes."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.api import calls
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, EVERYTHING, Grant, Level, Resource
from authz.services.tokens import revoke_token, roll_token, update_token
from authz.services.zones import create_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.services.permissions import Principal
    from authz.store.session import Session
    from tests.unit.api.conftest import Bench

POLICIES = [
    {
        "effect": "allow",
        "permission_groups": [{"id": "c03055bc037c4ea9afb9a9f104b7b721"}],
        "resources": {"com.cloudflare.api.account.zone.*": "*"},
    }
]
READS = Grant(resource=Resource.ZONES, level=Level.READ, place=EVERY_ZONE)

#: Of every kind of transaction one.
CALLS = [
    ("POST", "/zones", {"name": "example.com"}),
    ("POST", "/user/tokens", {"name": "x", "policies": POLICIES}),
]


def _meanwhile(api: Bench, monkeypatch: pytest.MonkeyPatch, act: Callable[[str], Any]) -> str:
    """A token, to which something happens between its check and the write of the next call."""
    token = api.token_for(EVERYTHING)
    mine = api.result("GET", "/user/tokens/verify", token=token)["id"]
    check = calls.require

    def required(*given: Any) -> None:
        check(*given)
        act(mine)

    monkeypatch.setattr(calls, "require", required)
    return token


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize(
    ("status", "change"),
    [
        (401, {"disabled": True}),
        (403, {"granted": [READS]}),
        (403, {"expires_at": 32_472_144_001.0}),
    ],
)
def test_a_token_that_is_changed_meanwhile(
    api: Bench,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: dict[str, Any],
    status: int,
    change: dict[str, Any],
) -> None:
    given: dict[str, Any] = {"name": "x", "granted": EVERYTHING, **change}
    token = _meanwhile(
        api,
        monkeypatch,
        lambda mine: update_token(api.store, mine, actor="t", at=api.now, **given),
    )

    api.errors(status, method, path, json=body, token=token)

    _nothing_was_done(api)


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("act", [revoke_token, roll_token])
def test_a_token_that_is_revoked_or_rolled_meanwhile(
    api: Bench,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: dict[str, Any],
    act: Callable[..., Any],
) -> None:
    token = _meanwhile(api, monkeypatch, lambda mine: act(api.store, mine, actor="t", at=api.now))

    (error,) = api.errors(401, method, path, json=body, token=token)

    assert error["code"] == 1000
    _nothing_was_done(api)


def test_a_name_that_is_changed_meanwhile_is_no_reason(
    api: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = _meanwhile(
        api,
        monkeypatch,
        lambda mine: update_token(
            api.store, mine, name="new", granted=EVERYTHING, actor="t", at=api.now
        ),
    )

    api.result("POST", "/zones", json={"name": "example.com"}, token=token)


def _nothing_was_done(api: Bench) -> None:
    with api.store.read() as session:
        actions = [one.action for one in session.audit.latest(most=100)]
        assert [one.name for one in session.zones.all()] == ["default"]
        assert len(session.tokens.all()) == 2
    assert actions.count("token.create") == 2
    assert "zone.create" not in actions


def test_a_write_that_waits_for_the_revocation(api: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with two threads: the call stands in line behind the transaction that revokes."""
    token = api.token_for(EVERYTHING)
    mine = api.result("GET", "/user/tokens/verify", token=token)["id"]
    revoking, waiting = threading.Event(), threading.Event()
    check, still = calls.require, calls.check_still

    def required(*given: Any) -> None:
        check(*given)
        revoking.wait(30)
        waiting.set()

    def looked_at(session: Session, principal: Principal, *, at: float) -> None:
        assert session.tokens.get(mine).revoked_at is not None  # type: ignore[union-attr]  # it is there
        still(session, principal, at=at)

    monkeypatch.setattr(calls, "require", required)
    monkeypatch.setattr(calls, "check_still", looked_at)

    def revoke() -> None:
        with api.store.note() as session:
            revoking.set()
            waiting.wait(30)
            token = session.tokens.get(mine)
            assert token is not None
            session.tokens.update(dataclasses.replace(token, revoked_at=api.now))

    thread = threading.Thread(target=revoke)
    thread.start()
    api.errors(401, "POST", "/zones", json={"name": "example.com"}, token=token)
    thread.join()
    _nothing_was_done(api)


NOWHERE = "0" * 32


def _grant(place: str, level: Level = Level.READ, resource: Resource = Resource.ZONES) -> Grant:
    return Grant(resource=resource, level=level, place=place)


@pytest.mark.parametrize("path", [f"/zones/{NOWHERE}", "/zones/x", f"/accounts/{NOWHERE}"])
def test_what_is_not_there(api: Bench, path: str) -> None:
    errors = api.errors(404, "GET", path)

    assert errors[0]["code"] == 7003


def test_who_may_not_read_a_zone_does_not_learn_whether_it_is_there(api: Bench) -> None:
    other = create_zone(api.store, "example.com", actor="t", at=api.now).zone
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
