# SPDX-License-Identifier: Apache-2.0
"""An authority of the user's own: certificates without a key, checked before they are trusted.

Cloudflare's requirements for a CA that is uploaded, and our judge's: what is accepted here can be
verified by. RFC 5280 §4.2.1.9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm

from authz.ca.description import SIGNATURE_NAMES, CertificateFacts, describe
from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem
from authz.certs.profile import check_authority_certificate
from authz.errors import (
    CertificateError,
    CertificateTooLargeError,
    MalformedCertificateError,
    UnsupportedCertificateError,
)

MAX_PEM_BYTES: Final = 256 * 1024
MAX_CERTIFICATES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedAuthority:
    """Certificates that may be trusted, the first being the one the authority is described by.

    Args:
        text: how they were written, where it is not how `pem` writes them.
    """

    certificates: tuple[bytes, ...]
    facts: tuple[CertificateFacts, ...]
    text: str | None = None

    @property
    def first(self) -> CertificateFacts:
        """What the authority is described by."""
        return self.facts[0]

    @property
    def pem(self) -> str:
        """All certificates, as PEM of 64 columns."""
        return "".join(one.pem for one in self.facts)


def check_uploaded(pem: str | bytes, *, at: float) -> UploadedAuthority:
    """The certificates of an authority, if all of them may be trusted.

    Raises:
        CertificateError: there is a key, a request or something else among them, one is no CA
            certificate, or has expired.
        MalformedCertificateError: there is no certificate, or one cannot be read.
        UnsupportedCertificateError: a signature, key or extension is not supported.
        CertificateTooLargeError: there are too many.
    """
    data = pem.encode(errors="replace") if isinstance(pem, str) else pem
    if len(data) > MAX_PEM_BYTES:
        raise CertificateTooLargeError(
            f"the certificates have {len(data)} bytes", hint=f"at most {MAX_PEM_BYTES} are taken"
        )
    if b"-----BEGIN " not in data:
        raise CertificateError(
            "the certificates are not PEM", hint="openssl x509 -inform DER -in FILE writes PEM"
        )
    # Cloudflare: JSON that was written by hand has its line ends as two characters.
    ders = split_pem(data.replace(rb"\r", b"").replace(rb"\n", b"\n"))
    if len(ders) > MAX_CERTIFICATES:
        raise CertificateTooLargeError(
            f"there are {len(ders)} certificates", hint=f"at most {MAX_CERTIFICATES} are taken"
        )
    facts = tuple(
        describe(_checked(der, position, at)) for position, der in enumerate(dict.fromkeys(ders), 1)
    )
    found = UploadedAuthority(certificates=tuple(dict.fromkeys(ders)), facts=facts)
    return replace(found, text=_text_of(data, found))


def _text_of(data: bytes, found: UploadedAuthority) -> str | None:
    """The text itself, if somebody else reads the same certificates in it, and it can be kept."""
    try:
        text = data.decode()
        same = tuple(dict.fromkeys(split_pem(data))) == found.certificates
    except (UnicodeDecodeError, CertificateError):
        return None
    return text if same and "\0" not in text and text != found.pem else None


def _checked(der: bytes, position: int, at: float) -> Certificate:
    try:
        certificate = Certificate.from_der(der, allow_zero_serial=True)
        facts = describe(certificate)
        if facts.signature not in SIGNATURE_NAMES.values():
            raise UnsupportedCertificateError(
                f"it is signed with an algorithm that is not supported ({facts.signature})",
                hint="SHA-1, SHA-256, SHA-384 or SHA-512 with RSA (PKCS #1 v1.5) or ECDSA; "
                "not RSA-PSS or Ed25519",
            )
        check_authority_certificate(certificate)
        _check_key(certificate)
        if at >= certificate.not_after_at + 1:
            raise CertificateError(
                f"it has expired on {certificate.not_after}",
                hint="nobody could be verified by it: upload its successor",
            )
    except CertificateError as error:
        error.message = f"certificate {position}: {error.message}"
        error.hint = error.hint or "openssl x509 -in FILE -text shows what is in it"
        raise
    return certificate


def _check_key(certificate: Certificate) -> None:
    try:
        certificate.parsed.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedCertificateError(
            f"its public key cannot be read: {str(error).lower()}"
        ) from error
