# SPDX-License-Identifier: Apache-2.0
"""How an authority stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import NotFoundError
from authz.services.authority_state import authority_state, published_crl
from authz.services.crls import sign_crl
from authz.services.hosts import add_host
from authz.services.revocation import revoke_certificate
from tests.factories.pki import AT
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_a_new_authority_is_used_by_nobody(world: World) -> None:
    known = world.ca()

    state = authority_state(world.store, known.authority.id, at=AT)

    assert state.known == known
    assert (state.asked_by, state.unexpired, state.last_expiry, state.revoked) == ((), 0, None, 0)
    assert state.crls == ()
    assert not state.is_used


def test_what_uses_it_is_told(world: World) -> None:
    known = world.ca()
    world.ca("Other")
    issued = world.issue("alice", authority="Acme", days=30)
    world.issue("bob", authority="Acme", days=3)
    world.issue("carol", authority="Other", days=300)
    add_host(world.store, "api.example.com", authority="Acme", actor="tester", at=AT)
    revoke_certificate(world.store, issued.certificate.id, actor="tester", at=AT)

    state = authority_state(world.store, known.authority.id, at=AT + 5 * DAY)

    assert [(one.zone_name, one.hostname) for one in state.asked_by] == [
        ("default", "api.example.com")
    ]
    assert (state.unexpired, state.last_expiry) == (1, issued.certificate.expires_at)
    assert state.revoked == 1
    assert state.is_used


def test_its_latest_crls_are_told_without_their_bodies(world: World) -> None:
    known, other = world.ca(), world.ca("Other")
    given = {"encryption": world.encryption, "actor": "tester"}
    for at in (AT, AT + 60):
        sign_crl(world.store, "Acme", at=at, **given)
    delta = sign_crl(world.store, "Acme", delta=True, at=AT + 90, **given)
    sign_crl(world.store, "Other", at=AT, **given)

    state = authority_state(world.store, known.authority.id, at=AT)

    (own,) = known.certificates
    assert [(one.kind, one.this_update, one.body) for one in state.crls] == [
        ("complete", AT + 60, b""),
        ("delta", AT + 90, b""),
    ]
    kept = published_crl(world.store, known.authority.id, own.id, kind="delta")
    assert kept == delta
    complete = published_crl(world.store, known.authority.id, own.id)
    assert complete.this_update == AT + 60
    assert complete.body
    for authority_id, kind in ((other.authority.id, "complete"), (known.authority.id, "base")):
        with pytest.raises(NotFoundError, match="no such CRL"):
            published_crl(world.store, authority_id, own.id, kind=kind)


def test_what_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        authority_state(world.store, "0" * 32, at=AT)
    with pytest.raises(NotFoundError):
        published_crl(world.store, world.ca().authority.id, "0" * 32)
