# SPDX-License-Identifier: Apache-2.0
"""Which authorities there are, and their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.services.authorities import (
    get_authority,
    rename_authority,
    set_revocation,
    set_sources,
)
from authz.store.records import Sources
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

URL = "http://pki.example.com/ca.crl"


def test_another_name(world: World) -> None:
    known = world.ca()
    world.ca("Second")
    renamed = rename_authority(world.store, "Acme", "New", actor="tester", at=AT + 1)

    assert renamed.authority.id == known.authority.id
    assert get_authority(world.store, "New") == renamed
    assert renamed.authority.modified_at == AT + 1
    row = world.last()
    assert (row.action, row.before and row.before["name"]) == ("authority.rename", "Acme")
    with pytest.raises(ConflictError):
        rename_authority(world.store, "New", "Second", actor="t", at=AT)
    assert rename_authority(world.store, "New", "New", actor="t", at=AT).authority.name == "New"


def test_how_strictly_revocation_is_looked_at(world: World) -> None:
    world.ca()

    changed = set_revocation(world.store, "Acme", "soft", actor="tester", at=AT)
    assert get_authority(world.store, "Acme") == changed
    assert changed.authority.revocation == "soft"
    assert world.last().action == "authority.revocation"
    with pytest.raises(InvalidInputError, match='"maybe" is no revocation mode') as caught:
        set_revocation(world.store, "Acme", "maybe", actor="t", at=AT)
    assert caught.value.hint == "one of strict, soft, off"


def test_where_revocations_come_from(world: World) -> None:
    world.ca()

    def put(**changes: object) -> Sources:
        return set_sources(world.store, "Acme", actor="t", at=AT, **changes).authority.sources  # type: ignore[arg-type]  # the changes of a test

    assert put(crl_urls=[URL, URL]) == Sources(crl_urls=(URL,))
    assert put(ocsp="certificate") == Sources(crl_urls=(URL,), ocsp="certificate")
    assert put(ocsp="http://ocsp.example.com") == Sources(
        crl_urls=(URL,), ocsp="http://ocsp.example.com"
    )
    assert put(crl_urls=[]).crl_urls == ()
    assert world.last().action == "authority.sources"


def test_certificates_may_name_the_crls(world: World) -> None:
    world.ca()
    known = set_sources(
        world.store, "Acme", crl_urls=["certificate", URL], ocsp="certificate", actor="t", at=AT
    )
    assert known.authority.sources == Sources(crl_urls=("certificate", URL), ocsp="certificate")


@pytest.mark.parametrize(
    "url", ["x", "ldap://a/b", "http://", "http://a b", "http://u:p@a/", "http://["]
)
def test_what_is_no_address(world: World, url: str) -> None:
    world.ca()

    with pytest.raises(InvalidInputError, match="is no address to fetch from"):
        set_sources(world.store, "Acme", crl_urls=[url], actor="t", at=AT)
    with pytest.raises(InvalidInputError, match="is no address to fetch from"):
        set_sources(world.store, "Acme", ocsp=url, actor="t", at=AT)


def test_too_many_addresses(world: World) -> None:
    world.ca()

    with pytest.raises(InvalidInputError, match="there are 33 addresses"):
        set_sources(
            world.store, "Acme", crl_urls=[f"{URL}{n}" for n in range(33)], actor="t", at=AT
        )


def test_one_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        get_authority(world.store, "gone")
