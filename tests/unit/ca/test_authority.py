# SPDX-License-Identifier: Apache-2.0
"""Authorities: made, brought along, followed by a successor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from authz.ca import authority as authority_module
from authz.ca.authority import (
    NewAuthority,
    chain_above,
    create_intermediate,
    create_root,
    cross_certify,
    import_authority,
    rotate,
    trusted_until,
)
from authz.ca.bundle import pem_bundle
from authz.ca.issuance import CertificateRequest, prepare
from authz.ca.key_kinds import KeyKind
from authz.ca.keys import generate_key
from authz.ca.names import AlternativeNames, Subject
from authz.ca.profiles import CLIENT, INTERMEDIATE, ROOT
from authz.certs.authority import AuthorityModel
from authz.certs.certificate import Certificate
from authz.certs.pem import write_pem
from authz.certs.trust import compile_trust
from authz.certs.verification import verify
from authz.demo.keys import KeyKind as AnyKind
from authz.demo.pki import Issued, key_usage, make_root
from authz.errors import (
    CertificateError,
    InvalidRequestError,
    IssuerInactiveError,
    KeyUnavailableError,
    LintFailedError,
    UnsupportedCertificateError,
    WeakKeyError,
)
from tests.factories import pki
from tests.factories.issuing import URLS, issue_client, issuing, openssl, root, write_certificates
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86400


def test_a_root_signs_itself_and_is_trusted_by_our_judge() -> None:
    certificate = root().certificate

    assert certificate.is_self_issued
    assert certificate.subject_dn == "CN=Acme Root,O=Acme,C=DE"
    assert certificate.ski == certificate.authority_key_id
    assert root().chain == ()
    assert compile_trust([AuthorityModel(name="a", certificates=(certificate.der,))])


def test_an_intermediate_has_the_chain_above_it() -> None:
    made = issuing()

    assert made.chain == (root().certificate,)
    assert made.certificates == (made.certificate, root().certificate)
    assert made.certificate.issuer_raw == root().certificate.subject_raw


def test_three_levels(tmp_path: Path) -> None:
    top = create_root(Subject.of("Top"), at=AT)
    middle = create_intermediate(
        Subject.of("Middle"),
        issuer=top.certificate,
        issuer_signer=top.signer,
        at=AT,
        profile=replace(INTERMEDIATE, path_length=1),
    )
    low = create_intermediate(
        Subject.of("Low"),
        issuer=middle.certificate,
        issuer_signer=middle.signer,
        issuer_chain=middle.chain,
        at=AT,
        kind=KeyKind.ECDSA_P384,
    )
    client = issue_client(by=low).certificate

    assert low.chain == (middle.certificate, top.certificate)
    assert "OK" in openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-attime", int(AT)),
        *("-CAfile", write_certificates(tmp_path / "root.pem", top.certificate)),
        *("-untrusted", write_certificates(tmp_path / "chain.pem", *low.certificates)),
        write_certificates(tmp_path / "client.pem", client),
    )


def test_there_is_no_room_below_an_intermediate() -> None:
    with pytest.raises(LintFailedError, match="path length"):
        create_intermediate(
            Subject.of("Third"),
            issuer=issuing().certificate,
            issuer_signer=issuing().signer,
            at=AT,
        )


def _pem(*certificates: Issued) -> bytes:
    return b"".join(one.pem for one in certificates)


def test_an_authority_is_imported_with_those_above_it() -> None:
    made, above = pki.intermediate(), pki.root()
    # In the wrong order, with a key beside and twice: files of others are like that.
    imported = import_authority(_pem(above, made, made) + made.key_pem, made.key_pem, at=AT)

    assert imported.certificate.der == made.der
    assert [one.der for one in imported.chain] == [above.der]
    assert issue_client(by=imported).certificate.issuer_dn == "CN=Test Issuing CA"


def test_a_root_is_imported_alone_and_an_intermediate_without_its_root() -> None:
    for made in (pki.root(), pki.intermediate()):
        assert import_authority(made.pem, made.key_pem, at=AT).chain == ()


def test_an_encrypted_key_is_imported_with_its_passphrase() -> None:
    authority = create_root(Subject.of("Ours"), at=AT)
    pem = pem_bundle(authority.certificate).encode()
    key = authority.signer.to_pem("secret")

    assert import_authority(pem, key, at=AT, passphrase="secret").certificate
    with pytest.raises(KeyUnavailableError, match="encrypted"):
        import_authority(pem, key, at=AT)


def test_of_two_certificates_of_one_key_the_one_that_lasts_longest_is_taken() -> None:
    top = pki.root()
    short = top.intermediate("Twice", key=pki.fixed_key("twice"), not_after=AT + DAY)
    long = top.intermediate("Twice", key=pki.fixed_key("twice"))

    imported = import_authority(_pem(short, long, top), long.key_pem, at=AT)
    assert imported.certificate.der == long.der


@pytest.mark.parametrize(
    ("certificate", "message"),
    [
        (pki.root().client("leaf"), "not a CA certificate"),
        (pki.root().intermediate("a", key_usage=key_usage("crl_sign")), "lacks keyCertSign"),
        (pki.root().intermediate("a", key_usage=key_usage("key_cert_sign")), "lacks cRLSign"),
        (pki.root().intermediate("a", not_after=AT - 1), "only"),
        (pki.root().intermediate("a", not_before=AT + 1), "only"),
    ],
)
def test_what_cannot_issue_is_not_imported(certificate: Issued, message: str) -> None:
    with pytest.raises(CertificateError, match=message) as error:
        import_authority(certificate.pem, certificate.key_pem, at=AT)

    assert error.value.hint


def test_an_expired_certificate_above_is_not_imported_either() -> None:
    top = make_root("Old", at=AT, not_after=AT - 1)
    made = top.intermediate("New", not_before=AT - DAY, not_after=AT + DAY)

    with pytest.raises(CertificateError, match=r"CN=Old.* is valid from"):
        import_authority(_pem(made, top), made.key_pem, at=AT)


def test_an_authority_without_key_usage_is_imported() -> None:
    made = pki.root().intermediate("a", key_usage=None)

    assert import_authority(made.pem, made.key_pem, at=AT)


def test_a_key_of_none_of_the_certificates_is_refused() -> None:
    with pytest.raises(CertificateError, match="belongs to none"):
        import_authority(pki.root().pem, pki.intermediate().key_pem, at=AT)


@pytest.mark.parametrize("made", [pki.root(), pki.intermediate()])
def test_certificates_that_are_not_above_are_refused(made: Issued) -> None:
    with pytest.raises(CertificateError, match="CN=Elsewhere' is not above"):
        import_authority(_pem(made, pki.root("Elsewhere")), made.key_pem, at=AT)


def test_a_chain_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority_module, "_MAX_CHAIN", 1)
    low = pki.intermediate().intermediate("Low")

    with pytest.raises(CertificateError, match="is not above"):
        import_authority(_pem(low, pki.intermediate(), pki.root()), low.key_pem, at=AT)


def test_keys_that_are_not_judged_by_are_not_imported() -> None:
    made = make_root("Edwards", at=AT, kind=AnyKind.ED25519)

    with pytest.raises(WeakKeyError, match="Ed25519"):
        import_authority(made.pem, made.key_pem, at=AT)


def _verified_at(
    client: Certificate,
    authorities: tuple[Certificate, ...],
    at: float,
    *,
    chain: tuple[Certificate, ...] = (),
) -> bool:
    trust = compile_trust(
        [AuthorityModel(name="a", certificates=tuple(one.der for one in authorities))]
    )
    return verify(client, chain, trust, at, 8).failure is None


def test_a_successor_has_the_same_name_and_another_key() -> None:
    old = create_root(Subject.of("Acme"), at=AT, days=400, profile=replace(ROOT, path_length=1))
    new = rotate(old.certificate, at=AT + 300 * DAY, kind=KeyKind.ECDSA_P384)

    assert new.certificate.subject_raw == old.certificate.subject_raw
    assert new.certificate.spki != old.certificate.spki
    assert new.certificate.ski != old.certificate.ski
    assert new.certificate.extension(x509.BasicConstraints) == x509.BasicConstraints(True, 1)


def test_a_successor_below_the_same_root() -> None:
    old = issuing()
    new = rotate(
        old.certificate,
        at=AT,
        issuer=root().certificate,
        issuer_signer=root().signer,
        urls=URLS,
    )

    assert new.certificate.subject_raw == old.certificate.subject_raw
    assert new.chain == (root().certificate,)
    assert new.certificate.extension(x509.BasicConstraints) == x509.BasicConstraints(True, 0)


def test_a_cross_certificate_lasts_a_day_at_least() -> None:
    old = create_root(Subject.of("Acme"), at=AT, days=400)
    new = rotate(old.certificate, at=AT)

    with pytest.raises(IssuerInactiveError, match="before the certificate would"):
        cross_certify(old.certificate, old.signer, new.certificate, at=AT + 400 * DAY - 600)


def test_old_authorities_may_have_the_serial_number_zero() -> None:
    made = make_root("Old", at=AT, key=pki.fixed_key("old"), serial=1)
    edit = (bytes.fromhex("a003020102020101"), bytes.fromhex("a003020102020100"))
    der = pki.resign(made.certificate, pki.fixed_key("old"), edit)
    pem = write_pem(der, "CERTIFICATE").encode()

    assert import_authority(pem, made.key_pem, at=AT).certificate.serial_number == 0


def test_an_imported_authority_is_valid_from_its_first_second_to_its_last() -> None:
    made = make_root("Brief", at=AT, not_before=AT, not_after=AT + DAY)

    for at in (AT, AT + DAY + 0.9):
        assert import_authority(made.pem, made.key_pem, at=at)
    for at in (AT - 1, AT + DAY + 1):
        with pytest.raises(CertificateError, match="is valid from"):
            import_authority(made.pem, made.key_pem, at=at)


def test_without_the_key_above_there_is_no_successor_below() -> None:
    with pytest.raises(KeyUnavailableError, match="the private key of 'CN=Acme Root"):
        rotate(issuing().certificate, at=AT, issuer=root().certificate)


@pytest.mark.parametrize("kind", [AnyKind.P256, AnyKind.P384, AnyKind.P521, AnyKind.RSA2048])
def test_every_kind_of_key_that_is_imported_issues(kind: AnyKind, tmp_path: Path) -> None:
    made = make_root("Brought along", at=AT, key=pki.fixed_key("x", kind))
    imported = import_authority(made.pem, made.key_pem, at=AT)

    assert "OK" in openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-attime", int(AT)),
        *("-CAfile", write_certificates(tmp_path / "root.pem", imported.certificate)),
        write_certificates(tmp_path / "client.pem", issue_client(by=imported).certificate),
    )


def test_an_authority_without_a_path_length_has_a_successor_without_one() -> None:
    new = rotate(root().certificate, at=AT)

    assert new.certificate.extension(x509.BasicConstraints) == x509.BasicConstraints(True, None)


def test_both_stay_trusted_while_the_old_one_has_certificates() -> None:
    old = create_root(Subject.of("Acme"), at=AT, days=400)
    new = rotate(old.certificate, at=AT + 300 * DAY)
    before = issue_client("before", by=old, at=AT).certificate
    after = issue_client("after", by=new, at=AT + 300 * DAY).certificate
    at = AT + 301 * DAY

    assert trusted_until(old.certificate, before.not_after_at) == before.not_after_at
    assert trusted_until(old.certificate, 9e12) == old.certificate.not_after_at
    both = (old.certificate, new.certificate)
    assert _verified_at(before, both, at)
    assert _verified_at(after, both, at)
    assert not _verified_at(after, (old.certificate,), at)


def test_a_cross_certificate_leads_from_the_new_key_to_the_old_one(tmp_path: Path) -> None:
    old = create_root(Subject.of("Acme"), at=AT, days=400, profile=replace(ROOT, path_length=1))
    new = rotate(old.certificate, at=AT + 300 * DAY)
    at = AT + 301 * DAY
    cross = cross_certify(old.certificate, old.signer, new.certificate, at=at, urls=URLS)
    after = issue_client("after", by=new, at=at).certificate

    assert cross.spki == new.certificate.spki
    assert cross.extension(x509.BasicConstraints) == x509.BasicConstraints(True, 1)
    assert cross.authority_key_id == old.certificate.ski
    assert cross.not_after_at <= old.certificate.not_after_at
    assert cross.not_after_at > old.certificate.not_after_at - 2 * DAY
    assert "OK" in openssl(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-attime", int(at)),
        *("-CAfile", write_certificates(tmp_path / "old.pem", old.certificate)),
        *("-untrusted", write_certificates(tmp_path / "cross.pem", cross)),
        write_certificates(tmp_path / "client.pem", after),
    )
    assert _verified_at(after, (old.certificate,), at, chain=(cross,))


def test_another_authority_is_not_cross_certified() -> None:
    with pytest.raises(InvalidRequestError, match="the names differ"):
        cross_certify(root().certificate, root().signer, issuing().certificate, at=AT)


def test_an_imported_authority_is_followed_and_cross_certified(at: float) -> None:
    bare = Certificate.from_der(pki.root().der)
    signer = import_authority(pki.root().pem, pki.root().key_pem, at=at).signer
    new = rotate(bare, at=at)

    assert cross_certify(bare, signer, new.certificate, at=at).is_ca


def test_everything_made_is_judged_before_it_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(certificate: Certificate) -> None:
        raise UnsupportedCertificateError("no")

    monkeypatch.setattr(authority_module, "check_authority_certificate", refuse)

    with pytest.raises(UnsupportedCertificateError):
        create_root(Subject.of("x"), at=AT)
    with pytest.raises(UnsupportedCertificateError):
        create_intermediate(
            Subject.of("x"), issuer=root().certificate, issuer_signer=root().signer, at=AT
        )


def test_the_key_of_an_issuer_is_asked_for() -> None:
    with pytest.raises(KeyUnavailableError):
        create_intermediate(
            Subject.of("x"), issuer=root().certificate, issuer_signer=generate_key(), at=AT
        )
    assert isinstance(root(), NewAuthority)


def test_an_authority_with_name_constraints_is_not_followed_by_one_without() -> None:
    constraints = x509.NameConstraints([x509.DNSName("inside.example")], None)
    made = make_root("Limited", at=AT, name_constraints=constraints)

    with pytest.raises(InvalidRequestError, match="has name constraints, which a successor"):
        rotate(Certificate.from_der(made.der), at=AT)


def test_the_constraints_above_an_imported_authority_hold() -> None:
    constraints = x509.NameConstraints([x509.DNSName("inside.example")], None)
    made = make_root("Limited", at=AT, name_constraints=constraints).intermediate("Below")
    assert made.issuer is not None
    own = import_authority(_pem(made, made.issuer), made.key_pem, at=AT)

    for name in ("a.inside.example", "outside.example"):
        request = CertificateRequest(
            subject=Subject.of("alice"),
            spki=generate_key().spki,
            names=AlternativeNames(dns=(name,)),
            days=30,
        )
        chain = chain_above(own.certificate, [root().certificate, *own.chain])
        assert chain == own.chain
        if name == "outside.example":
            with pytest.raises(LintFailedError, match="is not permitted by the name constraints"):
                prepare(request, profile=CLIENT, issuer=own.certificate, chain=chain, at=AT)
        else:
            assert prepare(request, profile=CLIENT, issuer=own.certificate, chain=chain, at=AT)
