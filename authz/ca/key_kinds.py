# SPDX-License-Identifier: Apache-2.0
"""Which keys there are: those made here, those accepted, and how each signs.

A key must be one that our own judge takes (authz/certs/keys.py) and that Envoy takes in a client
certificate. No private key is here (keys.py). RFC 5480, RFC 8017, RFC 5758.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from authz.ca import encode, rsa_keys
from authz.certs.keys import (
    MAXIMUM_RSA_BITS,
    MAXIMUM_RSA_EXPONENT,
    KeyDescription,
    describe_key,
)
from authz.errors import MalformedCertificateError, WeakKeyError

_ED25519_HINT: Final = (
    "Envoy's TLS library (BoringSSL) does not accept Ed25519 and Ed448 client certificates by "
    "default: use ecdsa-p256"
)
_HINT: Final = "RSA from 2048 to 8192 bits, P-256, P-384 and P-521 are supported; use ecdsa-p256"
_RSA_HINT: Final = (
    "make a new key: 2048 to 8192 bits, a multiple of 8, and the exponent 65537; or use ecdsa-p256"
)
_EDWARDS: Final = {"key type 1.3.101.112": "Ed25519", "key type 1.3.101.113": "Ed448"}


class KeyKind(StrEnum):
    """The kinds of key that are made here."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


DEFAULT_KEY_KIND: Final = KeyKind.ECDSA_P256


class Digest(StrEnum):
    """A hash function to sign with."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureAlgorithm:
    """How a key signs: `identifier` is the AlgorithmIdentifier in DER."""

    identifier: bytes
    digest: Digest


# RFC 8017 §A.2.4: NULL parameters with RSA. RFC 5758 §3.2: none with ECDSA.
_RSA_SHA256: Final = SignatureAlgorithm(
    identifier=encode.sequence(encode.oid("1.2.840.113549.1.1.11"), encode.NULL),
    digest=Digest.SHA256,
)
#: A hash as strong as the curve (NIST SP 800-57 part 1, tables 2 and 3).
_ECDSA: Final = {
    name: SignatureAlgorithm(identifier=encode.sequence(encode.oid(number)), digest=digest)
    for name, number, digest in (
        ("P-256", "1.2.840.10045.4.3.2", Digest.SHA256),
        ("P-384", "1.2.840.10045.4.3.3", Digest.SHA384),
        ("P-521", "1.2.840.10045.4.3.4", Digest.SHA512),
    )
}


def parse_key_kind(text: str) -> KeyKind:
    """The kind of this name, in any case.

    Raises:
        WeakKeyError: there is none, it is too weak, or Envoy would refuse the certificate.
    """
    name = text.strip().lower()
    try:
        return KeyKind(name)
    except ValueError:
        pass
    kinds = ", ".join(KeyKind)
    if name.replace("-", "") in {"ed25519", "ed448"}:
        raise WeakKeyError(f"{name} keys are not supported", hint=_ED25519_HINT)
    if name.startswith("rsa"):
        size = name.removeprefix("rsa").lstrip("-")
        weak = size.isascii() and size.isdecimal() and len(size) < 5 and int(size) < 2048
        what = f"{name} is too weak" if weak else f"no RSA key of kind {name[:40]!r} is made"
        raise WeakKeyError(what, hint=f"one of {kinds}")
    raise WeakKeyError(
        f"keys of kind {name[:40]!r} are not supported",
        hint=f"one of {kinds}: certificates are judged with RSA, P-256, P-384 and P-521 only",
    )


def check_public_key(spki: bytes, *, max_rsa_bits: int = MAXIMUM_RSA_BITS) -> KeyDescription:
    """What kind of key this SubjectPublicKeyInfo holds, if a certificate may hold it.

    Args:
        max_rsa_bits: of an RSA key, where time is dearer than elsewhere.

    Raises:
        WeakKeyError: it is too weak, of a kind that is not supported, or no key at all.
    """
    try:
        described = describe_key(spki)
    except MalformedCertificateError:
        raise WeakKeyError("the public key cannot be read", hint=_HINT) from None
    if not described.supported and not described.too_costly:
        raise unsupported_key(spki)
    try:
        # Reads the numbers: a point that is not on its curve, or at infinity, ends here.
        key = serialization.load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WeakKeyError("the public key is not valid", hint=_HINT) from None
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key.public_numbers(), max_rsa_bits)
    return described


def unsupported_key(spki: bytes) -> WeakKeyError:
    """The error about a key of a kind that is not supported."""
    name = describe_key(spki).name
    edwards = _EDWARDS.get(name)
    return WeakKeyError(
        f"the key is not supported ({edwards or name})",
        hint=_ED25519_HINT if edwards else _HINT,
    )


def _check_rsa(numbers: rsa.RSAPublicNumbers, max_bits: int) -> None:
    if (bits := numbers.n.bit_length()) > max_bits:
        raise WeakKeyError(
            f"the RSA key has {bits} bits",
            hint=f"at most {max_bits} bits are taken here; or use ecdsa-p256",
        )
    if numbers.e > MAXIMUM_RSA_EXPONENT:
        raise WeakKeyError(
            f"the RSA key has an exponent of {numbers.e.bit_length()} bits, "
            "which takes too long to verify with",
            hint=_RSA_HINT,
        )
    wrong = rsa_keys.weakness(numbers.n, numbers.e)
    if wrong is not None:
        raise WeakKeyError(f"the RSA key {wrong}", hint=_RSA_HINT)


def algorithm_of(spki: bytes) -> SignatureAlgorithm:
    """How the key of this SubjectPublicKeyInfo signs.

    Raises:
        WeakKeyError: it is not supported.
    """
    name = check_public_key(spki).name
    return _ECDSA.get(name, _RSA_SHA256)
