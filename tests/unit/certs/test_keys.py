# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authz.certs.certificate import Certificate
from authz.certs.keys import MAXIMUM_RSA_BITS, MAXIMUM_RSA_EXPONENT, MINIMUM_RSA_BITS, describe_key
from authz.errors import MalformedCertificateError
from tests.factories.pki import KeyKind, der, fixed_key, root


@pytest.mark.parametrize(
    ("kind", "name", "supported"),
    [
        (KeyKind.P256, "P-256", True),
        (KeyKind.P384, "P-384", True),
        (KeyKind.P521, "P-521", True),
        (KeyKind.RSA2048, "RSA 2048", True),
        (KeyKind.RSA4096, "RSA 4096", True),
        (KeyKind.RSA1024, "RSA 1024", False),
        (KeyKind.SECP256K1, "curve 1.3.132.0.10", False),
        (KeyKind.ED25519, "key type 1.3.101.112", False),
        (KeyKind.ED448, "key type 1.3.101.113", False),
        (KeyKind.DSA2048, "key type 1.2.840.10040.4.1", False),
    ],
)
def test_a_key_is_named_and_supported_or_not(kind: KeyKind, name: str, supported: bool) -> None:
    made = root().client("alice", key=fixed_key("any", kind))

    key = Certificate.from_der(made.der).key

    assert (key.name, key.supported) == (name, supported)


def _rsa(modulus: int, exponent: int) -> bytes:
    return (
        rsa.RSAPublicNumbers(exponent, modulus)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize(
    ("bits", "exponent", "name", "supported"),
    [
        (MAXIMUM_RSA_BITS, 65537, "RSA 8192", True),
        (MAXIMUM_RSA_BITS + 8, 65537, "RSA 8200", False),
        (MINIMUM_RSA_BITS, MAXIMUM_RSA_EXPONENT - 1, "RSA 2048", True),
        (
            MINIMUM_RSA_BITS,
            MAXIMUM_RSA_EXPONENT + 1,
            "RSA 2048 with an exponent of 33 bits",
            False,
        ),
        (3072, 2**3071 - 1, "RSA 3072 with an exponent of 3071 bits", False),
    ],
    ids=["largest", "larger", "largest exponent", "larger exponent", "exponent like modulus"],
)
def test_the_size_of_rsa_numbers_is_bounded(
    bits: int, exponent: int, name: str, supported: bool
) -> None:
    key = describe_key(_rsa(2**bits - 1, exponent))

    assert (key.name, key.supported, key.too_costly) == (name, supported, not supported)


def test_a_key_that_is_too_small_is_not_called_too_costly() -> None:
    key = describe_key(_rsa(2**1024 - 1, 2**64 + 1))

    assert (key.supported, key.too_costly) == (False, False)


def test_what_takes_longer_to_verify_with_has_a_higher_price() -> None:
    kinds = (KeyKind.P256, KeyKind.P384, KeyKind.P521, KeyKind.RSA2048, KeyKind.RSA4096)
    prices = [
        Certificate.from_der(root().client("a", key=fixed_key("any", kind)).der).key.price
        for kind in kinds
    ]
    large = [describe_key(_rsa(2**8192 - 1, e)).price for e in (65537, MAXIMUM_RSA_EXPONENT - 1)]

    assert prices == [1, 8, 8, 1, 1]
    assert large == [4, 11]


def test_explicit_curve_parameters_are_not_supported() -> None:
    algorithm = der(0x30, bytes.fromhex("06072a8648ce3d0201"), der(0x30, b"\x02\x01\x01"))

    assert not describe_key(der(0x30, algorithm, b"\x03\x02\x00\x04")).supported


@pytest.mark.parametrize(
    "spki",
    [
        der(0x30),
        der(0x30, der(0x30), b"\x03\x01\x00"),
        der(0x30, der(0x30, bytes.fromhex("06092a864886f70d010101")), b"\x03\x03\x00\x30\x00"),
        der(0x30, der(0x30, bytes.fromhex("06092a864886f70d010101")), b"\x03\x01\x00"),
    ],
)
def test_a_broken_key_is_malformed(spki: bytes) -> None:
    with pytest.raises(MalformedCertificateError):
        describe_key(spki)
