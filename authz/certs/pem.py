# SPDX-License-Identifier: Apache-2.0
"""PEM as bytes in, DER out: once strictly for peers, once with helpful errors for operators.

Whether a block is a good certificate is not asked here. RFC 7468; of it a peer's PEM (which a TLS
stack wrote) may hold certificates and white space only.
"""

from __future__ import annotations

import base64
import binascii
import re

from authz.errors import CertificateError, MalformedCertificateError

_BEGIN = b"-----BEGIN "
#: The body has no "-": a block that never ends is given up at the next dash, not at the end of the
#: text, which keeps the work linear.
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\s([^-]*)-----END \1-----(?=\s|\Z)")
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
#: Encrypted ones have lines of text with dashes before the base64 (RFC 1421).
_WHOLE_KEY = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY)-----\s.*?-----END \1-----", re.DOTALL
)
_CERTIFICATE = b"CERTIFICATE"
_CERTIFICATE_LABELS = frozenset({_CERTIFICATE, b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})
_CRL = b"X509 CRL"


def read_peer_pem(text: bytes) -> tuple[bytes, ...]:
    """The DER of every certificate of a peer's PEM, in order.

    Raises:
        MalformedCertificateError: there is anything else in it, or nothing.
    """
    blocks: list[bytes] = []
    offset = 0
    for match in _BLOCK.finditer(text):
        if text[offset : match.start()].strip() or match[1] != _CERTIFICATE:
            raise MalformedCertificateError("there is more in the PEM than certificates")
        blocks.append(_decode(match[2]))
        offset = match.end()
    if text[offset:].strip():
        raise MalformedCertificateError("there is more in the PEM than certificates")
    if not blocks:
        raise MalformedCertificateError("there is no certificate in the PEM")
    return tuple(blocks)


def without_private_keys(data: bytes) -> bytes:
    """An operator's file without the private keys in it: what is to be read are certificates."""
    return _WHOLE_KEY.sub(b"", data)


def split_pem(data: bytes, *, where: str = "") -> tuple[bytes, ...]:
    """The DER of every certificate in an operator's file (PEM, or one DER certificate).

    Text between the blocks is allowed. Use `split_crls` for CRL files.

    Raises:
        CertificateError: there is a private key in it, or something that is no certificate.
    """
    if data[:1] == b"\x30" and _BEGIN not in data:
        return (data,)
    found = _labelled(data, where)
    for label, _ in found:
        if label == _CRL:
            raise CertificateError(
                "a CRL is among the certificates", hint="name CRL files under crls", where=where
            )
        if label not in _CERTIFICATE_LABELS or label == b"TRUSTED CERTIFICATE":
            raise CertificateError(
                f"a PEM block {label.decode()!r} is no certificate",
                hint="keep only -----BEGIN CERTIFICATE----- blocks in the file",
                where=where,
            )
    if not found:
        raise MalformedCertificateError(
            "no certificate in the file", hint="expected PEM or one DER certificate", where=where
        )
    return tuple(der for _, der in found)


def split_crls(data: bytes, *, where: str = "") -> tuple[bytes, ...]:
    """The DER of every CRL in an operator's file (PEM, or one DER CRL).

    Raises:
        CertificateError: there is a private key in it, or something that is no CRL.
    """
    if data[:1] == b"\x30" and _BEGIN not in data:
        return (data,)
    found = _labelled(data, where)
    for label, _ in found:
        if label != _CRL:
            raise CertificateError(
                f"a PEM block {label.decode()!r} is no CRL",
                hint="keep only -----BEGIN X509 CRL----- blocks in the file",
                where=where,
            )
    if not found:
        raise MalformedCertificateError(
            "no CRL in the file", hint="expected PEM or one DER CRL", where=where
        )
    return tuple(der for _, der in found)


def write_pem(der: bytes, label: str) -> str:
    """One PEM block, its base64 in lines of 64 characters (RFC 7468 §2)."""
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _labelled(data: bytes, where: str) -> list[tuple[bytes, bytes]]:
    if _PRIVATE_KEY.search(data):
        raise CertificateError(
            "there is a private key in the file",
            hint="trust needs certificates only: move the key away and restrict who can read it",
            where=where,
        )
    found: list[tuple[bytes, bytes]] = []
    try:
        for match in _BLOCK.finditer(data):
            found.append((match[1], _decode(match[2])))
    except MalformedCertificateError as error:
        error.where = where
        error.hint = "the file is damaged; export it again"
        raise
    if data.count(_BEGIN) != len(found):
        raise MalformedCertificateError(
            "a PEM block does not end", hint="the file is cut short or damaged", where=where
        )
    return found


def _decode(body: bytes) -> bytes:
    try:
        decoded = base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedCertificateError("a PEM block is not base64") from error
    if not decoded:
        raise MalformedCertificateError("a PEM block is empty")
    return decoded
