# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.observability.events import Event
from authz.observability.recorded import LeftOut, Recorded
from authz.services.activity import Retention, forget_old, keep_activity
from authz.services.hosts import add_host
from authz.services.zones import create_zone
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def _event(**changes: Any) -> Event:
    values = dict.fromkeys(
        (
            *("id", "verdict", "reason", "site", "rule", "action", "detail", "host", "path"),
            *("client_ip", "fingerprint", "failure"),
        ),
        "",
    )
    flags = {"presented": False, "verified": False, "revoked": False}
    return Event(**{**values, **flags, "at": AT, "logged": (), "generation": 1, **changes})


def test_an_event_is_kept_with_the_zone_of_its_site(world: World) -> None:
    zones = {
        name: create_zone(world.store, name, actor="me", at=AT).zone.id
        for name in ("example.com", "shop.example.com")
    }
    with world.store.read() as session:
        default = session.zones.named("default")
    assert default is not None
    world.ca()
    add_host(world.store, "example.org", authority="Acme", actor="me", at=AT)
    sites: dict[str, str | None] = {
        "example.com": zones["example.com"],
        "*.example.com": zones["example.com"],
        "example.com (other hosts)": zones["example.com"],
        "a.shop.example.com": zones["shop.example.com"],
        "a.example.com (store)": zones["example.com"],
        "default (store)": default.id,
        "default (other hosts)": default.id,
        "example.org": default.id,
        # Nobody's: the account's alone.
        "a site of a policy file": None,
        "default": None,
        "www.example.com": None,
        "example.net": None,
        "": None,
    }

    keep_activity(
        world.store,
        {},
        [_event(id=site, site=site) for site in sites],
        file_sites=["a site of a policy file", "default", "www.example.com"],
    )

    with world.store.read() as session:
        assert {one.id: one.zone_id for one in session.events.latest(most=99)} == sites


def test_without_a_policy_file_the_site_default_is_the_zone_s(world: World) -> None:
    keep_activity(world.store, {}, [_event(id="1", site="default")])

    with world.store.read() as session:
        (event,) = session.events.latest(most=2)
        zone = session.zones.named("default")
    assert zone is not None
    assert event.zone_id == zone.id


def test_what_a_client_wrote_is_kept_whatever_it_is(world: World) -> None:
    hosts = {
        "API.example.com:8443": "api.example.com",
        "münchen.example": "xn--mnchen-3ya.example",
        "a\0b": "a\\x00b",
        "a, b": "a, b",
        "x" * 256: "x" * 255,
        "": "",
    }
    keep_activity(world.store, {}, [_event(id=str(n), host=one) for n, one in enumerate(hosts)])

    with world.store.read() as session:
        found = session.events.latest(most=99)[::-1]
    assert [one.host for one in found] == list(hosts.values())
    assert [one.event["host"] for one in found] == list(hosts)


def test_a_request_is_kept_with_its_event(world: World) -> None:
    recorded = Recorded(request=b"\0asked", left_out=LeftOut(headers=("cookie",), query=True))
    keep_activity(
        world.store, {}, [_event(id="1", recorded=recorded, path="/a\0b", weight=3), _event(id="2")]
    )

    with world.store.read() as session:
        plain, with_request = session.events.latest(most=2)
        kept = session.events.request(with_request.number)
        assert session.events.request(plain.number) is None
    assert kept is not None
    assert (kept.request, kept.left_out) == (b"\0asked", {"headers": ["cookie"], "query": True})
    assert (with_request.path, with_request.weight) == ("/a\\x00b", 3)
    assert "recorded" not in with_request.event
    assert with_request.bytes > plain.bytes > 100


def test_what_is_old_or_too_much_goes(world: World) -> None:
    some = [_event(id=str(n), at=AT + n) for n in range(5)]
    keep_activity(world.store, {}, some)

    def kept(**changes: Any) -> list[str]:
        forget_old(world.store, AT + 10, Retention(**changes))
        with world.store.read() as session:
            return [one.id for one in session.events.latest(most=9)]

    assert kept() == ["4", "3", "2", "1", "0"]
    assert kept(seconds=9) == ["4", "3", "2", "1"]
    assert kept(events=3) == ["4", "3", "2"]
    with world.store.read() as session:
        each = session.events.latest(most=1)[0].bytes
    assert kept(bytes=2 * each + 1) == ["4", "3"]
