# SPDX-License-Identifier: Apache-2.0
"""Private keys for the certificate builder (pki.py): kinds, making them, how they sign.

Nothing here protects a key: they are for the demo and the tests.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

if TYPE_CHECKING:
    from collections.abc import Mapping

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)


class KeyKind(StrEnum):
    """Key types the builder can make; not all of them are accepted by `authz.certs`."""

    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    SECP256K1 = "secp256k1"
    RSA1024 = "rsa1024"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    ED25519 = "ed25519"
    ED448 = "ed448"
    DSA2048 = "dsa2048"


_CURVES: Mapping[KeyKind, ec.EllipticCurve] = {
    KeyKind.P256: ec.SECP256R1(),
    KeyKind.P384: ec.SECP384R1(),
    KeyKind.P521: ec.SECP521R1(),
    KeyKind.SECP256K1: ec.SECP256K1(),
}


def make_key(kind: KeyKind = KeyKind.P256) -> PrivateKey:
    """A fresh private key; P-256 because it takes microseconds."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind is KeyKind.ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    if kind is KeyKind.ED448:
        return ed448.Ed448PrivateKey.generate()
    if kind is KeyKind.DSA2048:
        return dsa.generate_private_key(key_size=2048)
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa")))


def key_pem(key: PrivateKey) -> bytes:
    """The private key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def digest_for(key: PrivateKey) -> hashes.SHA256 | None:
    """The hash that goes with this key's signatures; None where the scheme has its own."""
    edwards = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)
    return None if isinstance(key, edwards) else hashes.SHA256()


def deterministic(key: PrivateKey) -> bool | None:
    """What `ecdsa_deterministic` must be to sign with this key."""
    # RFC 6979: the same inputs give the same bytes, so committed vectors do not churn.
    return True if isinstance(key, ec.EllipticCurvePrivateKey) else None
