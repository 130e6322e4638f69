# SPDX-License-Identifier: Apache-2.0
"""What kind of public key a SubjectPublicKeyInfo holds, without loading the key.

The library's client profile does not look at the end-entity key, so we do (architecture 4.12):
RSA of at least 2048 bits and the curves P-256, P-384, P-521. RFC 5280 §4.1.2.7, RFC 5480.
"""

from __future__ import annotations

from dataclasses import dataclass

from authz.certs import der

MINIMUM_RSA_BITS = 2048

_RSA = "1.2.840.113549.1.1.1"
_EC = "1.2.840.10045.2.1"
_CURVES = {"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """`name` for people (`RSA 2048`, `P-256`); `supported` when it may be judged by."""

    name: str
    supported: bool


def describe_key(spki: bytes) -> KeyDescription:
    """The kind of this key.

    Raises:
        MalformedCertificateError: the bytes are not a SubjectPublicKeyInfo.
    """
    parts = der.children(der.read(spki)[0].content)
    if len(parts) != 2:
        raise der.malformed("has a broken public key")
    algorithm = der.children(der.expect(parts[0], der.SEQUENCE).content)
    bits = der.expect(parts[1], der.BIT_STRING).content
    if not algorithm:
        raise der.malformed("has a public key without an algorithm")
    oid = der.oid_text(der.expect(algorithm[0], der.OID).content)
    if oid == _RSA:
        return _describe_rsa(bits)
    if oid == _EC:
        # RFC 5480 §2.1.1: namedCurve; explicit parameters have no name and are not supported.
        named = len(algorithm) > 1 and algorithm[1].tag == der.OID
        curve = der.oid_text(algorithm[1].content) if named else "explicit parameters"
        name = _CURVES.get(curve)
        return KeyDescription(name=name or f"curve {curve}", supported=name is not None)
    return KeyDescription(name=f"key type {oid}", supported=False)


def _describe_rsa(bits: bytes) -> KeyDescription:
    numbers = der.children(der.expect(der.read(bits[1:])[0], der.SEQUENCE).content)
    if not numbers:
        raise der.malformed("has a broken RSA key")
    size = int.from_bytes(der.expect(numbers[0], der.INTEGER).content).bit_length()
    return KeyDescription(name=f"RSA {size}", supported=size >= MINIMUM_RSA_BITS)
