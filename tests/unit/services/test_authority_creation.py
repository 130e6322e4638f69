# SPDX-License-Identifier: Apache-2.0
"""Authorities that are made, imported and uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.ca.authority import create_intermediate, create_root
from authz.ca.issuance import CertificateRequest, issue, prepare
from authz.ca.key_kinds import KeyKind
from authz.ca.keys import generate_key
from authz.ca.names import Subject
from authz.ca.profiles import CLIENT
from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.judgement import judge
from authz.certs.presented import Presented
from authz.certs.trust import compile_trust
from authz.errors import (
    CertificateError,
    ConflictError,
    InvalidInputError,
    InvalidRequestError,
    KeyUnavailableError,
    NotFoundError,
)
from authz.services.authorities import get_authority, list_authorities
from authz.services.authority_creation import given_name, import_authority, upload_authority
from authz.services.hosts import add_host
from authz.services.model import StoreModels
from authz.store.records import AuthorityKind, CertificateRole
from tests.factories import issuing
from tests.factories.pki import AT, root, url_encoded

if TYPE_CHECKING:
    from authz.ca.authority import NewAuthority
    from authz.services.authorities import KnownAuthority
    from tests.unit.services.conftest import World


def _pem(*certificates: Certificate) -> bytes:
    from authz.certs.pem import write_pem

    return "".join(write_pem(one.der, "CERTIFICATE") for one in certificates).encode()


def _import(world: World, *certificates: Certificate, key: bytes, **changes: str) -> KnownAuthority:
    return import_authority(
        world.store,
        _pem(*certificates),
        key,
        encryption=world.encryption,
        actor="tester",
        at=AT,
        **changes,  # type: ignore[arg-type]  # all of them texts
    )


def test_a_root_is_made(world: World) -> None:
    known = world.ca("Acme", organization="Acme Ltd", days=100)

    assert get_authority(world.store, "Acme") == known
    assert known.authority.kind is AuthorityKind.MANAGED
    assert known.zone is not None
    (one,) = known.certificates
    assert (one.role, one.key_id is not None) == (CertificateRole.ISSUING, True)
    certificate = Certificate.from_der(one.der)
    assert certificate.subject_dn == "CN=Acme,O=Acme Ltd"
    assert round((one.not_after - one.not_before) / 86400) == 100
    row = world.last()
    assert (row.action, row.object_id) == ("authority.create", known.authority.id)
    with world.store.read() as session:
        key = session.authorities.keys()[0]
    assert key.record.hex() not in str(row)
    assert "record" not in str(row.after)


def test_an_intermediate_issues_below_its_root(world: World) -> None:
    known = world.ca("Acme", intermediate=True, publication_url="http://pki.example.com")

    assert [one.role for one in known.certificates] == [
        CertificateRole.ISSUING,
        CertificateRole.TRUSTED,
    ]
    issuing_, root_ = (Certificate.from_der(one.der) for one in known.certificates)
    assert issuing_.issuer_dn == root_.subject_dn == "CN=Acme Root"
    assert f"/crl/{known.certificates[1].id}.crl" in issuing_.der.decode("latin-1")
    assert all(one.key_id for one in known.certificates)


def test_other_kinds_of_key(world: World) -> None:
    known = world.ca(kind=KeyKind.ECDSA_P384)

    assert Certificate.from_der(known.certificates[0].der).key.name == "P-384"


def test_names_are_unique(world: World) -> None:
    world.ca()

    with pytest.raises(ConflictError, match='there is an authority "Acme" already'):
        world.ca()
    with pytest.raises(ConflictError):
        upload_authority(world.store, root().pem, name="Acme", actor="t", at=AT)
    assert len(list_authorities(world.store)) == 1


def test_what_cannot_be_made(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.ca(zone="gone")
    with pytest.raises(InvalidInputError, match="the name is empty"):
        world.ca(" ")
    with pytest.raises(InvalidRequestError, match="the common name has 65 characters"):
        world.ca("x" * 65)
    assert list_authorities(world.store) == []
    assert world.audited() == []


def test_one_that_was_made_elsewhere_is_imported(world: World) -> None:
    made = issuing.issuing()
    known = _import(
        world, *made.certificates, key=made.signer.to_pem("a passphrase"), passphrase="a passphrase"
    )

    assert known.authority.name == "Acme Issuing CA"
    assert [one.role for one in known.certificates] == [
        CertificateRole.ISSUING,
        CertificateRole.TRUSTED,
    ]
    assert known.certificates[1].key_id is None
    assert world.last().action == "authority.import"
    issued = world.issue(authority="Acme Issuing CA")
    assert issued.bundle.count("BEGIN CERTIFICATE") == 2


def test_below_an_imported_root_only_what_was_imported_is_trusted(world: World) -> None:
    """Other departments have their own CAs below the same root."""
    top = create_root(Subject.of("Corp Root"), at=AT)
    team_a, team_b = (
        create_intermediate(
            Subject.of(name), issuer=top.certificate, issuer_signer=top.signer, at=AT
        )
        for name in ("Team A", "Team B")
    )
    _import(world, team_a.certificate, top.certificate, key=team_a.signer.to_pem())
    add_host(world.store, "a.example", authority="Team A", actor="t", at=AT)
    with world.store.read() as session:
        sites = StoreModels().build(session).model.sites
    (trust,) = [one.trust for one in sites if one.trust]

    def failure(team: NewAuthority) -> VerifyFailure | None:
        request = CertificateRequest(subject=Subject.of("alice"), spki=generate_key().spki)
        body = prepare(request, profile=CLIENT, issuer=team.certificate, at=AT)
        sent = _pem(issue(body, team.signer), team.certificate).decode()
        return judge(Presented(certificate=url_encoded(sent)), compile_trust(trust), AT).failure

    assert failure(team_a) is None
    assert failure(team_b) is VerifyFailure.UNKNOWN_ISSUER
    # Envoy gets the root as well: it wants a CRL of each CA up to one that signed itself.
    assert trust[0].certificates == (team_a.certificate.der, top.certificate.der)


def test_it_is_imported_once(world: World) -> None:
    made = issuing.root()
    _import(world, made.certificate, key=made.signer.to_pem())

    with pytest.raises(ConflictError, match="is here already, with its key"):
        _import(world, made.certificate, key=made.signer.to_pem(), name="again")


def test_what_cannot_be_imported(world: World) -> None:
    made = issuing.root()
    with pytest.raises(KeyUnavailableError):
        _import(world, made.certificate, key=b"no key")
    with pytest.raises(CertificateError, match="belongs to none of the certificates"):
        _import(world, made.certificate, key=issuing.issuing().signer.to_pem())
    assert list_authorities(world.store) == []


def test_one_s_own_is_uploaded_without_a_key(world: World) -> None:
    known = upload_authority(world.store, root().pem, actor="tester", at=AT)

    assert known.authority.name == "Test Root CA"
    assert (known.authority.kind, known.zone) == (AuthorityKind.UPLOADED, None)
    assert known.issuing is None
    assert [one.role for one in known.certificates] == [CertificateRole.TRUSTED]
    assert world.last().action == "authority.upload"
    assert list_authorities(world.store) == [known]


def test_without_a_common_name_the_subject_is_the_name(world: World) -> None:
    made = create_root(Subject.of(organization="Acme Ltd"), at=AT)
    known = upload_authority(world.store, _pem(made.certificate), actor="t", at=AT)

    assert known.authority.name == "O=Acme Ltd"


def test_what_is_no_ca_is_not_uploaded(world: World) -> None:
    leaf = issuing.issue_client().certificate

    with pytest.raises(CertificateError):
        upload_authority(world.store, _pem(leaf), name="x", actor="t", at=AT)


def test_authorities_without_a_name_may_be_alike(world: World) -> None:
    first, second = (
        upload_authority(world.store, root().pem, nameless=True, actor="tester", at=AT)
        for _ in range(2)
    )
    named = upload_authority(world.store, root().pem, name="Acme", actor="tester", at=AT)

    assert first.authority.name == f"Test Root CA ({first.authority.id[:8]})"
    assert first.authority.id != second.authority.id
    assert given_name(first.authority) is None
    assert given_name(named.authority) == "Acme"
    assert all(one.authority_id == first.authority.id for one in first.certificates)
