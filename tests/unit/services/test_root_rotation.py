# SPDX-License-Identifier: Apache-2.0
"""The root above what issues: followed by another one with an overlap, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.ca.key_kinds import KeyKind
from authz.ca.keys import KeyEncryption
from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.judgement import judge
from authz.certs.pem import write_pem
from authz.certs.presented import Presented
from authz.certs.revocation import revocation_of
from authz.certs.signature import Signed, signed_by
from authz.certs.trust import compile_trust
from authz.errors import (
    ConflictError,
    InvalidInputError,
    IssuerInactiveError,
    KeyUnavailableError,
    NotFoundError,
)
from authz.services import root_rotation
from authz.services.authorities import get_authority
from authz.services.authority_creation import import_authority, upload_authority
from authz.services.authority_lifecycle import (
    delete_authority,
    retire_previous,
    rotate_authority,
)
from authz.services.distrust import what_stops
from authz.services.hosts import add_host
from authz.services.issuance import bundle_of
from authz.services.keys import rekey
from authz.services.model import StoreModels
from authz.services.publication import sign_due, signing_certificates
from authz.services.revocation import revoke_certificate
from authz.services.root_rotation import (
    check_root_retirable,
    has_root_above,
    retire_previous_root,
    rotate_root,
)
from authz.store.records import CertificateRole
from tests.factories import issuing
from tests.factories.pki import AT, root, url_encoded
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from authz.services.authorities import KnownAuthority
    from authz.store.records import AuthorityCertificate
    from tests.unit.services.conftest import World

OTHER = KeyEncryption.from_key_file(bytes(range(1, 33)))


def _rotate(world: World, name: str = "Acme", **changes: Any) -> KnownAuthority:
    given = {"encryption": world.encryption, "actor": "tester", "at": AT + DAY, **changes}
    return rotate_root(world.store, name, **given)


def _retire(world: World, at: float = AT + DAY, **changes: Any) -> list[CertificateRole]:
    gone = retire_previous_root(world.store, "Acme", actor="tester", at=at, **changes)
    return [one.role for one in gone]


def _read(one: AuthorityCertificate) -> Certificate:
    return Certificate.from_der(one.der)


def _roles(world: World) -> list[CertificateRole]:
    return [one.role for one in get_authority(world.store, "Acme").certificates]


def _judged(world: World, sent: str) -> tuple[bool, bool]:
    """Whether a certificate, sent with its chain (PEM), is verified, and whether it is revoked."""
    with world.store.read() as session:
        sites = StoreModels().build(session).model.sites
    bundle = compile_trust(next(one.trust for one in sites if one.trust))
    judgement = judge(Presented(certificate=url_encoded(sent)), bundle, AT + DAY)
    return judgement.failure is None, revocation_of(judgement, bundle, AT + DAY).revoked


def test_a_new_root_and_what_issues_below_it(world: World) -> None:
    before = world.ca(intermediate=True, kind=KeyKind.ECDSA_P384)
    after = _rotate(world, publication_url="http://pki.example.com")

    assert [one.role for one in after.certificates] == [
        CertificateRole.PREVIOUS,
        CertificateRole.PREVIOUS_ROOT,
        CertificateRole.ISSUING,
        CertificateRole.TRUSTED,
    ]
    assert [one.der for one in after.certificates[:2]] == [one.der for one in before.certificates]
    old_issuing, old_root, new_issuing, new_root = map(_read, after.certificates)
    assert new_root.subject_raw == old_root.subject_raw
    assert new_issuing.subject_raw == old_issuing.subject_raw
    assert len({one.spki for one in (old_issuing, old_root, new_issuing, new_root)}) == 4
    assert {one.key.name for one in (new_issuing, new_root)} == {"P-384"}
    assert signed_by(new_issuing, new_root) is Signed.YES
    assert signed_by(new_issuing, old_root) is not Signed.YES
    assert f"/crl/{after.certificates[3].id}.crl".encode() in new_issuing.der
    assert all(one.key_id for one in after.certificates)
    row = world.last()
    assert (row.action, row.actor) == ("authority.rotate_root", "tester")
    assert row.before is not None
    assert row.after is not None
    assert [row.before[one]["id"] for one in ("issuing", "root")] == [
        one.id for one in before.certificates
    ]
    assert [row.after[one]["id"] for one in ("issuing", "root")] == [
        one.id for one in after.certificates[2:]
    ]


def test_the_kind_and_the_years_are_those_of_the_root(world: World) -> None:
    world.ca(intermediate=True)
    *_, new_issuing, new_root = map(
        _read, _rotate(world, kind=KeyKind.RSA_2048, days=400).certificates
    )

    assert {one.key.name for one in (new_issuing, new_root)} == {"RSA 2048"}
    assert new_root.not_after_at - new_root.not_before_at == 400 * DAY - 1
    # No certificate below it is good for longer.
    assert new_issuing.not_after_at <= new_root.not_after_at


def test_clients_of_both_are_verified_until_the_old_root_goes(world: World) -> None:
    world.ca(intermediate=True)
    add_host(world.store, "a.example", authority="Acme", actor="t", at=AT)
    old = world.issue("alice", days=10)
    _rotate(world)
    new = world.issue("bob", at=AT + DAY)

    assert [_judged(world, one.bundle) for one in (old, new)] == [(True, False)] * 2
    # Whoever asks for their certificate again gets the chain that it was issued with.
    assert bundle_of(world.store, old.certificate) == old.bundle
    _retire(world, force=True)
    assert [_judged(world, one.bundle) for one in (old, new)] == [(False, False), (True, False)]


def test_a_client_that_sends_the_other_intermediate_along(world: World) -> None:
    """The two intermediates have one name: what tells them apart is what they signed."""
    world.ca(intermediate=True)
    add_host(world.store, "a.example", authority="Acme", actor="t", at=AT)
    old = world.issue("alice")
    known = _rotate(world)
    leaf = write_pem(old.certificate.der, "CERTIFICATE")
    assert known.issuing is not None
    wrong = leaf + write_pem(known.issuing.der, "CERTIFICATE")

    # The one above it is in the bundle, whatever the client sends along.
    assert _judged(world, wrong) == (True, False)
    _retire(world, force=True)
    assert _judged(world, wrong) == (False, False)


def test_both_roots_sign_crls_until_one_goes(world: World) -> None:
    before = world.ca(intermediate=True).certificates
    after = _rotate(world).certificates
    with world.store.read() as session:
        every = {one.certificate.id for one in signing_certificates(session, AT + DAY)}
    assert every == {one.id for one in after}
    client = world.issue("bob", at=AT + DAY).certificate
    revoke_certificate(world.store, client.id, actor="t", at=AT + DAY)
    assert sign_due(world.store, lambda: world.encryption, hours=24, at=AT + DAY) == []
    with world.store.read() as session:
        crls = {one.id: session.published.get(one.id, "complete") for one in after}
    certificates = [_read(one) for one in after]
    listed = {}
    for one in after:
        found = crls[one.id]
        assert found is not None
        crl = read_crl(found.body, certificates, where="here")
        assert crl.spki == _read(one).spki
        listed[one.role] = client.serial.encode() in found.body.hex().upper().encode()
    # A root lists what it signed: intermediates, and no client.
    assert listed == {
        CertificateRole.PREVIOUS: True,
        CertificateRole.PREVIOUS_ROOT: False,
        CertificateRole.ISSUING: True,
        CertificateRole.TRUSTED: False,
    }

    _retire(world)
    with world.store.read() as session:
        assert {one.certificate_id for one in session.published.heads()} == {
            one.id for one in after[2:]
        }
        assert len(session.authorities.keys()) == 2
    assert not {one.id for one in before} & {
        one.id for one in get_authority(world.store, "Acme").certificates
    }


def test_the_old_root_stays_while_certificates_below_it_count(world: World) -> None:
    world.ca(intermediate=True)
    alice = world.issue("alice", days=10).certificate
    world.issue("bob", days=20)
    _rotate(world)
    world.issue("carol", at=AT + DAY, days=300)

    told = r"2 certificates below the root of before .* have neither expired nor been revoked"
    with pytest.raises(ConflictError, match=told):
        _retire(world)
    revoke_certificate(world.store, alice.id, actor="t", at=AT + DAY)
    with pytest.raises(ConflictError, match=r"1 certificate below the root .* has neither"):
        check_root_retirable(world.store, "Acme", at=AT + DAY)
    assert check_root_retirable(world.store, "Acme", force=True, at=AT + DAY) == 2
    assert world.last().action == "certificate.revoke"

    assert _retire(world, AT + 21 * DAY) == [
        CertificateRole.PREVIOUS,
        CertificateRole.PREVIOUS_ROOT,
    ]
    assert _roles(world) == [CertificateRole.ISSUING, CertificateRole.TRUSTED]
    row = world.last()
    assert (row.action, row.after) == ("authority.retire_root", {"forced": False})


def test_by_force_nothing_is_put_on_the_list(world: World) -> None:
    """Nothing that is trusted leads to the intermediate any more."""
    known = world.ca(intermediate=True)
    world.issue("alice")
    _rotate(world)
    _retire(world, force=True)

    with world.store.read() as session:
        assert session.revocations.all(known.authority.id) == []
    assert world.last().after == {"forced": True}


def test_what_was_rotated_below_the_new_root_stays(world: World) -> None:
    world.ca(intermediate=True)
    world.issue("alice", days=10)
    _rotate(world)
    world.issue("bob", at=AT + DAY, days=300)
    given = {"encryption": world.encryption, "actor": "t"}
    rotate_authority(world.store, "Acme", at=AT + 2 * DAY, **given)

    _retire(world, AT + 11 * DAY)

    assert _roles(world) == [
        CertificateRole.PREVIOUS,
        CertificateRole.TRUSTED,
        CertificateRole.ISSUING,
    ]
    with pytest.raises(ConflictError):
        retire_previous(world.store, "Acme", actor="t", at=AT + 11 * DAY)


def test_several_roots_go_together(world: World) -> None:
    world.ca(intermediate=True)
    _rotate(world)
    world.issue("bob", at=AT + 2 * DAY, days=10)
    _rotate(world, at=AT + 3 * DAY)

    with pytest.raises(ConflictError):
        _retire(world, AT + 4 * DAY)
    assert len(_retire(world, AT + 20 * DAY)) == 4


def test_the_intermediate_may_go_before_its_root(world: World) -> None:
    known = world.ca(intermediate=True)
    _rotate(world)
    retire_previous(world.store, "Acme", actor="t", at=AT + DAY)

    assert _roles(world)[0] is CertificateRole.PREVIOUS_ROOT
    with world.store.read() as session:
        (listed,) = session.revocations.all(known.authority.id)
    # Its root is still trusted, so it is revoked, and the root lists it.
    assert known.issuing is not None
    assert int(listed.serial, 16) == _read(known.issuing).serial_number
    assert _retire(world) == [CertificateRole.PREVIOUS_ROOT]


def test_a_root_that_has_expired_goes_whatever_stood_below_it(world: World) -> None:
    world.ca(intermediate=True, days=30)
    world.issue("alice", days=29)
    _rotate(world, days=300)

    assert len(_retire(world, AT + 40 * DAY)) == 2


def test_what_has_no_root_that_could_be_rotated(world: World) -> None:
    world.ca("Root")
    upload_authority(world.store, root().pem, name="own", actor="t", at=AT)
    made = issuing.issuing()
    below = import_authority(
        world.store,
        "".join(write_pem(one.der, "CERTIFICATE") for one in made.certificates).encode(),
        made.signer.to_pem(),
        name="Below",
        encryption=world.encryption,
        actor="t",
        at=AT,
    )
    before = world.audited()

    with pytest.raises(InvalidInputError, match="Root issues by its root itself") as caught:
        _rotate(world, "Root")
    assert caught.value.hint == "authz ca rotate Root gives it a new one"
    with pytest.raises(IssuerInactiveError, match="own has no key here: it was uploaded"):
        _rotate(world, "own")
    with pytest.raises(IssuerInactiveError, match=r"the key that signed .* is not here"):
        _rotate(world, "Below")
    with pytest.raises(NotFoundError):
        _rotate(world, "gone")
    assert world.audited() == before
    assert not has_root_above(below)
    assert not has_root_above(get_authority(world.store, "Root"))
    assert has_root_above(world.ca(intermediate=True))


@pytest.mark.parametrize("intermediate", [True, False])
def test_there_is_no_root_to_retire(world: World, intermediate: bool) -> None:
    world.ca(intermediate=intermediate)
    given = {"encryption": world.encryption, "actor": "t"}
    rotate_authority(world.store, "Acme", at=AT, **given)

    with pytest.raises(InvalidInputError, match="Acme has no root of before a rotation"):
        _retire(world)


@pytest.mark.parametrize("other", [rotate_root, rotate_authority])
def test_of_two_rotations_at_once_one_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, other: Any
) -> None:
    world.ca(intermediate=True)
    new_key = root_rotation.new_key

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(root_rotation, "new_key", new_key)
        other(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)
        return new_key(*arguments)

    monkeypatch.setattr(root_rotation, "new_key", meanwhile)
    with pytest.raises(ConflictError, match="was rotated meanwhile"):
        _rotate(world)
    assert _roles(world).count(CertificateRole.ISSUING) == 1


def test_by_another_secret_nothing_is_kept(world: World) -> None:
    world.ca(intermediate=True)
    before = world.audited()

    with pytest.raises(KeyUnavailableError, match="encrypted by another secret"):
        _rotate(world, encryption=OTHER)
    assert world.audited() == before
    assert _roles(world) == [CertificateRole.ISSUING, CertificateRole.TRUSTED]


def test_all_four_keys_are_encrypted_and_change_their_secret(world: World) -> None:
    world.ca(intermediate=True)
    _rotate(world)

    assert rekey(world.store, world.encryption, OTHER, actor="t", at=AT + DAY) == 4
    with pytest.raises(KeyUnavailableError):
        world.issue("bob", at=AT + DAY)
    assert world.issue("bob", at=AT + DAY, encryption=OTHER).is_new


def test_a_leaked_key_of_the_old_root_takes_the_authority_from_its_hosts(world: World) -> None:
    world.ca(intermediate=True)
    _rotate(world)

    assert "the key of its root is here as well" in what_stops(world.store, "Acme", at=AT).taken


def test_it_is_deleted_with_all_of_its_keys(world: World) -> None:
    world.ca(intermediate=True)
    _rotate(world)
    delete_authority(world.store, "Acme", actor="t", at=AT + DAY)

    with world.store.read() as session:
        assert session.authorities.keys() == []
