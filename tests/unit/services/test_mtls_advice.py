# SPDX-License-Identifier: Apache-2.0
"""Whom an mTLS rule locks out that it should not, and what it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.services.context import zone_of
from authz.services.hosts import add_host
from authz.services.mtls_advice import Advice, Code, mtls_advice, zone_trust
from authz.services.mtls_rules import MtlsRule, Shape
from authz.services.revocation import revoke_certificate
from authz.services.zones import create_zone
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

DAY = 86_400.0


@pytest.fixture
def asking(world: World) -> World:
    """A zone with a CA that one host and one wildcard ask for."""
    world.ca()
    for name in ("api.example.com", "*.dev.example.com"):
        add_host(world.store, name, authority="Acme", actor="t", at=AT)
    return world


def _advice(world: World, rule: MtlsRule, at: float = AT) -> list[Advice]:
    with world.store.read() as session:
        zone = zone_of(session, "default")
    return mtls_advice(world.store, zone_trust(world.store, zone), rule, at=at)


def _codes(world: World, rule: MtlsRule, at: float = AT) -> list[Code]:
    return [one.code for one in _advice(world, rule, at)]


def test_there_is_nothing_to_say_of_a_good_rule(asking: World) -> None:
    rule = MtlsRule(paths=("/admin", "/admin/*"), hostnames=("api.example.com",))

    assert _codes(asking, rule) == []
    below = MtlsRule(paths=rule.paths, hostnames=("x.dev.example.com", "*.x.dev.example.com"))
    assert _codes(asking, below) == []


def test_where_no_host_asks_for_certificates_everybody_is_locked_out(world: World) -> None:
    (first,) = _advice(world, MtlsRule(paths=("/admin/*", "/admin")))

    assert (first.code, first.serious) == (Code.NO_HOSTS, True)
    assert "the rule blocks everybody" in first.message


def test_hosts_that_ask_for_no_certificates_are_told(asking: World) -> None:
    paths = ("/admin", "/admin/*")

    (one,) = _advice(asking, MtlsRule(paths=paths, hostnames=("www.example.com",)))
    assert one.code is Code.HOST_WITHOUT_MTLS
    assert one.message.startswith("www.example.com does not ask")
    hosts = ("a.x", "b.x", "api.example.com", "c.x", "dev.example.com")
    (some,) = _advice(asking, MtlsRule(paths=paths, hostnames=hosts))
    assert some.message.startswith("a.x, b.x, c.x and 1 more do not ask")
    (every,) = _advice(asking, MtlsRule(paths=paths))
    assert (every.code, every.serious) == (Code.OTHER_HOSTS, False)
    assert "*.dev.example.com, api.example.com ask for them" in every.message or (
        "api.example.com, *.dev.example.com ask for them" in every.message
    )


def test_hosts_of_another_zone_are_never_seen(asking: World) -> None:
    create_zone(asking.store, "shop.example", actor="t", at=AT)
    paths = ("/admin", "/admin/*")

    assert _codes(asking, MtlsRule(paths=paths, hostnames=("www.shop.example",))) == [
        Code.HOST_ELSEWHERE
    ]
    (two,) = _advice(asking, MtlsRule(paths=paths, hostnames=("a.shop.example", "shop.example")))
    assert two.message.startswith("a.shop.example, shop.example belong to other zones")


def test_a_rule_that_locks_everything_is_told(asking: World) -> None:
    assert _codes(asking, MtlsRule(paths=())) == [Code.WHOLE_ZONE, Code.OTHER_HOSTS]
    assert _codes(asking, MtlsRule(paths=("/*",), hostnames=("api.example.com",))) == [
        Code.WHOLE_HOST
    ]


def test_paths_that_stay_open_are_told_with_what_to_add(asking: World) -> None:
    (one,) = _advice(asking, MtlsRule(paths=("/admin",), hostnames=("api.example.com",)))

    assert (one.code, one.path) == (Code.LEFT_OPEN, "/admin/*")
    assert one.message == "What is below /admin stays open"


def test_the_plain_form_lets_revoked_certificates_in(asking: World) -> None:
    rule = MtlsRule(paths=("/a", "/a/*"), hostnames=("api.example.com",), shape=Shape.PLAIN)

    assert _codes(asking, rule) == [Code.REVOKED_ENTER]


def test_certificates_that_let_nobody_in_are_told(asking: World) -> None:
    good, gone = asking.issue("alice", days=30), asking.issue("bob")
    revoke_certificate(asking.store, gone.certificate.id, actor="t", at=AT)
    pins = tuple(one.certificate.fingerprint_sha256 for one in (good, gone))
    rule = MtlsRule(
        paths=("/a", "/a/*"),
        hostnames=("api.example.com",),
        shape=Shape.PINNED,
        fingerprints=("ab" * 32, *pins),
    )

    first, second = _advice(asking, rule)
    assert (first.code, first.serious) == (Code.PIN_OF_NO_USE, True)
    assert "bob" in first.message
    assert "is revoked" in first.message
    assert (second.code, second.serious) == (Code.PIN_UNKNOWN, False)
    later = _advice(asking, rule, at=AT + 31 * DAY)
    assert ["has expired" in one.message for one in later[:2]].count(True) == 1


def test_an_issuer_that_no_host_asks_for_is_told(asking: World) -> None:
    asking.ca("Spare")
    with asking.store.read() as session:
        zone = zone_of(session, "default")
    trust = zone_trust(asking.store, zone)
    skis = {one.name: one.skis[0] for one in trust.authorities.values()}
    paths, hosts = ("/a", "/a/*"), ("api.example.com",)

    def codes(*issuers: str) -> list[Advice]:
        rule = MtlsRule(paths=paths, hostnames=hosts, shape=Shape.ISSUER, issuers=issuers)
        return _advice(asking, rule)

    assert codes(skis["Acme"].upper()) == []
    (one,) = codes(skis["Spare"])
    assert one.code is Code.ISSUER_NOT_ASKED
    assert "certificates of Spare" in one.message
    (unknown,) = codes(skis["Acme"], "00")
    assert "certificates of 00" in unknown.message
