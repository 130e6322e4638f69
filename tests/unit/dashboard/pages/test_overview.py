# SPDX-License-Identifier: Apache-2.0
"""How a zone is, on its overview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.ca.names import Subject
from authz.services.activity import keep_activity
from authz.services.hosts import add_host
from authz.services.issuance import NewKey, issue_certificate
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, EVERYTHING, Grant, Level, Resource
from authz.services.zones import change_zone, create_zone
from tests.factories.hostile import HOSTILE, shown_as_text

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

_ZONE = "/zones/{zone}"


def test_while_nothing_is_protected_it_leads_to_the_first_steps(visitor: Visitor) -> None:
    page = visitor.get(_ZONE)

    assert "Protect your first path" in page
    assert "0 of 5 done" in page
    assert f'href="/zones/{visitor.bench.zone_id}/start">Get started</a>' in page
    visitor.bench.world.ca()
    assert "Nothing is protected yet" in visitor.get(_ZONE)
    visitor.bench.world.host("api.example.com")
    assert "of 5 done" not in visitor.get(_ZONE)


def test_cards_count_what_there_is(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.protect()
    alice, bob = world.issue("alice"), world.issue("bob")
    world.revoke(bob)
    seen = {alice.certificate.fingerprint_sha256: visitor.bench.now - 60}
    keep_activity(visitor.bench.store, seen)
    for number in range(5):
        add_host(
            visitor.bench.store,
            f"h{number}.example.com",
            authority="Acme",
            actor="t",
            at=visitor.bench.now,
        )

    page = visitor.get(_ZONE)

    assert '<p class="figure">6</p>' in page
    assert "api.example.com" in page
    assert "and 2 more" in page
    assert '<p class="figure">1 <span class="quiet">active</span></p>' in page
    assert "1 revoked" in page
    assert "Last seen 1 minute ago" in page
    assert "Version 1, deployed" in page
    assert "What no rule decides is allowed." in page
    assert "5 without a rule" in page
    assert "h0.example.com, h1.example.com, h2.example.com and 2 more" in page


def test_what_is_to_be_looked_at_comes_with_what_to_do(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    add_host(
        visitor.bench.store, "x.example.com", authority="Acme", actor="t", at=visitor.bench.now
    )
    page = visitor.get(_ZONE)
    assert "no rule asks for a certificate" in page
    assert f'href="/zones/{visitor.bench.zone_id}/rules/mtls"' in page
    assert "1 without a rule" in page

    change_zone(
        visitor.bench.store, "default", default_action="block", actor="t", at=visitor.bench.now
    )
    page = visitor.get(_ZONE)
    assert "nobody gets through" in page
    assert f'href="/zones/{visitor.bench.zone_id}/settings"' in page


def test_where_all_is_in_order_it_says_so(visitor: Visitor) -> None:
    visitor.bench.world.protect()

    assert "Nothing to look at" in visitor.get(_ZONE)


def test_whoever_may_see_little_sees_that(visitor: Visitor) -> None:
    visitor.bench.world.protect()
    other = visitor.with_grants(
        [Grant(resource=Resource.ZONES, level=Level.READ, place=EVERY_ZONE)]
    )

    page = other.get(_ZONE)

    for hidden in ("Hosts with mTLS", "Client certificates", "Rules in force", "api.example.com"):
        assert hidden not in page
    assert "Protect your first path" not in page


def test_hosts_are_told_to_those_who_may_know_them(visitor: Visitor) -> None:
    visitor.bench.world.protect()
    add_host(
        visitor.bench.store, "shop.example.com", authority="Acme", actor="t", at=visitor.bench.now
    )
    read = [
        Grant(resource=resource, level=Level.READ, place=EVERY_ZONE)
        for resource in (Resource.ZONES, Resource.RULES)
    ]

    assert "mTLS is on for shop.example.com" in visitor.get(_ZONE)
    assert "shop.example.com" not in visitor.with_grants(read).get(_ZONE)


def test_a_name_is_text(visitor: Visitor) -> None:
    visitor.bench.world.protect(authority=HOSTILE[:60])
    visitor.bench.now += 60 * 365 * 86_400

    # The session is over by then.
    later = visitor.with_grants(EVERYTHING, "later")

    page = later.get(_ZONE)

    assert shown_as_text(page, HOSTILE[:60])
    assert "it verifies nobody" in page
    assert shown_as_text(later.get(f"{_ZONE}/start"), HOSTILE[:60])


def test_home_leads_to_the_overview(visitor: Visitor) -> None:
    assert visitor.send("GET", "/").headers["Location"] == f"/zones/{visitor.bench.zone_id}"
    lists = Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)
    assert visitor.with_grants([lists]).send("GET", "/").headers["Location"] == "/lists"


def test_every_zone_has_its_own(visitor: Visitor) -> None:
    visitor.bench.world.protect()
    made = create_zone(
        visitor.bench.store, "shop.test", force=True, actor="t", at=visitor.bench.now
    ).zone

    assert "Protect your first path" in visitor.get(f"/zones/{made.id}")
    assert "api.example.com" not in visitor.get(f"/zones/{made.id}")


@pytest.mark.parametrize(("number", "told"), [(1, "1 expires"), (2, "2 expire")])
def test_what_expires_soon_is_counted_in_good_english(
    visitor: Visitor, number: int, told: str
) -> None:
    visitor.bench.world.ca()
    for name in range(number):
        issue_certificate(
            visitor.bench.store,
            NewKey(subject=Subject.of(f"c{name}")),
            zone="default",
            days=5,
            encryption=visitor.bench.world.encryption,
            actor="t",
            at=visitor.bench.now,
        )

    page = visitor.get("/zones/{zone}")

    assert f">{told} within 30 days<" in page
    assert "revoked</p>" in page
