# SPDX-License-Identifier: Apache-2.0
"""Revoking and restoring: the certificate and its serial number on the list go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import InvalidInputError, InvalidRequestError, NotFoundError
from authz.services.authority_creation import upload_authority
from authz.services.certificates import get_certificate
from authz.services.revocation import (
    list_revoked,
    restore_certificate,
    restore_serial,
    revoke_certificate,
    revoke_serial,
)
from authz.store.records import CertificateStatus
from tests.factories.pki import AT, root
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from authz.services.revocation import SerialRevocation
    from tests.unit.services.conftest import World


def _revoke_serial(world: World, serial: str, **changes: Any) -> SerialRevocation:
    return revoke_serial(world.store, "Acme", serial, actor="tester", at=AT, **changes)


def test_a_certificate_is_revoked(world: World) -> None:
    known = world.ca()
    one = world.issue().certificate
    done = revoke_certificate(
        world.store, one.id, reason="key_compromise", actor="tester", at=AT + 1
    )

    assert done == get_certificate(world.store, one.id)
    assert (done.status, done.reason, done.revoked_at) == (
        CertificateStatus.REVOKED,
        "keyCompromise",
        AT + 1,
    )
    (listed,) = list_revoked(world.store, "Acme")
    assert (listed.serial, listed.reason) == (one.serial, "keyCompromise")
    row = world.last()
    assert (row.action, row.object_id, row.zone_id) == ("certificate.revoke", one.id, one.zone_id)
    assert row.before is not None
    assert row.after is not None
    assert row.before["status"] == "active"
    assert row.after == {
        "authority_id": known.authority.id,
        "serial": one.serial,
        "reason": "keyCompromise",
        "status": "revoked",
    }


def test_revoking_again_changes_nothing(world: World) -> None:
    world.ca()
    one = world.issue().certificate
    first = revoke_certificate(world.store, one.id, reason="superseded", actor="t", at=AT)
    rows = len(world.audited())

    assert revoke_certificate(world.store, one.id, actor="t", at=AT + 9) == first
    assert len(world.audited()) == rows


def test_it_is_restored_also_when_it_has_expired(world: World) -> None:
    world.ca()
    one = world.issue(days=1).certificate
    revoke_certificate(world.store, one.id, actor="t", at=AT)
    done = restore_certificate(world.store, one.id, actor="tester", at=AT + 9 * DAY)

    assert done == one
    assert list_revoked(world.store, "Acme") == []
    assert world.last().action == "certificate.restore"
    rows = len(world.audited())
    assert restore_certificate(world.store, one.id, actor="t", at=AT) == one
    assert len(world.audited()) == rows


def test_what_is_no_reason_or_no_certificate(world: World) -> None:
    world.ca()
    one = world.issue().certificate

    with pytest.raises(InvalidRequestError, match="unknown revocation reason"):
        revoke_certificate(world.store, one.id, reason="because", actor="t", at=AT)
    with pytest.raises(NotFoundError):
        revoke_certificate(world.store, "gone", actor="t", at=AT)
    with pytest.raises(NotFoundError):
        restore_certificate(world.store, "gone", actor="t", at=AT)
    assert list_revoked(world.store, "Acme") == []


def test_a_serial_number_of_an_uploaded_authority(world: World) -> None:
    upload_authority(world.store, root().pem, name="Acme", actor="t", at=AT)
    done = _revoke_serial(world, "0a:1b:2c")

    assert (done.serial, done.certificate, done.changed) == ("A1B2C", None, True)
    assert not _revoke_serial(world, "A1B2C").changed
    row = world.last()
    assert (row.action, row.object_type, row.object_id) == ("serial.revoke", "serial", "A1B2C")
    back = restore_serial(world.store, "Acme", "a1b2c", actor="tester", at=AT)
    assert back.changed
    assert world.last().action == "serial.restore"
    with pytest.raises(NotFoundError, match="A1B2C is not on the list of Acme"):
        restore_serial(world.store, "Acme", "a1b2c", actor="t", at=AT)


def test_the_serial_number_of_a_certificate_of_ours_is_that_certificate(world: World) -> None:
    world.ca()
    one = world.issue().certificate
    done = _revoke_serial(world, one.serial.lower(), reason="superseded")

    assert done.certificate == get_certificate(world.store, one.id)
    assert done.certificate is not None
    assert done.certificate.status is CertificateStatus.REVOKED
    assert world.last().action == "certificate.revoke"
    back = restore_serial(world.store, "Acme", one.serial, actor="t", at=AT)
    assert back.certificate == one
    assert not restore_serial(world.store, "Acme", one.serial, actor="t", at=AT).changed


@pytest.mark.parametrize("serial", ["", "0", "xyz", "0x1", "1" * 41])
def test_what_is_no_serial_number(world: World, serial: str) -> None:
    world.ca()

    with pytest.raises(InvalidInputError):
        _revoke_serial(world, serial)
    with pytest.raises(InvalidInputError):
        restore_serial(world.store, "Acme", serial, actor="t", at=AT)


def test_the_list_goes_on_behind_a_serial_number(world: World) -> None:
    world.ca()
    for serial in ("1", "2", "3"):
        _revoke_serial(world, serial)

    assert [one.serial for one in list_revoked(world.store, "Acme", after="1", most=1)] == ["2"]
    with pytest.raises(NotFoundError):
        list_revoked(world.store, "gone")
