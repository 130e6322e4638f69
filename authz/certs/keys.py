# SPDX-License-Identifier: Apache-2.0
"""What kind of public key a SubjectPublicKeyInfo holds, without loading the key.

The library's client profile does not look at the end-entity key, so we do (architecture 4.12):
RSA of 2048 to 8192 bits and the curves P-256, P-384, P-521. RFC 5280 §4.1.2.7, RFC 5480.

A signature takes longer to check the larger the issuer's RSA modulus and exponent are, and a client
that sends CA certificates of its own chooses both. Others bound them, too: Go's crypto/tls takes
8192 bits (`defaultMaxRSAKeySize`) and its crypto/rsa exponents below 2^31; BoringSSL, which Envoy
and Chromium verify with, 16384 bits and exponents of 33 bits (`kMaxExponentBits`, after
https://www.imperialviolet.org/2012/03/17/rsados.html); OpenSSL 16384 bits, and exponents of 64 bits
only above 3072 (`OPENSSL_RSA_MAX_PUBEXP_BITS`), so that a small modulus may have one of any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authz.certs import der

MINIMUM_RSA_BITS: Final = 2048
MAXIMUM_RSA_BITS: Final = 8192
MAXIMUM_RSA_EXPONENT: Final = 2**32

_RSA = "1.2.840.113549.1.1.1"
_EC = "1.2.840.10045.2.1"
_CURVES = {"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521"}

#: What a check by a key of each curve costs, P-256 being 1. Measured with OpenSSL 3 on one core:
#: P-256 0.14 ms, P-384 1.15, P-521 0.98; RSA with 65537: 2048 bits 0.02, 4096 0.07, 8192 0.45, and
#: with an exponent of 2^33 - 1: 4096 bits 0.36, 8192 1.66.
_PRICES = {"P-256": 1, "P-384": 8, "P-521": 8}
#: Squarings and multiplications of one bit by one bit that P-256 stands for: RSA 8192 with 65537
#: costs 4 by it, and 14 with the largest exponent.
_RSA_WORK: Final = 4 * 10**8


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """`name` for people (`RSA 2048`, `P-256`); `supported` when it may be judged by.

    `too_costly` says that it is not supported only because checks by it take too long. `price` is
    what one of them costs, a check by a key of P-256 being 1.
    """

    name: str
    supported: bool
    too_costly: bool = False
    price: int = 1


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
        return KeyDescription(
            name=name or f"curve {curve}",
            supported=name is not None,
            price=_PRICES.get(name or "", 1),
        )
    return KeyDescription(name=f"key type {oid}", supported=False)


def _describe_rsa(bits: bytes) -> KeyDescription:
    numbers = der.children(der.expect(der.read(bits[1:])[0], der.SEQUENCE).content)
    if len(numbers) != 2:
        raise der.malformed("has a broken RSA key")
    modulus, exponent = (int.from_bytes(der.expect(one, der.INTEGER).content) for one in numbers)
    size = modulus.bit_length()
    name = f"RSA {size}"
    slow = exponent > MAXIMUM_RSA_EXPONENT
    if slow:
        name += f" with an exponent of {exponent.bit_length()} bits"
    too_costly = slow or size > MAXIMUM_RSA_BITS
    return KeyDescription(
        name=name,
        supported=size >= MINIMUM_RSA_BITS and not too_costly,
        too_costly=too_costly and size >= MINIMUM_RSA_BITS,
        # A squaring for each bit of the exponent and a multiplication for each that is set.
        price=1 + size**2 * (exponent.bit_length() + exponent.bit_count()) // _RSA_WORK,
    )
