# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.certs.certificate import Certificate
from authz.certs.keys import describe_key
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
