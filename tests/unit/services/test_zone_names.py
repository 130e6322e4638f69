# SPDX-License-Identifier: Apache-2.0
"""A zone gets another name, and keeps everything that is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.services.account_rules import entry_point
from authz.services.authentication import authenticate
from authz.services.authorities import get_authority
from authz.services.hosts import add_host, list_hosts
from authz.services.model import StoreModels
from authz.services.permissions import Grant, Level, Resource
from authz.services.rulesets import replace_rules
from authz.services.scopes import scope_of
from authz.services.tokens import create_token
from authz.services.zone_names import RenamedZone, rename_zone
from authz.services.zones import change_zone, create_zone, get_zone, list_zones
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.records import Zone
    from tests.unit.services.conftest import World

BLOCK = {"ref": "shut", "expression": 'http.host eq "a.example.com"', "action": "block"}


def _zone(world: World, name: str = "example.com") -> Zone:
    return create_zone(world.store, name, force=True, actor="tester", at=AT).zone


def _rename(world: World, named: str, name: str, **changes: Any) -> RenamedZone:
    return rename_zone(world.store, named, name, actor="tester", at=AT + 1, **changes)


def _rules(world: World, zone: str, rules: Sequence[dict[str, Any]]) -> None:
    replace_rules(world.store, zone, rules, actor="tester", at=AT)


def _sites(world: World) -> dict[str, tuple[str, ...]]:
    with world.store.read() as session:
        model = StoreModels().build(session).model
    return {one.name: one.hosts for one in model.sites}


def test_it_has_the_new_name_and_everything_below_it(world: World) -> None:
    zone = _zone(world)
    renamed = _rename(world, "example.com", "Example.ORG.")

    assert (renamed.zone.id, renamed.zone.name) == (zone.id, "example.org")
    assert (renamed.losses, renamed.naming) == ((), ())
    assert get_zone(world.store, "example.org") == renamed.zone
    with pytest.raises(NotFoundError):
        get_zone(world.store, "example.com")
    assert _sites(world)["example.org"] == ("example.org", "*.example.org")
    assert "example.com" not in _sites(world)
    row = world.last()
    assert (row.action, row.actor, row.object_id, row.zone_id) == (
        "zone.rename",
        "tester",
        zone.id,
        zone.id,
    )
    assert row.before is not None
    assert row.after is not None
    assert (row.before["name"], row.after["name"]) == ("example.com", "example.org")


def test_what_is_its_own_stays(world: World) -> None:
    zone = _zone(world, "api.example.com")
    world.ca(zone="api.example.com")
    client = world.issue(zone="api.example.com").certificate
    add_host(world.store, "a.api.example.com", authority="Acme", actor="t", at=AT)
    _rules(world, "api.example.com", [{**BLOCK, "expression": "true"}])
    grant = Grant(resource=Resource.RULES, level=Level.WRITE, place=zone.id)
    made = create_token(world.store, "bound", frozenset({grant}), actor="t", at=AT)

    # Wider: no name leaves it, and the zone default blocks nothing.
    _rename(world, zone.id, "example.com")

    (host,) = list_hosts(world.store, "example.com")
    assert (host.hostname, host.zone.id) == ("a.api.example.com", zone.id)
    known = get_authority(world.store, "Acme")
    assert known.zone is not None
    assert known.zone.name == "example.com"
    with world.store.read() as session:
        kept = session.certificates.get(client.id)
        ruleset = entry_point(session, scope_of(get_zone(world.store, "example.com")))
    assert kept is not None
    assert kept.zone_id == zone.id
    assert ruleset is not None
    assert authenticate(world.store, made.secret, at=AT + 2).may(
        Resource.RULES, Level.WRITE, zone.id
    )
    assert world.issue("bob", zone="example.com").certificate.zone_id == zone.id


@pytest.mark.parametrize("name", ["example.org", "default", "EXAMPLE.org."])
def test_a_name_that_is_taken(world: World, name: str) -> None:
    _zone(world)
    _zone(world, "example.org")
    rows = world.audited()

    with pytest.raises(ConflictError, match=r"there is a zone .* already"):
        _rename(world, "example.com", name)
    assert world.audited() == rows


@pytest.mark.parametrize("name", ["*.example.org", "", "a b", "192.0.2.1", "https://example.org"])
def test_a_name_that_is_none(world: World, name: str) -> None:
    _zone(world)

    with pytest.raises(InvalidInputError):
        _rename(world, "example.com", name)


def test_what_cannot_be_renamed(world: World) -> None:
    with pytest.raises(InvalidInputError, match="the zone default has every host") as caught:
        _rename(world, "default", "example.com", force=True)
    assert caught.value.hint == "authz zone create NAME makes a zone for a name"
    with pytest.raises(NotFoundError):
        _rename(world, "example.com", "example.org")


def test_the_name_that_it_has_changes_nothing(world: World) -> None:
    zone = _zone(world)
    rows = world.audited()

    assert _rename(world, "example.com", "EXAMPLE.com").zone == zone
    assert world.audited() == rows


def test_its_own_hosts_stay_in_it(world: World) -> None:
    _zone(world)
    world.ca(zone="example.com")
    for number in range(11):
        add_host(world.store, f"h{number}.example.com", authority="Acme", actor="t", at=AT)

    with pytest.raises(ConflictError) as caught:
        _rename(world, "example.com", "h0.example.com", force=True)

    assert "h1.example.com (in default then)" in caught.value.message
    assert "h0.example.com" not in caught.value.message
    with pytest.raises(ConflictError, match="and 1 more"):
        _rename(world, "example.com", "example.org", force=True)
    assert caught.value.hint == "remove them first: authz host remove h1.example.com"
    assert [one.name for one in list_zones(world.store)] == ["example.com", "default"]


def test_hosts_of_another_zone_are_not_taken(world: World) -> None:
    world.ca()
    add_host(world.store, "*.a.example.org", authority="Acme", actor="t", at=AT)
    _zone(world)

    with pytest.raises(ConflictError, match=r"\*\.a\.example\.org \(in example\.org then\)"):
        _rename(world, "example.com", "example.org", force=True)


def test_a_zone_inside_of_the_new_name_keeps_its_hosts(world: World) -> None:
    _zone(world, "a.example.org")
    world.ca(zone="a.example.org")
    add_host(world.store, "x.a.example.org", authority="Acme", actor="t", at=AT)
    _zone(world)

    assert _rename(world, "example.com", "example.org").losses == ()


def test_names_that_leave_are_protected_no_more(world: World) -> None:
    _zone(world)
    _rules(world, "example.com", [BLOCK])
    change_zone(world.store, "example.com", default_action="block", actor="t", at=AT)

    with pytest.raises(ConflictError, match="names would be protected no more") as caught:
        _rename(world, "example.com", "api.example.com")
    assert (
        "for example.com and what is below it, rules of the zone example.com block requests: "
        in (caught.value.message)
    )
    assert get_zone(world.store, "example.com")

    done = _rename(world, "example.com", "api.example.com", force=True)
    # Names that it has now, it had before.
    assert done.losses == (
        "for example.com and what is below it, rules of the zone example.com block requests: shut",
        "for example.com and what is below it, the zone example.com blocks what no rule decides",
    )
    row = world.last()
    assert row.after is not None
    assert len(row.after["no_longer_protected_by"]) == 2


def test_names_that_come_are_protected_by_their_zone_no_more(world: World) -> None:
    world.ca()
    add_host(world.store, "*.example.org", authority="Acme", actor="t", at=AT)
    _rules(world, "default", [{**BLOCK, "expression": "true"}])
    _zone(world)

    told = (
        r"for a\.example\.org and what is below it, \*\.example\.org of the zone default answers "
        r"for them; for a\.example\.org and what is below it, rules of the zone default block"
    )
    with pytest.raises(ConflictError, match=told):
        _rename(world, "example.com", "a.example.org")
    assert len(_rename(world, "example.com", "a.example.org", force=True).losses) == 2


def test_rules_with_the_old_name_are_told(world: World) -> None:
    _zone(world, "a.example.com")
    other = {"ref": "other", "expression": 'http.host eq "b.example.net"', "action": "log"}
    by_site = {"ref": "by-site", "expression": 'cf.zone.name eq "A.example.com"', "action": "log"}
    _rules(world, "a.example.com", [{**BLOCK, "action": "log"}, other, by_site])

    assert _rename(world, "a.example.com", "example.com").naming == ("shut", "by-site")


def test_names_that_leave_for_a_zone_that_is_less_strict(world: World) -> None:
    _zone(world)
    change_zone(world.store, "default", paths="as_sent", misdirected="ignore", actor="t", at=AT)
    change_zone(world.store, "example.com", paths="refuse", actor="t", at=AT)
    told = "for example.com and what is below it, the zone example.com has "

    with pytest.raises(ConflictError, match="paths: refuse, not as_sent") as caught:
        _rename(world, "example.com", "example.org")
    assert caught.value.hint is not None
    assert "rules and settings" in caught.value.hint

    assert _rename(world, "example.com", "example.org", force=True).losses == (
        f"{told}paths: refuse, not as_sent",
        f"{told}misdirected: answer_421, not ignore",
    )


def test_names_that_come_to_a_zone_that_is_less_strict(world: World) -> None:
    _zone(world)
    change_zone(world.store, "example.com", paths="as_sent", actor="t", at=AT)

    with pytest.raises(ConflictError, match="paths: compare, not as_sent"):
        _rename(world, "example.com", "example.org")

    change_zone(world.store, "default", paths="as_sent", actor="t", at=AT)
    assert _rename(world, "example.com", "example.org").losses == ()
