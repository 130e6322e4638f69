# SPDX-License-Identifier: Apache-2.0
"""OCSP requests and answers: what is believed, and why the rest is not."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.certs.ocsp import (
    CLOCK_SKEW,
    DEFAULT_LIFETIME,
    MAX_ENCLOSED,
    CertStatus,
    OcspAnswer,
    OcspHash,
    build_request,
    read_answer,
)
from authz.demo.pki import key_usage
from authz.errors import CertificateError, MalformedCertificateError, UnsupportedCertificateError
from tests.conftest import absent
from tests.factories.ocsp import Single, answer, refused, signed
from tests.factories.pki import AT, DAY, KeyKind, der, fixed_key, intermediate, resign, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.pki import Issued

CA = intermediate()
ALICE = CA.client("alice", serial=0xA11CE)
OTHER = intermediate("Other CA")
SIGNING = [ExtendedKeyUsageOID.OCSP_SIGNING]


def responder(issuer: Issued = CA, **changes: Any) -> Issued:
    return issuer.client("responder", **{"key": fixed_key("responder"), "eku": SIGNING, **changes})


def read(data: bytes, certificate: Issued = ALICE, issuer: Issued = CA, **rest: Any) -> OcspAnswer:
    return read_answer(
        data,
        Certificate.from_der(certificate.der),
        Certificate.from_der(issuer.der),
        **{"at": AT, "where": "http://ocsp.example/", **rest},
    )


def fault(data: bytes, kind: type[CertificateError] = CertificateError, **rest: Any) -> str:
    with pytest.raises(CertificateError) as caught:
        read(data, **rest)
    assert type(caught.value) is kind
    assert caught.value.where == "http://ocsp.example/"
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("status", list(CertStatus))
@pytest.mark.parametrize("named_with", list(OcspHash))
def test_an_answer_of_the_issuer(status: CertStatus, named_with: OcspHash) -> None:
    found = read(answer(ALICE, CA, status=status, named_with=named_with))

    assert found == OcspAnswer(status=status, this_update=AT - 3600, next_update=AT + DAY)


def test_an_answer_of_an_rsa_issuer() -> None:
    issuer = root().intermediate("RSA CA", key=fixed_key("rsa", KeyKind.RSA2048))
    alice = issuer.client("alice")

    assert read(answer(alice, issuer), alice, issuer).status is CertStatus.GOOD


def test_an_answer_of_a_certified_responder() -> None:
    assert read(answer(ALICE, CA, signer=responder())).status is CertStatus.GOOD
    without_usage = responder(key_usage=None)
    assert read(answer(ALICE, CA, signer=without_usage)).status is CertStatus.GOOD


def test_the_right_certificate_may_stand_behind_others() -> None:
    one = responder()
    data = answer(ALICE, CA, signer=one, certificates=[OTHER.der, b"\x30\x00", one.der])

    with pytest.raises(CertificateError):
        read(data)
    data = answer(ALICE, CA, signer=one, certificates=[OTHER.der, one.der])
    assert read(data).status is CertStatus.GOOD


@pytest.mark.parametrize(
    ("signer", "message"),
    [
        (responder(OTHER), "was not certified by the issuer"),
        (responder(eku=[ExtendedKeyUsageOID.CLIENT_AUTH]), "lacks OCSPSigning"),
        (responder(eku=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), "lacks OCSPSigning"),
        (responder(eku=None), "lacks OCSPSigning"),
        (responder(key_usage=key_usage("key_agreement")), "lacks digitalSignature"),
        (responder(not_after=AT - 1), "is not valid now"),
        (responder(not_before=AT + 1), "is not valid now"),
        (responder(signed_by=fixed_key("somebody")), "was not certified by the issuer"),
    ],
)
def test_who_may_not_answer(signer: Issued, message: str) -> None:
    found = fault(answer(ALICE, CA, signer=signer))

    assert found.startswith("the responder 'CN=responder'")
    assert message in found


def test_a_signer_who_is_not_enclosed() -> None:
    message = "the answer is signed neither by the issuer nor by a responder that it certified"

    assert fault(answer(ALICE, CA, signer=responder(), certificates=[])) == message
    assert fault(answer(ALICE, CA, signer=responder(), certificates=[OTHER.der])) == message


def test_an_enclosed_certificate_that_cannot_be_judged_is_passed_over() -> None:
    odd = responder(serial=0x7A11CE)
    negative = resign(odd.certificate, CA.key, (b"\x02\x03\x7a\x11\xce", b"\x02\x03\xfa\x11\xce"))
    data = answer(ALICE, CA, signer=responder(), certificates=[negative, responder().der])

    assert read(data).status is CertStatus.GOOD


def test_an_enclosed_certificate_whose_key_is_none() -> None:
    one = responder()
    bits = one.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    broken = resign(one.certificate, CA.key, (bits, bytes(65)))

    assert "neither by" in fault(answer(ALICE, CA, signer=one, certificates=[broken]))


def test_not_every_enclosed_certificate_is_looked_at() -> None:
    one = responder()
    some = [OTHER.der] * (MAX_ENCLOSED - 1)

    data = answer(ALICE, CA, signer=one, certificates=[*some, one.der])
    assert read(data).status is CertStatus.GOOD
    data = answer(ALICE, CA, signer=one, certificates=[*some, OTHER.der, one.der])
    assert "neither by" in fault(data)


def test_an_enclosed_certificate_of_an_unsupported_key() -> None:
    odd = responder(key=fixed_key("odd", KeyKind.ED25519))

    assert "neither by" in fault(answer(ALICE, CA, signer=responder(), certificates=[odd.der]))


def test_an_issuer_whose_key_is_of_another_kind() -> None:
    """A signature that cannot even be tried is none."""
    data = bytearray(answer(ALICE, CA))
    data[-1] ^= 1

    assert "neither by" in fault(bytes(data))
    issuer = root().intermediate("RSA CA", key=fixed_key("rsa", KeyKind.RSA2048))
    alice = issuer.client("alice")
    data = bytearray(signed([Single(serial=alice.serial, issuer=issuer)], CA))
    with pytest.raises(CertificateError, match="neither by"):
        read(bytes(data), alice, issuer)


def test_an_answer_about_somebody_else() -> None:
    bob = CA.client("bob", serial=0xB0B)

    assert fault(answer(bob, CA)) == "the answer is not about serial 0A11CE"
    same_serial = OTHER.client("alice", serial=0xA11CE)
    assert "not about" in fault(answer(same_serial, OTHER, signer=CA))
    renamed = answer(ALICE, root().intermediate("Test Issuing CA", key=fixed_key("x")), signer=CA)
    assert "not about" in fault(renamed)


def test_an_unknown_hash_names_nobody() -> None:
    data = answer(ALICE, CA, named_with="sha256")
    sha256, sha512 = (bytes.fromhex(f"06096086480165030402{n}") for n in ("01", "03"))
    assert data.count(sha256) == 1

    assert "not about" in fault(data.replace(sha256, sha512))


def test_the_newest_of_several_answers() -> None:
    more = [
        Single(serial=0xB0B, issuer=CA),
        Single(serial=0xA11CE, issuer=CA, status="revoked", this_update=AT - 60),
    ]

    assert read(answer(ALICE, CA, *more)).status is CertStatus.REVOKED


def test_of_several_answers_of_one_moment_one_that_revokes_counts() -> None:
    revoked = Single(serial=0xA11CE, issuer=CA, status="revoked")

    assert read(answer(ALICE, CA, revoked)).status is CertStatus.REVOKED
    good = Single(serial=0xA11CE, issuer=CA)
    assert read(answer(ALICE, CA, good, status="revoked")).status is CertStatus.REVOKED


def test_times() -> None:
    ahead = AT + CLOCK_SKEW
    assert read(answer(ALICE, CA, this_update=ahead)).this_update == ahead
    assert fault(answer(ALICE, CA, this_update=ahead + 1)) == "the answer is dated ahead"
    assert read(answer(ALICE, CA, next_update=AT)).next_update == AT
    assert fault(answer(ALICE, CA, next_update=AT - 1)) == "the answer is past its nextUpdate"


def test_without_next_update_an_answer_holds_for_a_while() -> None:
    found = read(answer(ALICE, CA, this_update=AT - 60, next_update=None))

    assert found.next_update == AT - 60 + DEFAULT_LIFETIME
    old = answer(ALICE, CA, this_update=AT - DEFAULT_LIFETIME - 1, next_update=None)
    assert fault(old) == "the answer is past its nextUpdate"


def test_nonces() -> None:
    assert read(answer(ALICE, CA, nonce=b"n" * 16), nonce=b"n" * 16).status is CertStatus.GOOD
    assert read(answer(ALICE, CA, nonce=b"n" * 16)).status is CertStatus.GOOD
    message = "the answer does not repeat the nonce of the request"
    assert fault(answer(ALICE, CA, nonce=b"m" * 16), nonce=b"n" * 16) == message
    assert fault(answer(ALICE, CA), nonce=b"n" * 16) == message


_UNKNOWN = der(0x30, bytes.fromhex("06032a0304"), b"\x01\x01\xff", der(0x04, b"\x05\x00"))


def test_an_unknown_critical_extension() -> None:
    message = "the answer has an unknown critical extension 1.2.3.4"

    assert fault(answer(ALICE, CA, extensions=_UNKNOWN), UnsupportedCertificateError) == message
    single = Single(serial=0xA11CE, issuer=CA, extensions=_UNKNOWN)
    assert fault(signed([single], CA), UnsupportedCertificateError) == message
    harmless = _UNKNOWN.replace(b"\x01\x01\xff", b"")
    harmless = harmless[:1] + bytes([harmless[1] - 3]) + harmless[2:]
    assert read(answer(ALICE, CA, extensions=harmless)).status is CertStatus.GOOD


@pytest.mark.parametrize(
    "algorithm",
    [
        bytes.fromhex("300906072a8648ce3d0401"),  # ECDSA with SHA-1
        bytes.fromhex("300506032b6570"),  # Ed25519
        bytes.fromhex("300506032a0304"),  # nobody's
    ],
)
def test_other_signature_algorithms(algorithm: bytes) -> None:
    data = answer(ALICE, CA, algorithm=algorithm)

    message = "the answer's signature algorithm is not supported"
    assert fault(data, UnsupportedCertificateError) == message


@pytest.mark.parametrize(("status", "name"), [(1, "malformed_request"), (3, "try_later")])
def test_a_responder_without_an_answer(status: int, name: str) -> None:
    assert fault(refused(status)) == f"the responder answered {name}"


@pytest.mark.parametrize("data", [b"", b"<html>", refused(99), answer(ALICE, CA)[:-1]])
def test_what_is_no_response(data: bytes) -> None:
    message = "the bytes are no OCSP response that can be read"

    assert fault(data, MalformedCertificateError) == message


@pytest.mark.parametrize("named_with", list(OcspHash))
def test_a_request_names_certificate_and_issuer(named_with: OcspHash) -> None:
    alice, ca = (Certificate.from_der(one.der) for one in (ALICE, CA))

    request = ocsp.load_der_ocsp_request(
        build_request(alice, ca, named_with=named_with, nonce=b"n" * 32)
    )

    hash_of = getattr(hashlib, named_with)
    assert request.serial_number == 0xA11CE
    assert request.issuer_name_hash == hash_of(CA.subject.public_bytes()).digest()
    assert request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32
    assert not list(ocsp.load_der_ocsp_request(build_request(alice, ca)).extensions)


def test_an_answer_becomes_a_status() -> None:
    alice, ca = (Certificate.from_der(one.der) for one in (ALICE, CA))

    def about(status: str) -> OcspStatus | None:
        return read(answer(ALICE, CA, status=status)).about(alice, ca)

    assert about("unknown") is None
    assert about("revoked") == OcspStatus(
        issuer=hashlib.sha256(ca.spki).digest(),
        serial=bytes.fromhex("0A11CE"),
        revoked=True,
        this_update=AT - 3600,
        until=AT + DAY,
    )


def test_openssl_answers_what_is_asked(tmp_path: Path) -> None:
    """A request that another implementation understands, and its answer read here."""
    if shutil.which("openssl") is None:
        absent("openssl", "needs the openssl command")
    day = "260301120000Z"
    (tmp_path / "index.txt").write_text(
        "V\t360301120000Z\t\t0A11CE\tunknown\t/CN=alice\n"
        f"R\t360301120000Z\t{day}\t0B0B\tunknown\t/CN=bob\n"
    )
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    (tmp_path / "ca.key").write_bytes(CA.key_pem)
    ca = Certificate.from_der(CA.der)
    expected = {0xA11CE: CertStatus.GOOD, 0xB0B: CertStatus.REVOKED, 0xC: CertStatus.UNKNOWN}
    for serial, status in expected.items():
        client = Certificate.from_der(CA.client("x", serial=serial).der)
        for named_with in OcspHash:
            request = build_request(client, ca, named_with=named_with, nonce=b"n" * 16)
            (tmp_path / "request").write_bytes(request)
            files = ["-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem"]
            files += ["-rkey", "ca.key", "-reqin", "request", "-respout", "response"]
            subprocess.run(
                ["openssl", "ocsp", "-ndays", "1", *files],
                cwd=tmp_path,
                check=True,
                capture_output=True,
            )
            data = (tmp_path / "response").read_bytes()
            at = ocsp.load_der_ocsp_response(data).produced_at_utc.timestamp()
            found = read_answer(data, client, ca, at=at, where="openssl", nonce=b"n" * 16)
            assert found.status is status
