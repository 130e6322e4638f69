# SPDX-License-Identifier: Apache-2.0
"""Lists of authorities that share a key are one list, wherever the authorities stand."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.certificate import Certificate
from authz.certs.pem import write_pem
from authz.certs.serials import Serials, pack_serials
from authz.policy.model import PolicyModel
from authz.services.authority_creation import upload_authority
from authz.services.model import StoreModels
from authz.services.revoked import Listed
from authz.services.same_key import BesideKeys, Joined, KeysOf, with_list
from authz.store.engine import open_store
from tests.factories.pki import authority, intermediate, root
from tests.factories.policies import site
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(open_store("sqlite", tmp_path)) as store:
        yield World(store)


def _upload_copy(world: World, of: str = "Acme", name: str = "Copy") -> None:
    with world.store.read() as session:
        (found,) = [one for one in session.authorities.all() if one.name == of]
        ders = [one.der for one in session.authorities.certificates(found.id)]
    pem = "".join(write_pem(der, "CERTIFICATE") for der in ders)
    upload_authority(world.store, pem, name=name, actor="t", at=time.time())


def _serials(world: World, models: StoreModels, host: str) -> set[int]:
    with world.store.read() as session:
        model = models.build(session).model
    (found,) = [one for one in model.sites if one.name == host]
    (trust,) = found.trust
    return set(trust.revoked_serials)


def _members(listed: Listed) -> set[int]:
    return set(Serials(listed.base, listed.added, listed.restored))


# --- in a store ----------------------------------------------------------------------------------


def test_what_is_revoked_under_one_name_is_revoked_under_the_other(world: World) -> None:
    world.protect("a.example.com", "Acme")
    _upload_copy(world)
    world.host("b.example.com", "Copy")
    models = StoreModels()
    assert _serials(world, models, "b.example.com") == set()

    alice = world.issue(authority="Acme")
    world.revoke(alice)
    world.revoke_serial(7, "Copy")
    both = {int(alice.certificate.serial, 16), 7}
    for host in ("a.example.com", "b.example.com"):
        assert _serials(world, models, host) == both
        assert _serials(world, StoreModels(), host) == both

    world.restore(alice)
    assert _serials(world, models, "b.example.com") == {7}


def test_an_authority_without_a_host_counts(world: World) -> None:
    world.ca("Acme")
    _upload_copy(world)
    world.host("b.example.com", "Copy")
    world.revoke_serial(7, "Acme")

    assert _serials(world, StoreModels(), "b.example.com") == {7}


def test_another_key_is_another_list(world: World) -> None:
    world.protect("a.example.com", "Acme")
    world.protect("b.example.com", "Other")
    world.revoke_serial(7, "Acme")

    assert _serials(world, StoreModels(), "b.example.com") == set()


def test_a_joined_list_is_nobodys_own(world: World) -> None:
    """Whoever continues from a snapshot would take the other's numbers for its own."""
    world.protect("a.example.com", "Acme")
    _upload_copy(world)
    world.protect("b.example.com", "Other")

    with world.store.read() as session:
        assert set(StoreModels().build(session).authorities) == {"Other"}


def test_what_did_not_change_is_the_same(world: World) -> None:
    world.protect("a.example.com", "Acme")
    _upload_copy(world)
    world.revoke_serial(7, "Acme")
    world.revoke_serial(8, "Copy")
    models = StoreModels()

    def listed() -> tuple[int, ...]:
        with world.store.read() as session:
            (found,) = [one for one in models.build(session).model.sites if one.trust]
        return found.trust[0].revoked_serials

    assert listed() == (7, 8)
    assert listed() is listed()


def test_lists_are_given_for_the_keys_that_are_asked_for(world: World) -> None:
    world.ca("Acme")
    world.ca("Other")
    world.revoke_serial(7, "Acme")
    with world.store.read() as session:
        der = next(
            one.der
            for one in session.authorities.certificates()
            if one.authority_id == session.authorities.all()[0].id
        )
        (key,) = KeysOf().of([der])
        assert dict(StoreModels().build(session).by_key) == {}
        by_key = StoreModels().build(session, [key, "unknown"]).by_key
    assert {name: [_members(one) for one in lists] for name, lists in by_key.items()} == {
        key: [{7}]
    }


# --- joining -------------------------------------------------------------------------------------

_numbers = st.frozensets(st.integers(1, 12), max_size=8)
_lists = st.builds(
    lambda base, added, restored: Listed(
        base=pack_serials(base) if base else None,
        added=tuple(added),
        restored=tuple(restored - added) if base else (),
    ),
    _numbers,
    _numbers,
    _numbers,
)


@given(st.lists(_lists, max_size=4))
def test_joined_lists_have_what_any_of_them_has(lists: list[Listed]) -> None:
    expected = set().union(*map(_members, lists))

    assert _members(Joined().of("x", lists)) == expected


def test_bases_are_joined_once() -> None:
    joined = Joined()
    one, other = (Listed(base=pack_serials([number, 99])) for number in (1, 2))
    before = joined.of("x", [one, other])
    after = joined.of("x", [one, Listed(base=other.base, restored=(2, 99))])

    assert after.base is before.base
    assert _members(after) == {1, 99}
    assert joined.of("x", [one, other]).base is before.base

    joined.keep(["x"])
    assert joined.of("x", [one, other]).base is before.base
    joined.keep([])
    assert joined.of("x", [one, other]).base is not before.base


def test_what_is_no_certificate_has_no_key() -> None:
    keys = KeysOf()
    assert keys.of([b"nothing"]) == frozenset()
    assert keys.of([b"nothing", root().der]) == frozenset(
        {Certificate.from_der(root().der).spki_sha256}
    )
    keys.begin()
    assert len(keys.of([root().der])) == 1


# --- beside a store ------------------------------------------------------------------------------


def test_a_files_authority_with_a_key_of_the_store_has_its_list() -> None:
    ours = authority(root(), intermediate(), name="ours", revoked_serials=(9,))
    others = (authority(intermediate(), name="other"),)
    file = PolicyModel(
        sites=(
            site(name="a", trust=(ours,)),
            site(name="b", trust=others),
            site(name="c", hosts=("c.example.com",), trust=others),
        )
    )
    both = BesideKeys()
    (key,) = KeysOf().of([root().der])
    assert key in both.keys(file)
    lists = {key: (Listed(added=(7,)),)}

    made = both.add(file, lists)

    assert made.sites[0].trust[0] == with_list(ours, Listed(added=(7, 9)))
    assert made.sites[1] is file.sites[1]
    assert made.sites[2].trust is others
    assert both.add(file, lists).sites[0].trust[0] is made.sites[0].trust[0]
    changed = both.add(file, {key: (Listed(added=(8,)),)})
    assert changed.sites[0].trust[0].revoked_serials == (8, 9)
