# SPDX-License-Identifier: Apache-2.0
"""Rotation with overlap, retirement, and when an authority may be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.ca.key_kinds import KeyKind
from authz.certs.certificate import Certificate
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
    NotFoundError,
)
from authz.services import authority_lifecycle
from authz.services.authorities import get_authority, list_authorities
from authz.services.authority_creation import import_authority, upload_authority
from authz.services.authority_lifecycle import (
    check_retirable,
    delete_authority,
    retire_previous,
    rotate_authority,
    set_status,
)
from authz.services.hosts import add_host
from authz.services.model import StoreModels
from authz.services.revocation import revoke_certificate
from authz.store.records import AuthorityStatus, CertificateRole
from tests.factories import issuing
from tests.factories.pki import AT, root, url_encoded
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from authz.services.authorities import KnownAuthority
    from authz.store.records import AuthorityCertificate
    from tests.unit.services.conftest import World


def _rotate(world: World, name: str = "Acme", **changes: Any) -> KnownAuthority:
    given = {"encryption": world.encryption, "actor": "tester", "at": AT + DAY, **changes}
    return rotate_authority(world.store, name, **given)


def _retire(world: World, at: float, **changes: Any) -> tuple[AuthorityCertificate, ...]:
    return retire_previous(world.store, "Acme", actor="tester", at=at, **changes)


def _read(one: AuthorityCertificate) -> Certificate:
    return Certificate.from_der(one.der)


def test_a_rotation_by_a_node_whose_clock_is_behind_is_one_all_the_same(world: World) -> None:
    world.ca()
    _rotate(world, at=AT - 5)

    (gone,) = _retire(world, AT + DAY)

    assert gone.role is CertificateRole.PREVIOUS


def test_a_root_is_followed_by_a_root_of_the_same_name(world: World) -> None:
    before = world.ca(kind=KeyKind.ECDSA_P384)
    alice = world.issue("alice")
    after = _rotate(world)

    assert [one.role for one in after.certificates] == [
        CertificateRole.PREVIOUS,
        CertificateRole.ISSUING,
    ]
    old, new = map(_read, after.certificates)
    assert old.der == before.certificates[0].der
    assert new.subject_raw == old.subject_raw
    assert new.spki != old.spki
    assert new.key.name == "P-384"
    bob = world.issue("bob", at=AT + DAY)
    for issued, by in ((alice, old), (bob, new)):
        leaf = Certificate.from_der(issued.certificate.der)
        assert signed_by(leaf, by) is Signed.YES
    row = world.audited()[1]
    assert row.action == "authority.rotate"
    assert row.after is not None
    assert row.after["issuing"]["id"] == after.certificates[1].id


def test_an_intermediate_is_followed_below_the_same_root(world: World) -> None:
    world.ca(intermediate=True)
    after = _rotate(world, kind=KeyKind.RSA_2048, publication_url="http://pki.example.com")

    assert after.issuing is not None
    above = next(one for one in after.certificates if one.role is CertificateRole.TRUSTED)
    assert signed_by(_read(after.issuing), _read(above)) is Signed.YES
    assert _read(after.issuing).key.name == "RSA 2048"
    assert f"/crl/{above.id}.crl".encode() in after.issuing.der


def test_what_cannot_be_rotated(world: World) -> None:
    upload_authority(world.store, root().pem, name="own", actor="t", at=AT)
    made = issuing.issuing()
    import_authority(
        world.store,
        "".join(write_pem(one.der, "CERTIFICATE") for one in made.certificates).encode(),
        made.signer.to_pem(),
        name="Below",
        encryption=world.encryption,
        actor="t",
        at=AT,
    )

    with pytest.raises(IssuerInactiveError, match="own has no key here: it was uploaded"):
        _rotate(world, "own")
    with pytest.raises(IssuerInactiveError, match=r"the key that signed .* is not here"):
        _rotate(world, "Below")
    with pytest.raises(NotFoundError):
        _rotate(world, "gone")


def test_of_two_rotations_at_once_one_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ca()
    new_key = authority_lifecycle.new_key

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(authority_lifecycle, "new_key", new_key)
        _rotate(world)
        return new_key(*arguments)

    monkeypatch.setattr(authority_lifecycle, "new_key", meanwhile)
    with pytest.raises(ConflictError, match="was rotated meanwhile"):
        _rotate(world)


def test_the_previous_one_stays_until_what_it_issued_has_expired(world: World) -> None:
    world.ca()
    expires = world.issue("alice", days=10).certificate.expires_at
    _rotate(world)
    world.issue("bob", at=AT + DAY, days=100)

    with pytest.raises(ConflictError, match=r"1 certificate that it issued before .* has not"):
        _retire(world, expires)
    (gone,) = _retire(world, expires + 1)
    assert gone.role is CertificateRole.PREVIOUS
    known = get_authority(world.store, "Acme")
    assert [one.role for one in known.certificates] == [CertificateRole.ISSUING]
    with world.store.read() as session:
        assert len(session.authorities.keys()) == 1
        assert session.revocations.all(known.authority.id) == []
    assert world.last().action == "authority.retire_previous"


def test_several_rotations_count_each_for_itself(world: World) -> None:
    world.ca()
    _rotate(world)
    world.issue("bob", at=AT + 2 * DAY, days=10)
    _rotate(world, at=AT + 3 * DAY)

    with pytest.raises(ConflictError):
        _retire(world, AT + 4 * DAY)
    with pytest.raises(ConflictError):
        check_retirable(world.store, "Acme", at=AT + 4 * DAY)
    assert check_retirable(world.store, "Acme", force=True, at=AT + 4 * DAY) == 2
    assert check_retirable(world.store, "Acme", at=AT + 20 * DAY) == 2
    assert len(_retire(world, AT + 20 * DAY)) == 2


def test_an_intermediate_that_went_early_is_revoked(world: World) -> None:
    known = world.ca(intermediate=True)
    world.issue("alice")
    _rotate(world)

    with pytest.raises(ConflictError):
        _retire(world, AT + 2 * DAY)
    _retire(world, AT + 2 * DAY, force=True)
    assert known.issuing is not None
    with world.store.read() as session:
        (listed,) = session.revocations.all(known.authority.id)
    assert int(listed.serial, 16) == _read(known.issuing).serial_number
    assert listed.reason == "superseded"
    assert world.last().after == {
        "forced": True,
        "revoked": [{"authority_id": known.authority.id, "serial": listed.serial}],
    }


@pytest.mark.parametrize("intermediate", [True, False])
def test_what_the_one_that_went_issued_is_good_no_more(world: World, intermediate: bool) -> None:
    world.ca(intermediate=intermediate)
    add_host(world.store, "a.example", authority="Acme", actor="t", at=AT)
    issued = world.issue("alice")
    sent = Presented(certificate=url_encoded(issued.bundle))

    def client() -> tuple[bool, bool]:
        with world.store.read() as session:
            sites = StoreModels().build(session).model.sites
        bundle = compile_trust(next(one.trust for one in sites if one.trust))
        judgement = judge(sent, bundle, AT + DAY)
        revoked = revocation_of(judgement, bundle, AT + DAY).revoked
        return judgement.failure is None, revoked

    assert client() == (True, False)
    _rotate(world)
    assert client() == (True, False)
    _retire(world, AT + DAY, force=True)
    assert client() == ((True, True) if intermediate else (False, False))


def test_one_that_has_expired_itself_goes_whatever_it_issued(world: World) -> None:
    world.ca(days=30)
    world.issue("alice", days=29)
    _rotate(world, days=300)

    assert _retire(world, AT + 40 * DAY)


def test_there_is_nothing_to_retire(world: World) -> None:
    world.ca()

    with pytest.raises(InvalidInputError, match="no certificate of before a rotation"):
        _retire(world, AT)


def test_a_retired_authority_issues_nothing(world: World) -> None:
    world.ca()
    known = set_status(world.store, "Acme", "retired", actor="tester", at=AT)

    assert known.authority.status is AuthorityStatus.RETIRED
    assert world.last().action == "authority.status"
    with pytest.raises(IssuerInactiveError, match="the authority Acme is retired"):
        world.issue(authority="Acme")
    with pytest.raises(NotFoundError, match="has no embedded CA that issues"):
        world.issue()
    set_status(world.store, "Acme", "active", actor="tester", at=AT)
    assert world.issue()
    with pytest.raises(InvalidInputError, match='"x" is no status'):
        set_status(world.store, "Acme", "x", actor="t", at=AT)


def test_it_is_not_deleted_while_hosts_ask_for_it(world: World) -> None:
    world.ca()
    for number in range(12):
        add_host(world.store, f"h{number}.example", authority="Acme", actor="t", at=AT)

    with pytest.raises(ConflictError, match=r"h0\.example, .*h9\.example and 2 more") as caught:
        delete_authority(world.store, "Acme", actor="t", at=AT)
    assert caught.value.hint == "remove them first: authz host remove h0.example --ca Acme"


def test_it_is_not_deleted_while_its_certificates_have_not_expired(world: World) -> None:
    world.ca()
    revoked = world.issue("alice", days=10).certificate
    revoke_certificate(world.store, revoked.id, actor="t", at=AT)
    world.issue("bob", days=20, request_key="k")

    with pytest.raises(ConflictError, match="2 certificates of Acme have not expired"):
        delete_authority(world.store, "Acme", actor="t", at=AT)
    with pytest.raises(ConflictError, match="1 certificate of Acme has not expired"):
        delete_authority(world.store, "Acme", actor="t", at=AT + 15 * DAY)
    gone = delete_authority(world.store, "Acme", actor="tester", at=AT + 30 * DAY)

    assert gone.authority.name == "Acme"
    assert list_authorities(world.store) == []
    row = world.last()
    assert (row.action, row.before and row.before["expired"]) == ("authority.delete", 2)
    with world.store.read() as session:
        assert session.authorities.keys() == []
        assert session.certificates.get(revoked.id) is None
        assert session.certificates.request(revoked.zone_id, "k") is None


def test_an_uploaded_one_is_deleted(world: World) -> None:
    upload_authority(world.store, root().pem, name="own", actor="t", at=AT)

    delete_authority(world.store, "own", actor="t", at=AT)
    with pytest.raises(NotFoundError):
        delete_authority(world.store, "own", actor="t", at=AT)
