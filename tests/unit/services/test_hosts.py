# SPDX-License-Identifier: Apache-2.0
"""Hostnames and the authorities they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import (
    CertificateError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from authz.services.authority_creation import upload_authority
from authz.services.hosts import (
    add_host,
    hostnames_of,
    list_hosts,
    remove_host,
    replace_hosts,
)
from authz.services.rulesets import append_rule, get_rules
from authz.services.zones import create_zone
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from authz.services.hosts import AddedHost
    from tests.unit.services.conftest import World


def _add(world: World, hostname: str, authority: str = "Acme", **changes: Any) -> AddedHost:
    return add_host(world.store, hostname, authority=authority, actor="tester", at=AT, **changes)


def _listed(world: World) -> list[tuple[str, str, list[str]]]:
    return [
        (one.hostname, one.zone.name, [each.name for each in one.authorities])
        for one in list_hosts(world.store)
    ]


def test_a_host_asks_and_no_rule_is_made(world: World) -> None:
    world.ca()
    added = _add(world, "API.example.com")

    assert added.rule is None
    assert str(added.protection["expression"]).startswith('(http.host eq "api.example.com" and')
    assert _listed(world) == [("api.example.com", "default", ["Acme"])]
    assert get_rules(world.store, "default").rules == ()
    row = world.last()
    assert (row.action, row.object_type, row.object_id) == ("host.add", "host", "api.example.com")


def test_protection_is_the_last_rule_of_the_zone(world: World) -> None:
    world.ca()
    first = {"ref": "first", "expression": "ssl", "action": "log"}
    append_rule(world.store, "default", first, actor="t", at=AT)
    added = _add(world, "a.example", protect=["/admin"])

    rules = get_rules(world.store, "default")
    assert added.rule == rules.rules[-1]
    assert rules.rules[0]["ref"] == "first"
    assert rules.version == 2
    assert added.rule is not None
    assert "/admin" in added.rule["expression"]
    assert world.last().after is not None
    assert world.last().after["rule"]["id"] == added.rule["id"]  # type: ignore[index]  # not None


def test_what_is_there_already(world: World) -> None:
    world.ca()
    _add(world, "a.example")

    with pytest.raises(ConflictError, match="asks for certificates of Acme already"):
        _add(world, "a.example")
    assert _add(world, "a.example", protect=[]).rule is not None
    assert len(_listed(world)) == 1


def test_the_zone_that_has_the_host_is_found(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca(zone="example.com")

    assert _add(world, "a.example.com").zone.name == "example.com"
    assert _add(world, "c.example.com", zone="example.com").zone.name == "example.com"
    with pytest.raises(InvalidInputError, match=r"belongs to the zone example\.com"):
        _add(world, "b.example.com", zone="default")


def test_an_embedded_ca_serves_its_own_zone(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca()

    with pytest.raises(InvalidInputError, match="belongs to another zone"):
        _add(world, "a.example.com")


def test_an_uploaded_ca_serves_every_zone(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    upload_authority(world.store, root().pem, name="own", actor="t", at=AT)

    _add(world, "a.example.com", "own")
    _add(world, "a.example", "own")
    assert len(_listed(world)) == 2


def test_two_authorities_of_a_host_may_not_be_the_same_one(world: World) -> None:
    for name in ("one", "two"):
        upload_authority(world.store, root().pem, name=name, actor="t", at=AT)
    _add(world, "a.example", "one")

    with pytest.raises(CertificateError, match="is an anchor of 'one' as well"):
        _add(world, "a.example", "two")
    with pytest.raises(CertificateError):
        replace_hosts(world.store, "default", "two", ["a.example"], actor="t", at=AT)
    assert _listed(world) == [("a.example", "default", ["one"])]


def test_authorities_that_differ_stand_side_by_side(world: World) -> None:
    world.ca()
    upload_authority(world.store, root().pem, name="own", actor="t", at=AT)
    _add(world, "a.example")
    _add(world, "a.example", "own")

    assert _listed(world) == [("a.example", "default", ["Acme", "own"])]


def test_nothing_is_kept_when_the_rule_does_not_compile(world: World) -> None:
    world.ca()
    rows = len(world.audited())

    with pytest.raises(InvalidInputError):
        _add(world, "a.example", protect=["admin"])
    assert _listed(world) == []
    assert len(world.audited()) == rows


def test_the_order_is_that_of_adding(world: World) -> None:
    world.ca()
    world.ca("Second")
    for name in ("b.example", "a.example"):
        _add(world, name)
    _add(world, "b.example", "Second")

    assert _listed(world) == [
        ("b.example", "default", ["Acme", "Second"]),
        ("a.example", "default", ["Acme"]),
    ]
    assert [one.hostname for one in list_hosts(world.store, "default")] == [
        "b.example",
        "a.example",
    ]


def test_the_list_of_an_authority_is_replaced(world: World) -> None:
    world.ca()
    _add(world, "old.example")

    names = replace_hosts(
        world.store, "default", "Acme", ["B.example", "a.example", "b.example"], actor="t", at=AT
    )

    assert names == ("b.example", "a.example")
    assert [one[0] for one in _listed(world)] == ["b.example", "a.example"]
    row = world.last()
    assert (row.action, row.before) == ("host.replace", {"hostnames": ["old.example"]})
    assert row.after == {
        "added": ["b.example", "a.example"],
        "removed": ["old.example"],
        "hostnames": ["b.example", "a.example"],
    }
    assert replace_hosts(world.store, "default", "Acme", [], actor="t", at=AT) == ()
    assert _listed(world) == []


def test_a_list_with_a_host_of_another_zone_is_refused(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca()

    with pytest.raises(InvalidInputError, match=r"belongs to the zone example\.com"):
        replace_hosts(world.store, "default", "Acme", ["a.example.com"], actor="t", at=AT)


def test_a_host_is_removed_from_one_authority_or_all(world: World) -> None:
    world.ca()
    world.ca("Second")
    for authority in ("Acme", "Second"):
        _add(world, "a.example", authority)

    def remove(**changes: Any) -> tuple[str, ...]:
        return remove_host(world.store, "A.example", actor="tester", at=AT, **changes)

    assert remove(authority="Acme") == ("Acme",)
    assert _listed(world) == [("a.example", "default", ["Second"])]
    with pytest.raises(NotFoundError, match="does not ask for certificates of Acme"):
        remove(authority="Acme")
    assert remove() == ("Second",)
    assert world.last().action == "host.remove"
    assert world.last().before is not None
    with pytest.raises(NotFoundError, match="of any authority"):
        remove()


def test_an_authority_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        _add(world, "a.example", "gone")


def test_a_rule_that_the_zone_has_is_not_made_again(world: World) -> None:
    world.ca()
    world.ca("Other")
    first = _add(world, "a.example", protect=[])
    second = add_host(world.store, "a.example", authority="Other", protect=[], actor="t", at=AT)

    assert (first.rule_is_new, second.rule_is_new) == (True, False)
    assert second.rule == first.rule
    with pytest.raises(ConflictError, match="protected like that already"):
        _add(world, "a.example", protect=[])


def test_the_hostnames_of_an_authority_in_their_order(world: World) -> None:
    known = world.ca()
    names = ("b.example.com", "*.a.example.com", "a.example.com")
    replace_hosts(
        world.store, "default", known.authority.id, [*names, "B.example.com"], actor="t", at=AT
    )

    zone_id = known.authority.zone_id
    assert zone_id is not None
    assert hostnames_of(world.store, zone_id, known.authority.id) == names
    assert hostnames_of(world.store, zone_id, "0" * 32) == ()


@pytest.mark.parametrize("wrong", ["no host", "api.example.org"])
def test_which_of_the_hostnames_is_wrong(world: World, wrong: str) -> None:
    create_zone(world.store, "example.com", actor="tester", at=AT)
    world.ca(zone="example.com")

    with pytest.raises(InvalidInputError) as caught:
        replace_hosts(
            world.store, "example.com", "Acme", ["a.example.com", wrong], actor="tester", at=AT
        )

    assert caught.value.where == "1"
    assert _listed(world) == []
