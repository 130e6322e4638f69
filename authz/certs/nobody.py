# SPDX-License-Identifier: Apache-2.0
"""A CA certificate whose private key nobody has: the trust bundle that nobody can satisfy.

Envoy asks for no client certificate at all when its trust bundle is empty, so "trust nobody" needs
an authority. This one's public key is not made from a private key: it is a point of P-256 whose x
coordinate is the hash of a sentence, so finding its private key is the discrete logarithm problem,
for whoever wrote this, too. Built from nothing but the sentence, the same bytes everywhere; its
signature is a filler, since nobody could make one and an anchor's is not looked at (RFC 5280 §6.1).
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

from authz.certs import der

#: What is hashed, with a counter after it: nothing up our sleeve.
SENTENCE: Final = b"authz: nobody has the private key of this point"

#: The subject and issuer that Envoy's log shows.
NAME: Final = "nobody (authz)"

# SEC 2, section 2.4.2: the curve y² = x³ - 3x + b over the integers modulo p.
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

_ECDSA_SHA256: Final = bytes.fromhex("2a8648ce3d040302")
_EC_PUBLIC_KEY: Final = bytes.fromhex("2a8648ce3d0201")
_PRIME256V1: Final = bytes.fromhex("2a8648ce3d030107")
_COMMON_NAME: Final = bytes.fromhex("550403")
_BASIC_CONSTRAINTS: Final = bytes.fromhex("551d13")
_KEY_USAGE: Final = bytes.fromhex("551d0f")
_SUBJECT_KEY_IDENTIFIER: Final = bytes.fromhex("551d0e")

_OCTET_STRING: Final = 0x04
_UTF8_STRING: Final = 0x0C
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_TRUE: Final = b"\x01\x01\xff"


def point() -> tuple[int, int]:
    """The public key: the first x coordinate of the hashes that is on the curve, with the even y.

    Half of all numbers are x coordinates of points, so the counter stays small.
    """
    counter = 0
    while True:
        x = int.from_bytes(hashlib.sha256(SENTENCE + b" %d" % counter).digest())
        square = (x**3 - 3 * x + _B) % _P
        # p = 3 (mod 4), so this is a square root if there is one.
        y = pow(square, (_P + 1) // 4, _P)
        if x < _P and y * y % _P == square:
            return x, y if y % 2 == 0 else _P - y
        counter += 1


@cache
def nobody_certificate() -> bytes:
    """The certificate in DER: a version 3 CA certificate, issued by itself, valid until 9999."""
    algorithm = _tlv(der.SEQUENCE, _tlv(der.OID, _ECDSA_SHA256))
    attribute = _tlv(der.OID, _COMMON_NAME) + _tlv(_UTF8_STRING, NAME.encode())
    name = _tlv(der.SEQUENCE, _tlv(der.SET, _tlv(der.SEQUENCE, attribute)))
    # RFC 5280 §4.1.2.5: the last is the date for certificates without a good end.
    validity = _tlv(_UTC_TIME, b"200101000000Z") + _tlv(_GENERALIZED_TIME, b"99991231235959Z")
    x, y = point()
    key = b"\x04" + x.to_bytes(32) + y.to_bytes(32)
    curve = _tlv(der.SEQUENCE, _tlv(der.OID, _EC_PUBLIC_KEY) + _tlv(der.OID, _PRIME256V1))
    to_be_signed = _tlv(
        der.SEQUENCE,
        _tlv(_VERSION, _tlv(der.INTEGER, b"\x02"))
        + _tlv(der.INTEGER, b"\x01")
        + algorithm
        + name
        + _tlv(der.SEQUENCE, validity)
        + name
        + _tlv(der.SEQUENCE, curve + _tlv(der.BIT_STRING, b"\0" + key))
        + _tlv(_EXTENSIONS, _tlv(der.SEQUENCE, _extensions(key))),
    )
    # r = s = 1: shaped like a signature, and valid for no message of ours.
    filler = _tlv(der.SEQUENCE, _tlv(der.INTEGER, b"\x01") * 2)
    return _tlv(der.SEQUENCE, to_be_signed + algorithm + _tlv(der.BIT_STRING, b"\0" + filler))


def _extensions(key: bytes) -> bytes:
    # keyCertSign alone: bit 5, so two bits of the byte are unused.
    usage = _tlv(der.BIT_STRING, b"\x02\x04")
    identifier = hashlib.sha256(key).digest()[:20]
    return (
        _extension(_BASIC_CONSTRAINTS, _tlv(der.SEQUENCE, _TRUE), critical=True)
        + _extension(_KEY_USAGE, usage, critical=True)
        + _extension(_SUBJECT_KEY_IDENTIFIER, _tlv(_OCTET_STRING, identifier))
    )


def _extension(oid: bytes, value: bytes, *, critical: bool = False) -> bytes:
    mark = _TRUE if critical else b""
    return _tlv(der.SEQUENCE, _tlv(der.OID, oid) + mark + _tlv(_OCTET_STRING, value))


def _tlv(tag: int, content: bytes) -> bytes:
    """One DER element (X.690 §8.1.3: lengths from 128 on have a byte that counts their bytes)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content
