# SPDX-License-Identifier: Apache-2.0
"""Who looks at a page: known, allowed, and asked by a page of ours where something changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pytest
from fastapi import Response  # noqa: TC002 - FastAPI reads these annotations

from authz.dashboard.viewers import SomeViewer, Viewer, account_viewer, zone_viewer
from authz.errors import ForbiddenError, StoreUnavailableError, UnauthenticatedError
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.tokens import revoke_token, roll_token
from authz.services.zones import create_zone

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def seen(visitor: Visitor, path: str = "/zones/{zone}/looked") -> Viewer:
    """The viewer of a page that is only there for the test."""
    found: list[Viewer] = []

    def look(
        viewer: Annotated[Viewer, zone_viewer(Resource.RULES, Level.READ)],
    ) -> Response:
        found.append(viewer)
        return viewer.page("nothing.html")

    def look_wide(viewer: SomeViewer) -> Response:
        found.append(viewer)
        return viewer.page("nothing.html")

    app = visitor.bench.dashboard.app
    app.add_api_route("/zones/{zone_id}/looked", look, response_model=None)
    app.add_api_route("/looked", look_wide, response_model=None)
    visitor.get(path)
    return found[-1]


def grant(resource: Resource, level: Level, place: str) -> Grant:
    return Grant(resource=resource, level=level, place=place)


def test_a_page_of_a_zone_knows_it(visitor: Visitor) -> None:
    viewer = seen(visitor)

    assert viewer.zone_id == visitor.bench.zone_id
    assert [one.id for one in viewer.zones] == [visitor.bench.zone_id]
    assert viewer.actor.startswith("token test (")
    assert viewer.secret not in repr(viewer)
    assert not viewer.is_read_only


def test_permissions_are_of_the_zone_of_the_page_or_the_account(visitor: Visitor) -> None:
    zone = visitor.bench.zone_id
    grants = {
        grant(Resource.RULES, Level.WRITE, zone),
        grant(Resource.LISTS, Level.READ, ACCOUNT_WIDE),
    }
    viewer = seen(visitor.with_grants(grants))

    assert viewer.may(Resource.RULES, Level.WRITE)
    assert viewer.may("rules", "write")
    assert viewer.may("lists", "read")
    assert not viewer.may("lists", "write")
    assert not viewer.may("rules", "read", ACCOUNT_WIDE)
    assert not viewer.may("rules", "read", EVERY_ZONE)
    viewer.require(Resource.RULES, Level.WRITE)
    with pytest.raises(ForbiddenError, match='"Account Rule Lists Write"'):
        viewer.require(Resource.LISTS, Level.WRITE)
    with pytest.raises(ForbiddenError, match='"SSL and Certificates Read"'):
        viewer.require(Resource.CERTIFICATES, Level.READ)


def test_a_page_of_the_account_asks_for_the_account(visitor: Visitor) -> None:
    one = visitor.with_grants({grant(Resource.RULES, Level.READ, EVERY_ZONE)})
    viewer = seen(one, "/looked")

    assert viewer.zone is None
    assert not viewer.may("rules", "read")
    assert viewer.may("rules", "read", EVERY_ZONE)


def test_zones_that_somebody_may_not_see_are_not_theirs(visitor: Visitor) -> None:
    other = create_zone(visitor.bench.store, "example.com", actor="t", at=0.0).zone
    mine = visitor.with_grants({grant(Resource.RULES, Level.READ, other.id)})

    assert [one.id for one in seen(mine, f"/zones/{other.id}/looked").zones] == [other.id]
    assert "Zone WAF Read" in mine.get("/zones/{zone}/looked", 403)


@pytest.mark.parametrize("zone", ["0" * 32, "default", "x", "%00", "%E2%80%AE"])
def test_permission_comes_before_existence(zone: str, visitor: Visitor) -> None:
    seen(visitor)
    nobody = visitor.with_grants({grant(Resource.LISTS, Level.READ, ACCOUNT_WIDE)})

    nobody.get(f"/zones/{zone}/looked", 403)
    visitor.get(f"/zones/{zone}/looked", 404)


def test_a_page_of_the_account_needs_its_permission(visitor: Visitor) -> None:
    def look(
        viewer: Annotated[Viewer, account_viewer(Resource.LISTS, Level.WRITE)],
    ) -> Response:
        return viewer.json({"actor": viewer.actor})

    visitor.bench.dashboard.app.add_api_route("/looked", look, response_model=None)

    assert visitor.send("GET", "/looked").json()["actor"].startswith("token test")
    visitor.as_reader().get("/looked", 403)


def test_a_notice_is_shown_once(visitor: Visitor) -> None:
    def tell(viewer: SomeViewer) -> Response:
        return viewer.go("/sessions", "The <b> is there.")

    visitor.bench.dashboard.app.add_api_route("/tell", tell, response_model=None)

    answer = visitor.send("GET", "/tell")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sessions")
    assert "The &lt;b&gt; is there." in visitor.get("/sessions")
    assert "is there." not in visitor.get("/sessions")


def test_what_is_written_is_written_by_whoever_still_may(visitor: Visitor) -> None:
    viewer = seen(visitor)
    with viewer.store.write():
        pass
    visitor.post("/sign-out", status=303)
    with pytest.raises(UnauthenticatedError, match="session was ended"), viewer.store.write():
        raise AssertionError


def test_a_token_that_is_revoked_or_rolled_ends_the_session(visitor: Visitor) -> None:
    one = visitor.with_grants({grant(Resource.LISTS, Level.READ, ACCOUNT_WIDE)})
    viewer = seen(one, "/looked")
    token = viewer.who.principal.token_id

    roll_token(visitor.bench.store, token, actor="t", at=visitor.bench.now)
    one.get("/looked", 303)
    with pytest.raises(UnauthenticatedError), viewer.store.note():
        raise AssertionError
    revoke_token(visitor.bench.store, token, actor="t", at=visitor.bench.now)
    assert "revoked" in one.get("/sign-in")


def test_a_session_goes_on_as_long_as_somebody_works(visitor: Visitor) -> None:
    idle = visitor.bench.options.times.idle
    for _ in range(3):
        visitor.bench.now += idle - 1
        visitor.get("/sessions")
    visitor.bench.now += idle
    visitor.get("/sessions", 303)


def test_a_script_that_asks_by_itself_keeps_no_session(visitor: Visitor) -> None:
    idle = visitor.bench.options.times.idle
    json = {"Accept": "application/json"}
    seen(visitor, "/looked")
    visitor.bench.now += idle - 1
    assert visitor.send("GET", "/looked", headers=json).status_code == 200
    visitor.bench.now += 1
    assert visitor.send("GET", "/looked", headers=json).status_code == 401


def test_a_script_that_somebody_works_with_does(visitor: Visitor) -> None:
    idle = visitor.bench.options.times.idle

    def work(viewer: SomeViewer) -> Response:
        return viewer.json({"at": viewer.at})

    app = visitor.bench.dashboard.app
    app.add_api_route("/work", work, methods=["POST"], response_model=None)
    for _ in range(2):
        visitor.bench.now += idle - 1
        assert visitor.ask("/work", {}) == {"at": visitor.bench.now}


def test_a_store_that_cannot_be_written_to_fails_no_page(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(type(visitor.bench.store), "note", full)
    for _ in range(3):
        visitor.bench.now += 1000
        visitor.get("/sessions")
        visitor.bench.dashboard.settle()


def test_who_is_signed_in_is_in_the_log(visitor: Visitor) -> None:
    viewer = seen(visitor)

    assert viewer.request.state.token_id == viewer.who.principal.token_id
