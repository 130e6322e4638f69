# SPDX-License-Identifier: Apache-2.0
"""What a store has, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services import inventory
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import rotate_authority
from authz.services.inventory import take_inventory
from authz.services.revocation import revoke_certificate
from authz.services.root_rotation import rotate_root
from authz.services.zones import create_zone
from tests.factories.pki import AT, root
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    import pytest

    from tests.unit.services.conftest import World


def test_an_empty_store(world: World) -> None:
    found = take_inventory(world.store, AT)

    assert (dict(found.authorities), dict(found.certificates)) == ({}, {"active": 0, "revoked": 0})
    assert (found.expiring, found.unseen) == ({1: 0, 7: 0, 30: 0}, 0)


def test_certificates_of_every_zone_by_status(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca()
    world.ca("Other", zone="example.com")
    one = world.issue("a").certificate
    world.issue("b")
    world.issue("c", zone="example.com")
    revoke_certificate(world.store, one.id, actor="t", at=AT)

    assert take_inventory(world.store, AT).certificates == {"active": 2, "revoked": 1}


def test_active_ones_that_expire_soon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ca()
    for name in ("a", "b", "c"):
        world.issue(name, days=31)
    revoke_certificate(world.store, world.issue("d", days=31).certificate.id, actor="t", at=AT)
    world.issue("e", days=365)

    assert take_inventory(world.store, AT).expiring == {1: 0, 7: 0, 30: 0}
    assert take_inventory(world.store, AT + 2 * DAY).expiring == {1: 0, 7: 0, 30: 3}
    assert take_inventory(world.store, AT + 25 * DAY).expiring == {1: 0, 7: 3, 30: 3}
    assert take_inventory(world.store, AT + 30.5 * DAY).expiring == {1: 3, 7: 3, 30: 3}
    assert take_inventory(world.store, AT + 32 * DAY).expiring == {1: 0, 7: 0, 30: 0}
    monkeypatch.setattr(inventory, "MOST_EXPIRING", 2)
    assert take_inventory(world.store, AT + 2 * DAY).expiring[30] == 2


def test_active_ones_that_no_check_has_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ca()
    seen = world.issue("a", days=31).certificate
    for name in ("b", "c"):
        world.issue(name, days=31)
    revoke_certificate(world.store, world.issue("d", days=31).certificate.id, actor="t", at=AT)
    with world.store.write() as session:
        session.certificates.seen({seen.fingerprint_sha256: AT + 60})

    assert take_inventory(world.store, AT + 0.9 * DAY).unseen == 0
    assert take_inventory(world.store, AT + 2 * DAY).unseen == 2
    assert take_inventory(world.store, AT + 32 * DAY).unseen == 0
    monkeypatch.setattr(inventory, "MOST_UNSEEN", 2)  # "d", which is revoked, and "c"
    assert take_inventory(world.store, AT + 2 * DAY).unseen == 1


def test_the_revision_of_the_store(world: World) -> None:
    before = take_inventory(world.store, AT).revision
    world.ca()

    assert take_inventory(world.store, AT).revision > before


def test_when_authorities_expire(world: World) -> None:
    first, above = world.ca(intermediate=True).certificates
    assert first.not_after < above.not_after
    assert take_inventory(world.store, AT).authorities == {"Acme": first.not_after}
    at = AT + 100 * DAY
    known = rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=at)
    assert known.issuing is not None
    upload_authority(world.store, root().pem, name="Theirs", actor="t", at=AT)
    found = take_inventory(world.store, at).authorities

    assert found["Acme"] == known.issuing.not_after > first.not_after
    assert set(found) == {"Acme", "Theirs"}


def test_a_root_of_before_a_rotation_does_not_count(world: World) -> None:
    ends = world.ca(intermediate=True, days=30).certificates[0].not_after
    assert take_inventory(world.store, AT).authorities == {"Acme": ends}
    rotate_root(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)

    assert take_inventory(world.store, AT).authorities["Acme"] > AT + 3000 * DAY
