# SPDX-License-Identifier: Apache-2.0
"""Switching mTLS on and off for hostnames."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from authz.certs.pem import write_pem
from authz.dashboard.pages import hosts
from authz.services.audit_log import latest_entries
from authz.services.authority_creation import upload_authority
from authz.services.hosts import list_hosts
from authz.services.permissions import EVERYTHING, Resource
from authz.services.rulesets import get_rules
from authz.services.zones import create_zone
from tests.factories.issuing import root
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/client-certificates/hosts"


def _hosts(visitor: Visitor) -> dict[str, list[str]]:
    return {
        one.hostname: [each.name for each in one.authorities]
        for one in list_hosts(visitor.bench.store)
    }


def _uploaded(visitor: Visitor) -> str:
    pem = write_pem(root().certificate.der, "CERTIFICATE")
    made = upload_authority(visitor.bench.store, pem, name="Partner", actor="test", at=AT)
    return made.authority.id


def _choices(page: str) -> list[str]:
    return re.findall(r'<option value="[0-9a-f]{32}"[^>]*>(.*?)</option>', page)


def test_without_an_authority_the_page_says_how_to_get_one(visitor: Visitor) -> None:
    page = visitor.get(PAGE)

    assert "no authority yet" in page
    assert "/authorities/new" in page
    assert "/authorities/upload" in page


def test_a_hostname_is_switched_on_with_the_rule_that_guards_it(visitor: Visitor) -> None:
    known = visitor.bench.world.ca()

    answer = visitor.post(
        PAGE, {"hostname": "API.example.com", "authority_id": known.authority.id, "protect": "yes"}
    )

    page = visitor.get(str(answer.headers["Location"]))
    assert "and a new rule blocks requests without a valid one" in page
    assert "Block requests to api.example.com without a valid certificate" in page
    assert _hosts(visitor) == {"api.example.com": ["Acme"]}
    (rule,) = get_rules(visitor.bench.store, "default").rules
    assert 'http.host eq "api.example.com"' in rule["expression"]
    (row, *_) = latest_entries(visitor.bench.store, of="api.example.com")
    assert row.action == "host.add"
    assert row.actor.startswith("token test")


def test_without_the_rule_the_page_says_that_nothing_blocks(visitor: Visitor) -> None:
    known = visitor.bench.world.ca()

    answer = visitor.post(PAGE, {"hostname": "*.example.com", "authority_id": known.authority.id})

    page = visitor.get(str(answer.headers["Location"]))
    assert "it blocks nobody yet" in page
    assert "No rule blocks yet" in page
    assert "/rules/mtls?host=%2A.example.com" in page
    assert get_rules(visitor.bench.store, "default").rules == ()


def test_a_rule_that_is_there_is_not_made_again(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.protect()
    other = world.ca("Other")

    answer = visitor.post(
        PAGE,
        {"hostname": "api.example.com", "authority_id": other.authority.id, "protect": "yes"},
    )

    assert "a rule that was there" in visitor.get(str(answer.headers["Location"]))
    assert len(get_rules(visitor.bench.store, "default").rules) == 1
    assert _hosts(visitor) == {"api.example.com": ["Acme", "Other"]}


@pytest.mark.parametrize(
    ("hostname", "told"),
    [
        ("", "is no hostname"),
        ("https://a.example", "is no hostname"),
        ("<b>.example", "is no hostname"),
        ("shop.example", "belongs to the zone shop.example"),
        ("api.example.com", "asks for certificates of Acme already"),
    ],
)
def test_what_cannot_be_switched_on_is_told(visitor: Visitor, hostname: str, told: str) -> None:
    create_zone(visitor.bench.store, "shop.example", actor="test", at=AT)
    visitor.bench.world.protect()
    (host,) = list_hosts(visitor.bench.store)

    answer = visitor.post(PAGE, {"hostname": hostname, "authority_id": host.authorities[0].id}, 400)

    assert told in answer.text
    assert "<b>" not in answer.text
    assert _hosts(visitor) == {"api.example.com": ["Acme"]}


@pytest.mark.parametrize("authority_id", ["", "0" * 32, "Acme"])
def test_an_authority_has_to_be_chosen(visitor: Visitor, authority_id: str) -> None:
    visitor.bench.world.ca()

    answer = visitor.post(PAGE, {"hostname": "a.example", "authority_id": authority_id}, 400)

    assert "No authority is chosen" in answer.text
    assert 'value="a.example"' in answer.text


def test_a_hostname_is_switched_off(visitor: Visitor) -> None:
    visitor.bench.world.protect()

    visitor.post(f"{PAGE}/remove", {"hostname": "api.example.com"})

    assert _hosts(visitor) == {}
    assert "does not ask for certificates of Acme any more" in visitor.get(PAGE)
    assert len(get_rules(visitor.bench.store, "default").rules) == 1


def test_one_of_two_authorities_goes(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.protect()
    other = world.ca("Other")
    world.host("api.example.com", "Other")
    assert 'aria-label="Remove Acme from api.example.com"' in visitor.get(PAGE)

    visitor.post(
        f"{PAGE}/remove", {"hostname": "api.example.com", "authority_id": other.authority.id}
    )

    assert _hosts(visitor) == {"api.example.com": ["Acme"]}
    visitor.post(f"{PAGE}/remove", {"hostname": "other.example.com"}, 404)


def test_hostnames_have_pages_and_are_searched(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "PER_PAGE", 5)
    visitor.bench.world.ca()
    for number in range(11):
        visitor.bench.world.host(f"h{number}.example.com")

    first, last = visitor.get(PAGE), visitor.get(f"{PAGE}?page=3")
    found = visitor.get(f"{PAGE}?search=H1")

    assert first.count('<th scope="row">') == 5
    assert "11 hostnames." in first
    assert f'rel="next" href="{visitor.bench.path(PAGE)}?page=2"' in first
    assert last.count('<th scope="row">') == 1
    assert 'rel="next"' not in last
    assert "2 hostnames." in found
    assert "h10.example.com" in found
    assert "h2.example.com" not in found
    assert "No hostname fits." in visitor.get(f"{PAGE}?search=nothing")


def test_many_rules_are_counted(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.protect("*.example.com")
    for name in "abcd":
        world.host(f"{name}.example.com")
        world.host(f"*.{name}.example.com")

    page = visitor.get(PAGE)

    assert "Block requests to *.example.com without a valid certificate" in page


def test_authorities_of_the_account_are_offered_to_who_may_know_them(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    uploaded = _uploaded(visitor)
    of_zone = visitor.with_grants(
        one
        for one in EVERYTHING
        if not (one.resource is Resource.CERTIFICATES and one.place == "account")
    )

    assert sorted(_choices(visitor.get(PAGE))) == ["Acme", "Partner (your own)"]
    assert _choices(of_zone.get(PAGE)) == ["Acme"]
    fields = {"hostname": "b.example", "authority_id": uploaded}
    of_zone.post(PAGE, fields, 400)

    visitor.post(PAGE, fields)

    page = of_zone.get(PAGE)
    assert "Partner (your own)" in _choices(page)
    assert f"/authorities/{uploaded}" not in page


def test_who_may_not_make_rules_is_not_offered_one(visitor: Visitor) -> None:
    known = visitor.bench.world.ca()
    others = visitor.with_grants(one for one in EVERYTHING if one.resource is not Resource.RULES)
    fields = {"hostname": "a.example", "authority_id": known.authority.id}

    page = others.get(PAGE)
    others.post(PAGE, {**fields, "protect": "yes"}, 403)
    assert _hosts(visitor) == {}
    others.post(PAGE, fields)

    assert 'name="protect"' not in page
    assert "Your token may not see rules" in others.get(PAGE)
    assert _hosts(visitor) == {"a.example": ["Acme"]}


def test_a_zone_says_which_hostnames_are_its_own(visitor: Visitor) -> None:
    store = visitor.bench.store
    other = create_zone(store, "shop.example", actor="test", at=AT).zone
    visitor.bench.world.ca("Shop", "shop.example")

    page = visitor.get(f"/zones/{other.id}/client-certificates/hosts")

    assert "The zone has shop.example and what is below it." in page
    assert "api.shop.example" in page


def test_a_reader_is_offered_nothing(visitor: Visitor) -> None:
    visitor.bench.world.protect()
    reader = visitor.as_reader()

    page = reader.get(PAGE)
    reader.post(PAGE, {"hostname": "b.example"}, 403)
    reader.post(f"{PAGE}/remove", {"hostname": "api.example.com"}, 403)

    assert "Switch" not in page
    assert "<form" not in page.partition("<main")[2]
    assert _hosts(visitor) == {"api.example.com": ["Acme"]}
