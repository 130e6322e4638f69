# SPDX-License-Identifier: Apache-2.0
"""The certificate that nobody has the key of: where its key comes from, and that it is a CA's."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.nobody import NAME, SENTENCE, nobody_certificate, point
from authz.certs.trust import AuthorityModel, compile_trust
from authz.certs.verification import verify
from tests.factories.pki import AT, fixed_key, root

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def parsed() -> x509.Certificate:
    return x509.load_der_x509_certificate(nobody_certificate())


def test_the_key_is_the_first_hash_of_the_sentence_that_is_on_the_curve() -> None:
    """Tried with a library's idea of the curve instead of our arithmetic."""

    def on_curve(x: int) -> tuple[int, int] | None:
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), b"\x02" + x.to_bytes(32)
            )
        except ValueError:
            return None
        return key.public_numbers().x, key.public_numbers().y

    hashes = (hashlib.sha256(SENTENCE + f" {n}".encode()).digest() for n in range(100))
    first = next(found for one in hashes if (found := on_curve(int.from_bytes(one))))

    # 02 is the compressed form with the even y.
    assert point() == first
    key = parsed().public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert (key.public_numbers().x, key.public_numbers().y) == first
    assert isinstance(key.curve, ec.SECP256R1)


def test_a_hash_that_is_no_x_coordinate_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes] = []

    def sha256(data: bytes) -> object:
        tried.append(data)
        return hashlib.new("sha256", data)

    monkeypatch.setattr("authz.certs.nobody.hashlib", type("", (), {"sha256": sha256}))
    monkeypatch.setattr("authz.certs.nobody.SENTENCE", b"another one")

    x, y = point()

    assert len(tried) > 1
    assert (y * y - x**3 + 3 * x) % P == (
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    )


def test_it_is_a_ca_certificate_issued_by_itself() -> None:
    certificate = parsed()

    assert certificate.version is x509.Version.v3
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == f"CN={NAME}"
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=None)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert certificate.not_valid_after_utc.year == 9999
    assert certificate.not_valid_before_utc.timestamp() < AT


def test_its_signature_is_a_filler() -> None:
    key = parsed().public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)

    with pytest.raises(InvalidSignature):
        key.verify(
            parsed().signature,
            parsed().tbs_certificate_bytes,
            ec.ECDSA(parsed().signature_hash_algorithm),  # type: ignore[arg-type] # it has one
        )


def test_the_bytes_never_change() -> None:
    """Envoy would be sent it again, and everybody would have to look at the sentence again."""
    assert hashlib.sha256(nobody_certificate()).hexdigest() == (
        "3e06d668be24282570830891a63bd75ee8d6a58dddfd058c1f9e197b630c5b1f"
    )


def test_our_own_profile_takes_it_and_it_verifies_nobody() -> None:
    model = AuthorityModel(name="nobody", certificates=(nobody_certificate(),))
    bundle = compile_trust([model])
    key = fixed_key("client")

    def failure(leaf: bytes) -> VerifyFailure | None:
        return verify(Certificate.from_der(leaf), (), bundle, AT, 8).failure

    (anchor,) = bundle.authorities[0].anchors
    assert anchor.subject_dn == f"CN={NAME}"
    assert failure(root().client("client", key=key).der) is VerifyFailure.UNKNOWN_ISSUER
    forged = root().client("forged", issuer_name=parsed().subject, key=key)
    assert failure(forged.der) is VerifyFailure.BAD_SIGNATURE
    assert failure(nobody_certificate()) is VerifyFailure.WRONG_USAGE
