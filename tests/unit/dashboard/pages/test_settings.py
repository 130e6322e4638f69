# SPDX-License-Identifier: Apache-2.0
"""The page of settings: the account, zones, this node, and what is one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz import __version__
from authz.dashboard.installation import Addresses, Installation
from authz.services.accounts import get_account
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.zones import change_zone, list_zones
from authz.settings import Settings
from tests.factories.hostile import HOSTILE, shown_as_text

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

_POSTGRES = Settings.model_validate(
    {
        "database": "postgresql://user:***@db.example/authz",
        "data_dir": "/srv/authz",
        "policy": "/etc/authz/policy.yaml",
        "certificate_source": "xfcc",
        "metrics": {"listen": "off"},
    }
)


def _install(visitor: Visitor, settings: Settings, addresses: Addresses | None = None) -> None:
    site = visitor.bench.dashboard.app.state.site
    options = replace(
        site.options, installation=Installation(settings=settings, addresses=lambda: addresses)
    )
    visitor.bench.dashboard.app.state.site = replace(site, options=options)


def _zones(visitor: Visitor) -> list[str]:
    return [one.name for one in list_zones(visitor.bench.store)]


def test_the_account_is_renamed(visitor: Visitor) -> None:
    visitor.post("/settings/account", {"account_name": "Acme"})

    assert get_account(visitor.bench.store).name == "Acme"
    page = visitor.get("/settings")
    assert "The account is called Acme now." in page
    page = visitor.post("/settings/account", {"account_name": " "}, status=400).text
    assert "the name of the account is empty" in page.lower()


def test_a_zone_is_made(visitor: Visitor) -> None:
    answer = visitor.post("/settings/zones", {"zone_name": "Example.COM"})

    assert sorted(_zones(visitor)) == ["default", "example.com"]
    page = visitor.get(answer.headers["Location"])
    assert "The zone example.com is there. It has no rules yet" in page
    assert "example.com" in visitor.get("/settings")


@pytest.mark.parametrize(
    ("name", "told"),
    [("", "is no hostname"), ("default", "already"), ("*.x", "no name for a zone")],
)
def test_what_is_wrong_with_a_zone_is_told(visitor: Visitor, name: str, told: str) -> None:
    assert told in visitor.post("/settings/zones", {"zone_name": name}, status=400).text
    assert _zones(visitor) == ["default"]


def test_a_zone_whose_names_are_protected_is_made_after_that_was_told(visitor: Visitor) -> None:
    store = visitor.bench.store
    change_zone(store, "default", default_action="block", actor="t", at=visitor.bench.now)

    page = visitor.post("/settings/zones", {"zone_name": "example.com"}, status=409).text
    assert "the zone default blocks what no rule decides" in page
    assert "Create it all the same" in page
    assert _zones(visitor) == ["default"]

    visitor.post("/settings/zones", {"zone_name": "example.com", "force": "yes"})
    assert "example.com" in _zones(visitor)


def test_who_may_not_change_those_rules_makes_no_such_zone(visitor: Visitor) -> None:
    store = visitor.bench.store
    change_zone(store, "default", default_action="block", actor="t", at=visitor.bench.now)
    grants = [
        Grant(resource=Resource.ZONES, level=Level.WRITE, place=place)
        for place in (EVERY_ZONE, ACCOUNT_WIDE)
    ]

    other = visitor.with_grants(grants)
    fields = {"zone_name": "example.com", "force": "yes"}

    assert (
        "may not change that zone&#39;s rules"
        in other.post("/settings/zones", fields, status=403).text
    )


def test_whoever_may_only_read_is_offered_nothing(visitor: Visitor) -> None:
    reader = visitor.as_reader()

    page = reader.get("/settings")

    for offered in ("Rename", "Create zone", "Data directory"):
        assert offered not in page
    assert "How this node runs" in page
    assert ">Look</a>" in page
    reader.post("/settings/account", {"account_name": "x"}, status=403)
    reader.post("/settings/zones", {"zone_name": "example.com"}, status=403)


def test_whoever_may_next_to_nothing_has_what_is_their_own(visitor: Visitor) -> None:
    grants = [Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)]
    other = visitor.with_grants(grants)

    page = other.get("/settings")

    assert "Appearance" in page
    assert 'href="/sessions"' in page
    for hidden in ("How this node runs", 'id="account"', 'id="zones"'):
        assert hidden not in page


def test_how_the_node_runs(visitor: Visitor) -> None:
    addresses = Addresses(grpc=("127.0.0.1:1", "127.0.0.1:2"), admin="127.0.0.1:8080")
    _install(visitor, _POSTGRES, addresses)

    page = visitor.get("/settings")

    assert __version__ in page
    assert "127.0.0.1:1, 127.0.0.1:2" in page
    assert '<dd class="wrap">PostgreSQL</dd>' in page
    assert "x-forwarded-client-cert, element 1 from the right" in page
    assert "/srv/authz" in page
    assert "/etc/authz/policy.yaml" in page
    assert "db.example" not in page
    assert "not served" in page
    assert "/srv/authz" not in visitor.as_reader().get("/settings")


def test_before_the_node_has_said_where_it_listens_its_settings_do(visitor: Visitor) -> None:
    page = visitor.get("/settings")

    assert "127.0.0.1:50051" in page
    assert "SQLite" in page


def test_hostile_names_are_text(visitor: Visitor) -> None:
    visitor.post("/settings/account", {"account_name": HOSTILE})

    assert shown_as_text(visitor.get("/settings"))
    assert shown_as_text(visitor.post("/settings/zones", {"zone_name": HOSTILE}, status=400).text)
