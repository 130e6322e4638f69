# SPDX-License-Identifier: Apache-2.0
"""A CA that was distrusted stays so: it issues nothing, and nobody begins to trust it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.certs.certificate import Certificate
from authz.errors import ConflictError, IssuerInactiveError, NotFoundError
from authz.services.authorities import get_authority, list_authorities, managed_of
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import set_status
from authz.services.context import audit
from authz.services.distrust import distrust_authority
from authz.services.hosts import add_host, remove_host, replace_hosts
from authz.store.records import serial_text
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def asked(world: World) -> list[tuple[str, str]]:
    """Which host asks for which authority."""
    with world.store.read() as session:
        names = {one.id: one.name for one in session.authorities.all()}
        return sorted((one.hostname, names[one.authority_id]) for one in session.hosts.all())


@pytest.fixture
def leaked(world: World) -> World:
    """Acme was distrusted, with its root, and so was Partner, an uploaded one."""
    world.ca(intermediate=True)
    upload_authority(world.store, root().pem, name="Partner", actor="tester", at=AT)
    for name in ("Acme", "Partner"):
        distrust_authority(
            world.store, name, encryption=world.encryption, actor="tester", at=AT + 1
        )
    return world


@pytest.mark.parametrize("name", ["Acme", "Partner"])
def test_it_is_not_made_active_by_accident(leaked: World, name: str) -> None:
    before = leaked.audited()
    with pytest.raises(ConflictError) as refused:
        set_status(leaked.store, name, "active", actor="tester", at=AT + 2)

    assert "was distrusted on 2" in refused.value.message
    assert "because of an incident" in refused.value.message
    assert str(refused.value.hint).startswith("make another: authz ca create")
    assert leaked.audited() == before
    assert get_authority(leaked.store, name).status == "distrusted"
    # To retire it changes nothing about that.
    assert set_status(leaked.store, name, "retired", actor="t", at=AT + 2).status == "distrusted"


def test_who_insists_is_written_down(leaked: World) -> None:
    known = set_status(leaked.store, "Acme", "active", force=True, actor="eve", at=AT + 2)

    assert (known.status, known.issues) == ("active", True)
    status, again, *_ = leaked.audited()
    assert (status.action, again.action, again.actor) == (
        "authority.status",
        "authority.trust_again",
        "eve",
    )
    assert again.object_id == known.authority.id
    assert known.issuing is not None
    serial = Certificate.from_der(known.issuing.der).serial_number
    assert again.after == {
        "forced": True,
        "restored": [{"authority_id": known.authority.id, "serial": serial_text(serial)}],
    }
    with leaked.store.read() as session:
        assert session.revocations.all(known.authority.id) == []
    add_host(leaked.store, "api.example.com", authority="Acme", actor="tester", at=AT + 3)
    assert leaked.issue("carol").certificate.authority_id == known.authority.id
    assert get_authority(leaked.store, "Partner").status == "distrusted"

    distrust_authority(
        leaked.store, "Acme", encryption=leaked.encryption, actor="tester", at=AT + 4
    )
    assert get_authority(leaked.store, "Acme").distrusted_at == AT + 4


def test_force_is_nothing_special_for_one_that_was_only_retired(world: World) -> None:
    world.ca()
    set_status(world.store, "Acme", "retired", actor="tester", at=AT)
    assert get_authority(world.store, "Acme").status == "retired"
    set_status(world.store, "Acme", "active", force=True, actor="tester", at=AT)
    assert [one.action for one in world.audited()][:2] == ["authority.status"] * 2


def test_one_that_a_successor_followed_is_not_distrusted(world: World) -> None:
    world.ca()
    distrust_authority(world.store, "Acme", encryption=world.encryption, actor="tester", at=AT)
    assert get_authority(world.store, "Acme").status == "active"


@pytest.mark.parametrize("name", ["Acme", "Partner"])
def test_no_host_begins_to_ask_for_it(leaked: World, name: str) -> None:
    with pytest.raises(ConflictError, match=r"was distrusted on .*: whoever has its key"):
        add_host(leaked.store, "api.example.com", authority=name, actor="tester", at=AT + 2)
    with pytest.raises(ConflictError, match="was distrusted on"):
        replace_hosts(leaked.store, "default", name, ["api.example.com"], actor="tester", at=AT + 2)
    assert asked(leaked) == []


def test_a_host_that_asks_for_it_all_the_same_can_stop(leaked: World) -> None:
    """As a program of the release before may have left it."""
    set_status(leaked.store, "Acme", "active", force=True, actor="tester", at=AT + 2)
    for host in ("a.example.com", "b.example.com", "c.example.com"):
        add_host(leaked.store, host, authority="Acme", actor="tester", at=AT + 2)
    as_of_before(leaked)

    replace_hosts(
        leaked.store, "default", "Acme", ["b.example.com", "a.example.com"], actor="t", at=AT + 4
    )
    remove_host(leaked.store, "b.example.com", actor="tester", at=AT + 4)
    assert asked(leaked) == [("a.example.com", "Acme")]
    done = distrust_authority(
        leaked.store, "Acme", encryption=leaked.encryption, keep_root=True, actor="t", at=AT + 5
    )
    assert (asked(leaked), done.taken) == ([], "it was distrusted before, and issues no more")


def as_of_before(world: World) -> None:
    """Acme was distrusted, but is active and asked for: nobody of the release before minds."""
    authority = get_authority(world.store, "Acme").authority
    with world.store.write() as session:
        audit(
            session,
            "authority.distrust",
            actor="tester",
            at=AT + 3,
            of=("authority", authority.id),
        )


def test_it_issues_nothing_even_where_a_program_of_before_made_it_active(leaked: World) -> None:
    set_status(leaked.store, "Acme", "active", force=True, actor="tester", at=AT + 2)
    as_of_before(leaked)

    (acme, _) = list_authorities(leaked.store)
    assert (acme.authority.status.value, acme.status, acme.issues) == (
        "active",
        "distrusted",
        False,
    )
    with pytest.raises(IssuerInactiveError, match="was distrusted") as named:
        leaked.issue("carol", authority="Acme")
    with pytest.raises(NotFoundError, match="Acme is distrusted because of an incident") as unnamed:
        leaked.issue("carol")
    for refused in (named, unnamed):
        assert str(refused.value.hint).startswith("make another: authz ca create")
        assert "authz ca status" not in str(refused.value.hint)
    second = leaked.ca("Second")
    with leaked.store.read() as session:
        assert managed_of(session, second.authority.zone_id or "") == second.authority
    assert leaked.issue("carol").certificate.authority_id == second.authority.id


def test_the_hint_names_one_that_is_only_retired(leaked: World) -> None:
    leaked.ca("Zenith")
    set_status(leaked.store, "Zenith", "retired", actor="tester", at=AT + 2)
    with pytest.raises(NotFoundError) as refused:
        leaked.issue("carol")
    assert "Zenith is retired; Acme is distrusted" in refused.value.message
    assert str(refused.value.hint).startswith("authz ca status Zenith active")
