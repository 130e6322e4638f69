# SPDX-License-Identifier: Apache-2.0
"""CRLs of the embedded CA, as openssl reads them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.certificate import Certificate
from authz.errors import InvalidInputError, IssuerInactiveError, NotFoundError
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import rotate_authority
from authz.services.crls import sign_crl
from authz.services.revocation import restore_certificate, revoke_certificate
from authz.store.backup import backup, restore
from authz.store.engine import open_store
from tests.factories.issuing import openssl, write_certificates
from tests.factories.pki import AT, root
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.records import PublishedCrl
    from tests.unit.services.conftest import World


#: The number of a CRL at AT, when there is none before it.
FIRST = int(AT * 1000)


def _sign(world: World, **changes: Any) -> PublishedCrl:
    given = {"encryption": world.encryption, "actor": "tester", "at": AT, **changes}
    return sign_crl(world.store, "Acme", **given)


def _text(crl: PublishedCrl) -> str:
    return openssl("crl", "-inform", "DER", "-noout", "-text", stdin=crl.body)


def test_a_complete_one_lists_what_is_revoked(world: World, tmp_path: Path) -> None:
    known = world.ca()
    one = world.issue().certificate
    revoke_certificate(world.store, one.id, reason="superseded", actor="t", at=AT)
    crl = _sign(world, hours=24, publication_url="http://pki.example.com")

    assert (crl.kind, crl.number, crl.next_update) == ("complete", FIRST, AT + DAY)
    text = _text(crl)
    assert one.serial in text
    assert "Superseded" in text
    assert f"http://pki.example.com/crl/{known.certificates[0].id}-delta.crl" in text
    anchors = write_certificates(
        tmp_path / "ca.pem", Certificate.from_der(known.certificates[0].der)
    )
    verified = openssl("crl", "-inform", "DER", "-noout", "-CAfile", anchors, stdin=crl.body)
    assert "verify OK" in verified
    with world.store.read() as session:
        assert session.published.get(known.certificates[0].id, "complete") == crl
    row = world.last()
    assert (row.action, row.object_id) == ("authority.crl", known.authority.id)


def test_a_delta_has_what_changed_since(world: World) -> None:
    world.ca()
    first, second, third = (world.issue(name).certificate for name in ("a", "b", "c"))
    for one in (first, second):
        revoke_certificate(world.store, one.id, actor="t", at=AT)
    _sign(world)
    restore_certificate(world.store, first.id, actor="t", at=AT)
    revoke_certificate(world.store, third.id, reason="keyCompromise", actor="t", at=AT)
    delta = _sign(world, delta=True, publication_url="http://pki.example.com")

    assert (delta.kind, delta.number) == ("delta", FIRST + 1)
    text = _text(delta)
    assert first.serial in text
    assert "Remove From CRL" in text
    assert third.serial in text
    assert "Key Compromise" in text
    assert second.serial not in text
    assert "Freshest" not in text
    assert _sign(world).number == FIRST + 2


def test_numbers_rise_when_the_clock_does_not(world: World) -> None:
    world.ca()

    assert [_sign(world, at=AT + second).number for second in (0, -60, 1)] == [
        FIRST,
        FIRST + 1,
        FIRST + 1000,
    ]


def test_numbers_rise_over_an_older_backup(world: World, tmp_path: Path) -> None:
    """RFC 5280 5.2.3: also where the store of the backup knows of no CRL, or of fewer."""
    world.ca()
    none, one = tmp_path / "none", tmp_path / "one"
    backup(world.store, none)
    _sign(world)
    backup(world.store, one)
    last = [_sign(world, delta=bool(n % 2)).number for n in range(5)][-1]

    for number, file in enumerate((none, one), 1):
        directory = tmp_path / str(number)
        restore("sqlite", directory, file, actor="t", at=AT)
        with closing(open_store("sqlite", directory)) as store:
            assert _sign(replace(world, store=store), at=AT + 1).number > last


def test_a_delta_needs_a_complete_one(world: World) -> None:
    world.ca()

    with pytest.raises(InvalidInputError, match="there is no complete CRL"):
        _sign(world, delta=True)


def test_a_complete_one_that_is_too_old_for_a_delta(world: World) -> None:
    world.ca()
    _sign(world)
    for name in ("a", "b"):
        one = world.issue(name).certificate
        revoke_certificate(world.store, one.id, actor="t", at=AT)
    with world.store.write() as session:
        session.revocations.forget_changes(session.revision)

    with pytest.raises(InvalidInputError, match="too old for a delta"):
        _sign(world, delta=True)


def test_one_by_the_certificate_of_before_a_rotation(world: World) -> None:
    old = world.ca().certificates[0]
    rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)
    crl = _sign(world, certificate_id=old.id)

    assert crl.certificate_id == old.id
    assert _sign(world).certificate_id != old.id
    with pytest.raises(NotFoundError, match="has no certificate"):
        _sign(world, certificate_id="0" * 32)


def test_one_by_the_root_above(world: World, tmp_path: Path) -> None:
    _, above = world.ca(intermediate=True).certificates
    client = world.issue().certificate
    revoke_certificate(world.store, client.id, actor="t", at=AT)
    crl = _sign(world, certificate_id=above.id)

    anchors = write_certificates(tmp_path / "ca.pem", Certificate.from_der(above.der))
    verified = openssl("crl", "-inform", "DER", "-noout", "-CAfile", anchors, stdin=crl.body)
    assert "verify OK" in verified
    assert client.serial not in _text(crl)
    assert client.serial in _text(_sign(world))


def test_an_uploaded_authority_signs_nothing(world: World) -> None:
    upload_authority(world.store, root().pem, name="Acme", actor="t", at=AT)

    with pytest.raises(IssuerInactiveError):
        _sign(world)
