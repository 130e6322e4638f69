# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.observability.events import Event
from authz.services.activity import keep_activity
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
