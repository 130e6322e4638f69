# SPDX-License-Identifier: Apache-2.0
"""Which keys are made, and which are accepted."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from authz.ca import encode
from authz.ca.key_kinds import (
    Digest,
    KeyKind,
    algorithm_of,
    check_public_key,
    parse_key_kind,
)
from authz.demo.keys import KeyKind as AnyKind
from authz.demo.keys import PrivateKey
from authz.errors import WeakKeyError
from tests.factories.pki import fixed_key


def _spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _rsa_spki(n: int, e: int) -> bytes:
    algorithm = encode.sequence(encode.oid("1.2.840.113549.1.1.1"), encode.NULL)
    numbers = encode.sequence(encode.integer(n), encode.integer(e))
    return encode.sequence(algorithm, encode.bit_string(numbers))


@pytest.mark.parametrize("kind", KeyKind)
def test_every_kind_is_read_by_its_name(kind: KeyKind) -> None:
    assert parse_key_kind(f" {kind.upper()} ") is kind


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("ed25519", "ed25519 keys are not supported", "BoringSSL"),
        ("Ed448", "ed448 keys are not supported", "BoringSSL"),
        ("rsa-1024", "rsa-1024 is too weak", "rsa-2048"),
        ("rsa-5000", "no RSA key of kind 'rsa-5000' is made", "rsa-4096"),
        ("rsa", "no RSA key of kind 'rsa' is made", "rsa-4096"),
        ("ecdsa-p521", "keys of kind 'ecdsa-p521' are not supported", "ecdsa-p256"),
        ("secp256k1", "keys of kind 'secp256k1' are not supported", "judged with"),
    ],
)
def test_other_kinds_are_refused_by_name(text: str, message: str, hint: str) -> None:
    with pytest.raises(WeakKeyError) as error:
        parse_key_kind(text)

    assert error.value.message == message
    assert hint in str(error.value.hint)


@pytest.mark.parametrize(
    ("kind", "name", "digest"),
    [
        (AnyKind.P256, "P-256", Digest.SHA256),
        (AnyKind.P384, "P-384", Digest.SHA384),
        (AnyKind.P521, "P-521", Digest.SHA512),
        (AnyKind.RSA2048, "RSA 2048", Digest.SHA256),
    ],
)
def test_good_keys_are_accepted_and_sign_with_a_hash_as_strong(
    kind: AnyKind, name: str, digest: Digest
) -> None:
    spki = _spki(fixed_key("x", kind))

    assert check_public_key(spki).name == name
    assert algorithm_of(spki).digest is digest


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (AnyKind.RSA1024, "RSA 1024"),
        (AnyKind.SECP256K1, "curve 1.3.132.0.10"),
        (AnyKind.ED25519, "Ed25519"),
        (AnyKind.ED448, "Ed448"),
        (AnyKind.DSA2048, "key type 1.2.840.10040.4.1"),
    ],
)
def test_other_keys_are_refused(kind: AnyKind, message: str) -> None:
    with pytest.raises(WeakKeyError) as error:
        check_public_key(_spki(fixed_key("x", kind)))

    assert message in error.value.message


def _modulus() -> int:
    key = fixed_key("x", AnyKind.RSA2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.public_key().public_numbers().n


@pytest.mark.parametrize(
    ("n", "e", "message"),
    [
        (_modulus(), 1, "not valid"),
        (_modulus(), 4, "not valid"),
        (_modulus() + 1, 65537, "the RSA key has an even modulus"),
        ((1 << 8200) + 1, 65537, "the RSA key has 8201 bits"),
        (_modulus(), 3, "the RSA key has the exponent 3"),
        (_modulus(), 2**32 + 1, "the RSA key has an exponent of 33 bits, which takes too long"),
    ],
)
def test_rsa_numbers_that_are_no_good_are_refused(n: int, e: int, message: str) -> None:
    with pytest.raises(WeakKeyError) as error:
        check_public_key(_rsa_spki(n, e))

    assert message in error.value.message


def test_a_point_that_is_not_on_its_curve_is_refused() -> None:
    spki = bytearray(_spki(fixed_key("x")))
    spki[-1] ^= 1

    with pytest.raises(WeakKeyError, match="not valid"):
        check_public_key(bytes(spki))


@pytest.mark.parametrize("point", [b"\x00", b"\x04" + bytes(64), b"\x02" + b"\xff" * 32, b""])
def test_a_point_at_infinity_and_other_points_of_no_key_are_refused(point: bytes) -> None:
    # Of P-256: infinity (SEC 1 §2.3.3), (0, 0), an x beyond the field, and nothing.
    algorithm = encode.sequence(encode.oid("1.2.840.10045.2.1"), encode.oid("1.2.840.10045.3.1.7"))

    with pytest.raises(WeakKeyError, match="not valid"):
        check_public_key(encode.sequence(algorithm, encode.bit_string(point)))


@pytest.mark.parametrize("spki", [b"", b"\x30\x00", b"no key"])
def test_what_is_no_key_is_refused(spki: bytes) -> None:
    with pytest.raises(WeakKeyError, match="cannot be read"):
        check_public_key(spki)
