# SPDX-License-Identifier: Apache-2.0
"""Certificates, requests and texts that are small to send and meant to be dear to read."""

from __future__ import annotations

import base64
import gzip
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.factories.pki import fixed_key

if TYPE_CHECKING:
    from collections.abc import Iterator

_LABELS = {"certificate": "CERTIFICATE", "request": "CERTIFICATE REQUEST"}
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bomb")])


def pem(der: bytes, kind: str) -> str:
    """One block."""
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {_LABELS[kind]}-----\n{text}-----END {_LABELS[kind]}-----\n"


def nested(depth: int) -> bytes:
    """SEQUENCEs in one another, each with its right length (X.690 §8.1.3)."""
    heads: list[bytes] = []
    size = 0
    for _ in range(depth):
        octets = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
        head = b"\x30" + (octets if size < 128 else bytes([0x80 | len(octets)]) + octets)
        heads.append(head)
        size += len(head)
    return b"".join(reversed(heads))


def names(count: int) -> x509.SubjectAlternativeName:
    """Many alternative names."""
    return x509.SubjectAlternativeName(
        [x509.DNSName(f"n{number}.example.com") for number in range(count)]
    )


@cache
def named_certificate(count: int) -> bytes:
    """A CA certificate with so many alternative names, DER."""
    key = fixed_key("bomb")
    now = datetime.fromtimestamp(time.time(), UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(names(count), critical=False)
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]  # a key that signs
    )
    return made.public_bytes(serialization.Encoding.DER)


@cache
def named_request(count: int) -> bytes:
    """A signing request with so many alternative names, DER."""
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_NAME)
        .add_extension(names(count), critical=False)
        .sign(fixed_key("bomb"), hashes.SHA256())  # type: ignore[arg-type]  # a key that signs
    )
    return made.public_bytes(serialization.Encoding.DER)


def bombs(kind: str) -> Iterator[tuple[str, str]]:
    """PEM by what it is; none of it may be taken."""
    small = base64.b64encode(b"\x30\x00").decode()
    block = f"-----BEGIN {_LABELS[kind]}-----\n{small}\n-----END {_LABELS[kind]}-----\n"
    named = named_certificate if kind == "certificate" else named_request
    yield "100,000 blocks", block * 100_000
    yield "as many blocks as fit", block * (60_000 // len(block))
    yield "10,000 blocks that do not end", f"-----BEGIN {_LABELS[kind]}-----\n" * 10_000
    yield "20,000 SEQUENCEs in one another", pem(nested(20_000), kind)
    yield "a length of 4 GB", pem(b"\x30\x84\xff\xff\xff\xff" + bytes(100), kind)
    yield "50,000 alternative names", pem(named(50_000), kind)
    yield "a million line ends", block.replace("\n", "\n" * 250_000)


def packed(size: int) -> bytes:
    """A body of JSON that is `size` bytes once it is unpacked."""
    return gzip.compress(b'{"a": "' + b"a" * size + b'"}', 9)
