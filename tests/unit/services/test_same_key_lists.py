# SPDX-License-Identifier: Apache-2.0
"""Who gets the list of an authority that goes, or of a certificate of it that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.pem import write_pem
from authz.services.authority_creation import upload_authority
from authz.services.revocation import list_revoked, revoke_serial
from authz.services.root_rotation import retire_previous_root, rotate_root
from authz.services.same_key import KeysOf
from authz.services.same_key_lists import keep_list, lost_keys, sharing, told
from authz.store.records import CertificateRole
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_only_who_shares_no_other_key_gets_it(world: World) -> None:
    known = world.ca(intermediate=True)
    issuing, above = (write_pem(one.der, "CERTIFICATE").encode() for one in known.certificates)
    for name, pem in (("Issuing", issuing), ("Both", issuing + above), ("Else", root().pem)):
        upload_authority(world.store, pem, name=name, actor="tester", at=AT)
    of = known.authority.id
    first, second = (one.id for one in known.certificates)

    with world.store.read() as session:
        assert sharing(session, of, set()) == []
        assert {one.name for one in sharing(session, of, {first})} == {"Issuing"}
        assert sharing(session, of, {second}) == []
        assert {one.name for one in sharing(session, of, {first, second})} == {"Issuing", "Both"}


def test_what_was_given_is_told_and_nothing_else(world: World) -> None:
    known = world.ca()
    (own,) = known.certificates
    copy = write_pem(own.der, "CERTIFICATE").encode()
    upload_authority(world.store, copy, name="Copy", actor="tester", at=AT)
    with world.store.write() as session:
        kept = keep_list(session, known.authority.id, {own.id}, AT)
    assert [(one.name, added) for one, added in kept] == [("Copy", 0)]
    assert told(kept) == {}

    revoke_serial(world.store, "Acme", "ABC", actor="tester", at=AT)
    with world.store.write() as session:
        kept = keep_list(session, known.authority.id, {own.id}, AT)
    assert told(kept) == {"list_kept_by": [{"authority_id": kept[0][0].id, "added": 1}]}
    assert [one.serial for one in list_revoked(world.store, "Copy")] == ["ABC"]


def test_who_has_a_root_that_is_retired_keeps_the_list(world: World) -> None:
    known = world.ca(intermediate=True)
    (above,) = (one for one in known.certificates if one.role is CertificateRole.TRUSTED)
    copy = write_pem(above.der, "CERTIFICATE").encode()
    upload_authority(world.store, copy, name="Root", actor="tester", at=AT)
    revoke_serial(world.store, "Acme", "ABC", actor="tester", at=AT)
    rotate_root(world.store, "Acme", encryption=world.encryption, actor="tester", at=AT)
    assert list_revoked(world.store, "Root") == []

    retire_previous_root(world.store, "Acme", force=True, actor="tester", at=AT)

    assert [one.serial for one in list_revoked(world.store, "Root")] == ["ABC"]
    assert "list_kept_by" in (world.last().after or {})


def test_whose_list_goes_with_it_is_known_before(world: World) -> None:
    """Whoever trusts one of these keys in a policy file is told."""
    known = world.ca(intermediate=True)
    issuing, above = known.certificates
    of = known.authority.id

    def lost() -> frozenset[str]:
        with world.store.read() as session:
            return lost_keys(session, of)

    assert lost() == frozenset(), "nothing is on the list"
    revoke_serial(world.store, "Acme", "ABC", actor="tester", at=AT)
    assert lost() == KeysOf().of([issuing.der, above.der])
    copy = write_pem(above.der, "CERTIFICATE").encode()
    upload_authority(world.store, copy, name="Root", actor="tester", at=AT)
    assert lost() == KeysOf().of([issuing.der])
