# SPDX-License-Identifier: Apache-2.0
"""OCSP answers: openssl asks and verifies; what is wrong with a request is said in the status."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp as library

from authz.ca import encode
from authz.ca.authority import NewAuthority, create_root, rotate
from authz.ca.key_kinds import KeyKind
from authz.ca.names import Subject
from authz.ca.ocsp import (
    MAX_CERTIFICATES,
    MAX_REQUEST_BYTES,
    CertificateStatus,
    Responder,
    answer,
    issue_responder,
)
from authz.ca.profiles import OCSP
from authz.ca.reasons import RevocationReason
from authz.ca.signing import key_bits
from authz.ca.tbs import extension
from authz.certs import der
from tests.factories.issuing import issue_client, issuing, openssl, root, write_certificates
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    from authz.certs.certificate import Certificate

HOUR = 3600
SERIAL = 2**158 + 1
GOOD = CertificateStatus()
NONCE = "1.3.6.1.5.5.7.48.1.2"


def _responder(by: NewAuthority | None = None, *, at: float = AT) -> Responder:
    authority = by or issuing()
    return issue_responder(authority.certificate, authority.signer, at=at)[0]


def _cert_id(
    serial: int = SERIAL,
    *,
    issuer: Certificate | None = None,
    name: str = "sha1",
    oid: str = "1.3.14.3.2.26",
) -> bytes:
    ca = issuer or issuing().certificate

    def digest(data: bytes) -> bytes:
        return encode.octet_string(hashlib.new(name, data, usedforsecurity=False).digest())

    return encode.sequence(
        encode.sequence(encode.oid(oid), encode.NULL),
        digest(ca.subject_raw),
        digest(key_bits(ca.spki)),
        encode.integer(serial),
    )


def _request(*cert_ids: bytes, extensions: tuple[bytes, ...] = (), before: bytes = b"") -> bytes:
    listed = encode.sequence(*(encode.sequence(one) for one in cert_ids or (_cert_id(),)))
    written = encode.explicit(2, encode.sequence(*extensions)) if extensions else b""
    return encode.sequence(encode.sequence(before, listed, written))


def _nonce(size: int) -> bytes:
    return extension(NONCE, encode.octet_string(b"n" * size))


def _answer(
    request: bytes,
    *responders: Responder,
    status: CertificateStatus | None = GOOD,
    at: float = AT,
    validity: int = HOUR,
) -> library.OCSPResponse:
    der = answer(
        request,
        responders or (_responder(),),
        lambda issuer, serial: status if serial == SERIAL else None,
        at=at,
        validity_seconds=validity,
    )
    return library.load_der_ocsp_response(der)


def _failed(request: bytes, *responders: Responder, at: float = AT) -> str:
    return _answer(request, *responders, at=at).response_status.name


def test_a_good_certificate() -> None:
    responder = _responder()
    response = _answer(_request(), responder)

    assert response.response_status is library.OCSPResponseStatus.SUCCESSFUL
    assert response.certificate_status is library.OCSPCertStatus.GOOD
    assert response.serial_number == SERIAL
    assert response.this_update_utc.timestamp() == response.produced_at_utc.timestamp() == AT
    assert response.next_update_utc is not None
    assert response.next_update_utc.timestamp() == AT + HOUR
    assert (
        response.responder_key_hash
        == hashlib.sha1(key_bits(responder.certificate.spki), usedforsecurity=False).digest()
    )
    assert [one.public_bytes(serialization.Encoding.DER) for one in response.certificates] == [
        responder.certificate.der
    ]
    assert not list(response.extensions)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (RevocationReason.KEY_COMPROMISE, x509.ReasonFlags.key_compromise),
        (RevocationReason.CERTIFICATE_HOLD, x509.ReasonFlags.certificate_hold),
        (RevocationReason.UNSPECIFIED, None),
        (None, None),
    ],
)
def test_a_revoked_certificate(
    reason: RevocationReason | None, expected: x509.ReasonFlags | None
) -> None:
    response = _answer(_request(), status=CertificateStatus(revoked_at=AT - 60.5, reason=reason))

    assert response.certificate_status is library.OCSPCertStatus.REVOKED
    assert response.revocation_time_utc is not None
    assert response.revocation_time_utc.timestamp() == AT - 61
    assert response.revocation_reason is expected


def test_a_serial_number_that_was_never_issued_is_unknown() -> None:
    response = _answer(_request(_cert_id(4)))

    assert response.certificate_status is library.OCSPCertStatus.UNKNOWN


@pytest.mark.parametrize(
    ("name", "oid"),
    [
        ("sha1", "1.3.14.3.2.26"),
        ("sha256", "2.16.840.1.101.3.4.2.1"),
        ("sha384", "2.16.840.1.101.3.4.2.2"),
        ("sha512", "2.16.840.1.101.3.4.2.3"),
    ],
)
def test_the_issuer_may_be_named_by_any_hash(name: str, oid: str) -> None:
    response = _answer(_request(_cert_id(name=name, oid=oid)))

    assert response.certificate_status is library.OCSPCertStatus.GOOD
    assert response.hash_algorithm.name == name


def test_an_issuer_that_is_not_ours_is_not_answered_for() -> None:
    elsewhere = create_root(Subject.of("Elsewhere"), at=AT).certificate

    assert _failed(_request(_cert_id(issuer=elsewhere))) == "UNAUTHORIZED"
    assert _failed(_request(_cert_id(oid="1.2.3.4"))) == "UNAUTHORIZED"
    assert _answer(_request()).response_status.name == "SUCCESSFUL"
    der = answer(_request(), (), lambda *_: GOOD, at=AT, validity_seconds=1)
    assert library.load_der_ocsp_response(der).response_status.name == "UNAUTHORIZED"


def test_each_authority_has_its_responder_also_those_of_one_name() -> None:
    old = create_root(Subject.of("Acme"), at=AT)
    new = rotate(old.certificate, at=AT)
    responders = [_responder(old), _responder(new)]

    for authority, responder in zip((old, new), responders, strict=True):
        request = _request(_cert_id(issuer=authority.certificate))
        response = _answer(request, *responders)

        assert response.certificates[0].public_bytes(serialization.Encoding.DER) == (
            responder.certificate.der
        )


def test_the_finder_is_asked_about_the_issuer_of_the_request() -> None:
    asked: list[tuple[bytes, int]] = []

    def find(issuer: Certificate, serial: int) -> CertificateStatus | None:
        asked.append((issuer.der, serial))
        return None

    answer(_request(), [_responder()], find, at=AT, validity_seconds=1)

    assert asked == [(issuing().certificate.der, SERIAL)]


@pytest.mark.parametrize("size", [1, 16, 32, 128])
def test_a_nonce_is_echoed(size: int) -> None:
    response = _answer(_request(extensions=(_nonce(size),)))

    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * size


@pytest.mark.parametrize("size", [0, 129])
def test_a_nonce_of_another_length_is_malformed(size: int) -> None:
    assert _failed(_request(extensions=(_nonce(size),))) == "MALFORMED_REQUEST"


def test_other_extensions_are_passed_over_unless_they_are_critical() -> None:
    other = extension("1.2.3.4", encode.NULL)
    critical = extension("1.2.3.4", encode.NULL, critical=True)
    explicit = encode.sequence(
        encode.oid("1.2.3.4"), b"\x01\x01\x00", encode.octet_string(encode.NULL)
    )

    assert not list(_answer(_request(extensions=(other, explicit))).extensions)
    assert _failed(_request(extensions=(critical,))) == "MALFORMED_REQUEST"


def test_a_version_and_a_requestor_are_passed_over() -> None:
    before = encode.explicit(0, encode.integer(0)) + encode.explicit(1, encode.tlv(0xA4, b""))

    assert _failed(_request(before=before)) == "SUCCESSFUL"


def test_the_largest_requests_are_answered() -> None:
    full = _request(*[_cert_id()] * MAX_CERTIFICATES)
    # A requestor's name of a length of two octets fills the rest.
    padding = MAX_REQUEST_BYTES - len(_request(before=encode.tlv(0xA1, b"x" * 1000))) + 1000
    large, larger = (
        _request(before=encode.tlv(0xA1, b"x" * size)) for size in (padding, padding + 1)
    )

    assert (len(large), MAX_CERTIFICATES) == (16384, 16)
    assert _failed(full) == _failed(large) == "SUCCESSFUL"
    assert _failed(larger) == "MALFORMED_REQUEST"


def test_a_negative_serial_number_was_never_issued() -> None:
    request = _request(_cert_id(-1))

    assert _answer(request, status=GOOD).certificate_status is library.OCSPCertStatus.UNKNOWN
    asked: list[int] = []
    answer(request, [_responder()], lambda _, n: asked.append(n), at=AT, validity_seconds=1)
    assert asked == [-1]


def test_a_signature_on_a_request_is_passed_over() -> None:
    tbs = der.children(der.read(_request())[0].content)[0].raw
    algorithm = encode.sequence(encode.oid("1.2.840.10045.4.3.2"))
    signed = encode.sequence(algorithm, encode.bit_string(b"anything"))

    assert _failed(encode.sequence(tbs, encode.explicit(0, signed))) == "SUCCESSFUL"


@pytest.mark.parametrize(
    "request_der",
    [
        b"",
        b"\x30",
        b"hello",
        b"\x30\x00",
        encode.sequence(encode.sequence()),
        encode.sequence(encode.sequence(encode.sequence())),
        encode.sequence(encode.sequence(encode.sequence(encode.sequence(encode.NULL)))),
        _request() + b"\x00",
        _request(*[_cert_id()] * (MAX_CERTIFICATES + 1)),
        _request(before=encode.tlv(0xA3, b"x" * MAX_REQUEST_BYTES)),
        _request(encode.sequence(encode.sequence(encode.oid("1.2.3")), b"", b"", encode.NULL)),
        encode.tlv(0x31, _request()[2:]),
        # The answer repeats the CertID, and nobody could read it.
        _request(_cert_id().replace(b"\x06\x05", b"\xc6\x05", 1)),
        _request(_cert_id().replace(b"\x05\x00", b"\x05\x01", 1)),
    ],
    # Keys are made anew each time: names must not come from the bytes.
    ids=range(14),
)
def test_what_is_no_request_is_malformed(request_der: bytes) -> None:
    assert _failed(request_der) == "MALFORMED_REQUEST"


def test_a_responder_that_is_not_valid_asks_to_come_back() -> None:
    responder = _responder()

    assert _failed(_request(), responder, at=responder.certificate.not_after_at + 1) == "TRY_LATER"
    assert _failed(_request(), responder, at=responder.certificate.not_before_at - 1) == "TRY_LATER"
    assert _failed(_request(), responder, at=responder.certificate.not_after_at) == "SUCCESSFUL"
    assert _failed(_request(), responder, at=responder.certificate.not_before_at) == "SUCCESSFUL"


def test_an_answer_is_not_valid_for_longer_than_it_can_be_verified() -> None:
    responder = _responder()
    response = _answer(_request(), responder, validity=100 * 86400)

    assert response.next_update_utc is not None
    assert response.next_update_utc.timestamp() == responder.certificate.not_after_at


def test_a_responder_is_short_lived_and_not_asked_about() -> None:
    responder, signer = issue_responder(
        issuing().certificate, issuing().signer, at=AT, kind=KeyKind.ECDSA_P384, days=3
    )
    certificate = responder.certificate

    assert certificate.spki == signer.spki
    assert certificate.key.name == "P-384"
    assert certificate.not_after_at - certificate.not_before_at == 3 * 86400 - 1
    assert certificate.extension(x509.OCSPNoCheck) is not None
    assert OCSP.default_days == 7


def test_the_issuer_may_answer_itself_and_then_sends_no_certificate() -> None:
    ca = root()
    own = Responder(issuer=ca.certificate, certificate=ca.certificate, signer=ca.signer)
    response = _answer(_request(_cert_id(issuer=ca.certificate)), own)

    assert response.certificates == []


def test_a_request_of_the_library_is_answered() -> None:
    client = issue_client().certificate
    builder = library.OCSPRequestBuilder().add_certificate(
        client.parsed, issuing().certificate.parsed, hashes.SHA256()
    )
    request = builder.build().public_bytes(serialization.Encoding.DER)

    assert _answer(request).serial_number == client.serial_number


@pytest.mark.parametrize("kind", [KeyKind.ECDSA_P256, KeyKind.RSA_2048])
@pytest.mark.parametrize("delegated", [True, False])
def test_openssl_verifies_the_answers(kind: KeyKind, delegated: bool, tmp_path: Path) -> None:
    # openssl compares the times with the machine's clock.
    now = time.time()
    ca = create_root(Subject.of("Acme"), at=now, kind=kind)
    good, revoked, lost = (issue_client(name, by=ca, at=now) for name in ("a", "b", "c"))
    known = {
        good.certificate.serial_number: GOOD,
        revoked.certificate.serial_number: CertificateStatus(
            revoked_at=now - 60, reason=RevocationReason.KEY_COMPROMISE
        ),
    }
    responder = _responder(ca, at=now)
    if not delegated:
        responder = replace(responder, certificate=ca.certificate, signer=ca.signer)
    anchor = write_certificates(tmp_path / "ca.pem", ca.certificate)
    question: list[object] = ["-issuer", anchor]
    for index, client in enumerate((good, revoked, lost)):
        path = write_certificates(tmp_path / f"{index}.pem", client.certificate)
        question += ["-cert", path]
    # All three in one request, with a nonce.
    openssl("ocsp", *question, "-reqout", tmp_path / "request.der")
    response = answer(
        (tmp_path / "request.der").read_bytes(),
        [responder],
        lambda _, serial: known.get(serial),
        at=now,
        validity_seconds=HOUR,
    )
    (tmp_path / "response.der").write_bytes(response)
    said = openssl(
        # The nonce is that of the request; without -no_nonce openssl would add another one.
        *("ocsp", *question, "-no_nonce", "-reqin", tmp_path / "request.der"),
        *("-respin", tmp_path / "response.der", "-CAfile", anchor),
    )

    assert "Response verify OK" in said
    assert "WARNING" not in said
    assert "0.pem: good" in said
    assert "1.pem: revoked" in said
    assert "Reason: keyCompromise" in said
    assert "2.pem: unknown" in said
