# SPDX-License-Identifier: Apache-2.0
"""OCSP answers, byte by byte: with any time and any fault, and the same bytes in every run.

der = answer(alice, ca)                                 # good, signed by the CA
der = answer(alice, ca, status="revoked", signer=responder)
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from authz.ca import encode
from tests.factories.pki import AT, DAY, der

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.certs.certificate import Certificate
    from authz.demo.pki import Issued

_SHA1 = bytes.fromhex("300906052b0e03021a0500")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
_BASIC = bytes.fromhex("06092b0601050507300101")
_NONCE = bytes.fromhex("06092b0601050507300102")
_STATUSES = {"good": b"\x80\x00", "unknown": b"\x82\x00"}


@dataclass(frozen=True, kw_only=True)
class Single:
    """One certificate's answer; `serial` and `issuer` are what the CertID says."""

    serial: int
    issuer: Issued
    status: str = "good"
    this_update: float = AT - 3600
    next_update: float | None = AT + DAY
    named_with: str = "sha1"
    extensions: bytes = b""

    def encoded(self) -> bytes:
        hash_of = getattr(hashlib, self.named_with)
        key = self.issuer.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        identifier = der(
            0x30,
            _SHA1 if self.named_with == "sha1" else _SHA256,
            der(0x04, hash_of(self.issuer.subject.public_bytes()).digest()),
            der(0x04, hash_of(_bits(key)).digest()),
            der(0x02, self.serial.to_bytes(self.serial.bit_length() // 8 + 1)),
        )
        status = _STATUSES.get(self.status) or der(0xA1, _time(self.this_update))
        parts = [identifier, status, _time(self.this_update)]
        if self.next_update is not None:
            parts.append(der(0xA0, _time(self.next_update)))
        if self.extensions:
            parts.append(der(0xA1, der(0x30, self.extensions)))
        return der(0x30, *parts)


def answer(
    certificate: Issued,
    issuer: Issued,
    *more: Single,
    status: str = "good",
    this_update: float = AT - 3600,
    next_update: float | None = AT + DAY,
    named_with: str = "sha1",
    signer: Issued | None = None,
    certificates: Sequence[bytes] | None = None,
    nonce: bytes | None = None,
    extensions: bytes = b"",
    algorithm: bytes | None = None,
) -> bytes:
    """An answer about `certificate`, and `more`, by the issuer or by `signer`, who is enclosed."""
    about = Single(
        serial=certificate.serial,
        issuer=issuer,
        status=status,
        this_update=this_update,
        next_update=next_update,
        named_with=named_with,
    )
    if nonce is not None:
        extensions += der(0x30, _NONCE, der(0x04, der(0x04, nonce)))
    if certificates is None:
        certificates = [signer.der] if signer else []
    return signed([about, *more], signer or issuer, certificates, extensions, algorithm)


def signed(
    singles: Sequence[Single],
    signer: Issued,
    certificates: Sequence[bytes] = (),
    extensions: bytes = b"",
    algorithm: bytes | None = None,
) -> bytes:
    """An answer of these parts."""
    parts = [
        der(0xA1, signer.subject.public_bytes()),
        _time(AT),
        der(0x30, *(one.encoded() for one in singles)),
    ]
    if extensions:
        parts.append(der(0xA1, der(0x30, extensions)))
    data = der(0x30, *parts)
    key = signer.key
    if isinstance(key, rsa.RSAPrivateKey):
        signature, usual = key.sign(data, padding.PKCS1v15(), hashes.SHA256()), _RSA_SHA256
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signature, usual = key.sign(data, how), _ECDSA_SHA256
    basic = [data, algorithm or usual, der(0x03, b"\0", signature)]
    if certificates:
        basic.append(der(0xA0, der(0x30, *certificates)))
    return der(
        0x30,
        der(0x0A, b"\0"),
        der(0xA0, der(0x30, _BASIC, der(0x04, der(0x30, *basic)))),
    )


def refused(status: int) -> bytes:
    """A response without an answer: 1 malformedRequest, 3 tryLater, 6 unauthorized."""
    return der(0x30, der(0x0A, bytes([status])))


def question(issuer: Certificate, serial: int) -> bytes:
    """A request about a serial number of an issuer, without a certificate of it."""

    def digest(data: bytes) -> bytes:
        return encode.octet_string(hashlib.sha1(data, usedforsecurity=False).digest())

    algorithm = encode.sequence(encode.oid("1.3.14.3.2.26"), encode.NULL)
    asked = encode.sequence(
        algorithm,
        digest(issuer.subject_raw),
        digest(_bits(issuer.spki)),
        encode.integer(serial),
    )
    return encode.sequence(encode.sequence(encode.sequence(encode.sequence(asked))))


def _bits(spki: bytes) -> bytes:
    from authz.certs import der as reader

    _, key = reader.children(reader.read(spki)[0].content)
    return key.content[1:]


def _time(seconds: float) -> bytes:
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    return der(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())
