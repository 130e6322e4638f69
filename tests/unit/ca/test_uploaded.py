# SPDX-License-Identifier: Apache-2.0
"""An authority of the user's own is accepted when it may be trusted, and refused with a reason."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from authz.ca.uploaded import MAX_PEM_BYTES, check_uploaded
from authz.certs.authority import AuthorityModel
from authz.certs.certificate import Certificate
from authz.certs.pem import write_pem
from authz.certs.trust import compile_trust
from authz.demo.keys import KeyKind
from authz.demo.pki import key_usage, make_root, make_self_signed
from authz.errors import (
    CertificateError,
    CertificateTooLargeError,
    MalformedCertificateError,
    UnsupportedCertificateError,
)
from tests.factories.issuing import csr
from tests.factories.pki import AT, DAY, fixed_key, intermediate, resign, root, slow_key


def test_a_root_is_accepted() -> None:
    uploaded = check_uploaded(root().pem, at=AT)
    facts = uploaded.first

    assert uploaded.certificates == (root().der,)
    assert uploaded.pem.encode() == root().pem
    assert (facts.subject, facts.issuer) == ("CN=Test Root CA", "CN=Test Root CA")
    assert facts.serial_number == root().serial
    assert facts.signature == "ECDSAWithSHA256"
    assert facts.ski == Certificate.from_der(root().der).ski.lower()


def test_an_intermediate_alone_and_a_bundle_are_accepted() -> None:
    both = intermediate().pem + root().pem + root().pem

    assert check_uploaded(intermediate().pem, at=AT).first.issuer == "CN=Test Root CA"
    assert check_uploaded(both, at=AT).certificates == (intermediate().der, root().der)


@pytest.mark.parametrize(
    "change",
    [
        lambda pem: pem.decode(),
        lambda pem: pem.replace(b"\n", rb"\n"),
        lambda pem: pem.replace(b"\n", rb"\r\n"),
        lambda pem: b"subject=/CN=x\n" + pem,
    ],
)
def test_ways_to_send_it(change: object) -> None:
    assert callable(change)
    assert check_uploaded(change(root().pem), at=AT).certificates == (root().der,)


@pytest.mark.parametrize(
    ("pem", "text"),
    [
        (root().pem, None),
        (root().pem.rstrip(), root().pem.rstrip().decode()),
        (b"Zo\xc3\xab\n" + root().pem, f"Zoë\n{root().pem.decode()}"),
        (b"Zo\xeb\n" + root().pem, None),
        (b"\0\n" + root().pem, None),
        (root().pem.replace(b"\n", rb"\n"), None),
    ],
)
def test_how_they_were_written_is_known_where_it_is_another_way(
    pem: bytes, text: str | None
) -> None:
    assert check_uploaded(pem, at=AT).text == text


@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P256, KeyKind.P384, KeyKind.P521])
def test_signatures_that_are_accepted(kind: KeyKind, digest: hashes.SHA256) -> None:
    made = make_root("x", at=AT, key=fixed_key("x", kind), hash_algorithm=digest)

    assert check_uploaded(made.pem, at=AT)


def _sha1_root() -> bytes:
    # No library signs with SHA-1 any more: the identifiers are changed, and nobody verifies a
    # trusted root's own signature.
    key = fixed_key("x", KeyKind.RSA2048)
    made = make_root("x", at=AT, key=key)
    return made.der.replace(
        bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    )


def test_an_old_root_with_sha1_is_accepted() -> None:
    der = _sha1_root()
    uploaded = check_uploaded(write_pem(der, "CERTIFICATE"), at=AT)

    assert uploaded.first.signature == "SHA1WithRSA"
    assert compile_trust([AuthorityModel(name="a", certificates=uploaded.certificates)])


@pytest.mark.parametrize("damage", [bytes.fromhex("0203010000"), bytes.fromhex("0203ffffff")])
def test_a_key_that_is_none_is_an_error_of_ours(damage: bytes) -> None:
    root = make_root("x", at=AT, key=fixed_key("x", KeyKind.RSA2048)).der
    assert root.count(bytes.fromhex("0203010001")) == 1
    der = root.replace(bytes.fromhex("0203010001"), damage)

    with pytest.raises(CertificateError):
        check_uploaded(write_pem(der, "CERTIFICATE"), at=AT)


def _pss_root() -> bytes:
    key = fixed_key("x", KeyKind.RSA2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    made = make_root("x", at=AT, key=key)
    builder = x509.CertificateBuilder(
        issuer_name=made.subject,
        subject_name=made.subject,
        public_key=key.public_key(),
        serial_number=5,
        not_valid_before=made.certificate.not_valid_before_utc,
        not_valid_after=made.certificate.not_valid_after_utc,
        extensions=list(made.certificate.extensions),
    )
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    signed = builder.sign(key, hashes.SHA256(), rsa_padding=pss)
    return signed.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        (_pss_root(), "certificate 1: it is signed with an algorithm that is not supported"),
        (make_root("x", at=AT, kind=KeyKind.ED25519).pem, "certificate 1: it is signed with"),
        (make_root("x", at=AT, kind=KeyKind.RSA1024).pem, "RSA 1024"),
        (make_root("x", at=AT, kind=KeyKind.SECP256K1).pem, "1.3.132.0.10"),
    ],
)
def test_what_is_not_judged_by_is_refused(pem: bytes, message: str) -> None:
    with pytest.raises(UnsupportedCertificateError) as error:
        check_uploaded(pem, at=AT)

    assert message in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        (make_self_signed("x", at=AT).pem, "certificate 1: 'CN=x' is not a CA certificate"),
        (root().pem + root().client("leaf").pem, "certificate 2: 'CN=leaf' is not a CA"),
        (make_root("x", at=AT, key_usage=key_usage("crl_sign")).pem, "lacks keyCertSign"),
        (make_root("x", at=AT, not_after=AT - DAY).pem, "certificate 1: it has expired on Feb 28"),
        (root().der, "not PEM"),
        ("", "not PEM"),
        ("\ud800", "not PEM"),
        (root().pem + root().key_pem, "a private key"),
        (csr("alice"), "CERTIFICATE REQUEST"),
        (root().pem + csr("alice"), "CERTIFICATE REQUEST"),
        (root().crl().pem, "a CRL"),
    ],
)
def test_what_is_no_authority_is_refused(pem: bytes | str, message: str) -> None:
    with pytest.raises(CertificateError) as error:
        check_uploaded(pem, at=AT)

    assert message in error.value.message
    assert error.value.hint


def test_the_last_second_counts() -> None:
    made = make_root("x", at=AT, not_after=AT)

    assert check_uploaded(made.pem, at=AT + 0.9)
    with pytest.raises(CertificateError, match="expired"):
        check_uploaded(made.pem, at=AT + 1)


@pytest.mark.parametrize(
    "pem",
    [
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n",
    ],
)
def test_damage_is_told(pem: bytes) -> None:
    with pytest.raises(MalformedCertificateError) as error:
        check_uploaded(pem, at=AT)

    assert error.value.hint


def test_too_much_is_refused() -> None:
    with pytest.raises(CertificateTooLargeError, match="33 certificates"):
        check_uploaded(root().pem * 33, at=AT)
    with pytest.raises(CertificateTooLargeError, match="bytes"):
        check_uploaded(b" " * (MAX_PEM_BYTES + 1), at=AT)


def test_a_changed_certificate_is_still_one() -> None:
    # Trust is in the key: an anchor's own signature is not asked for (RFC 5280 §6.1).
    changed = resign(root().certificate, fixed_key("another"))

    assert check_uploaded(write_pem(changed, "CERTIFICATE"), at=AT)


def test_keys_that_take_long_to_verify_with_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = make_root("Ordinary", at=AT, key=fixed_key("slow", KeyKind.RSA2048)).pem
    assert check_uploaded(ordinary, at=AT)
    slow = make_root("Slow", at=AT, key=slow_key(61)).pem

    with pytest.raises(UnsupportedCertificateError, match="an exponent of 61 bits") as raised:
        check_uploaded(slow, at=AT)
    assert "certificate 1: " in str(raised.value)
    assert "takes too long to verify with" in str(raised.value)
    assert raised.value.hint.startswith("at most 8192 bits and an exponent of 2^32")
    monkeypatch.setattr("authz.certs.keys.MAXIMUM_RSA_BITS", 2047)
    with pytest.raises(UnsupportedCertificateError, match="RSA 2048"):
        check_uploaded(ordinary, at=AT)
