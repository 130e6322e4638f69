# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from authz.certs.certificate import Certificate
from authz.certs.crl_entries import signed_part
from authz.certs.signature import Signed, crl_signed_by, has_supported_algorithm, signed_by
from authz.demo.pki import make_root
from tests.factories.pki import AT, KeyKind, fixed_key, intermediate, root


def _read(made: object) -> Certificate:
    return Certificate.from_der(made.der)  # type: ignore[attr-defined]


def test_the_issuers_key_signed_it() -> None:
    assert signed_by(_read(intermediate()), _read(root())) is Signed.YES


def test_another_key_did_not() -> None:
    impostor = root("Other").intermediate("Test Root CA")

    assert signed_by(_read(intermediate()), _read(impostor)) is Signed.NO


def test_the_names_have_to_agree_as_well() -> None:
    renamed = root("Other").intermediate("Another Name", key=root().key)

    assert signed_by(_read(intermediate()), _read(renamed)) is Signed.NO


def test_a_key_of_another_kind_is_unsupported() -> None:
    edwards = root().intermediate("edwards", key=fixed_key("e", KeyKind.ED25519))
    below = _read(edwards.client("a"))

    assert signed_by(below, _read(edwards)) is Signed.UNSUPPORTED
    assert not has_supported_algorithm(below)


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.P521, KeyKind.RSA2048])
def test_a_crl_is_by_the_key_that_signed_it(kind: KeyKind) -> None:
    ca = make_root("CA", at=AT, key=fixed_key("ca", kind))
    crl = ca.crl([5])
    signed = signed_part(crl.der)

    assert crl_signed_by(crl.crl, signed, _read(ca))
    assert not crl_signed_by(crl.crl, signed[:-1] + b"x", _read(ca))


def test_a_crl_signed_with_pss_is_read() -> None:
    key = fixed_key("ca", KeyKind.RSA2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    ca = make_root("CA", at=AT, key=key)
    like = ca.crl().crl
    assert like.next_update_utc is not None
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(like.issuer)
        .last_update(like.last_update_utc)
        .next_update(like.next_update_utc)
    )
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    crl = builder.sign(key, hashes.SHA256(), rsa_padding=pss)
    der = crl.public_bytes(Encoding.DER)

    assert crl_signed_by(crl, signed_part(der), _read(ca))


def test_a_key_of_another_kind_signed_no_crl() -> None:
    curve, numbers = root(), make_root("CA", at=AT, key=fixed_key("ca", KeyKind.RSA2048))
    for signer, other in ((curve, numbers), (numbers, curve)):
        crl = signer.crl([5])
        assert not crl_signed_by(crl.crl, signed_part(crl.der), _read(other))
