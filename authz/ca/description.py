# SPDX-License-Identifier: Apache-2.0
"""What people and the API are told about a certificate, in Cloudflare's forms."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.certs import der as der_reader
from authz.certs.pem import write_pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.certs.certificate import Certificate

#: Signature algorithms by their names in Cloudflare's API. RSA-PSS and Ed25519 are not among them.
SIGNATURE_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1.2.840.113549.1.1.5": "SHA1WithRSA",
        "1.2.840.113549.1.1.11": "SHA256WithRSA",
        "1.2.840.113549.1.1.12": "SHA384WithRSA",
        "1.2.840.113549.1.1.13": "SHA512WithRSA",
        "1.2.840.10045.4.1": "ECDSAWithSHA1",
        "1.2.840.10045.4.3.2": "ECDSAWithSHA256",
        "1.2.840.10045.4.3.3": "ECDSAWithSHA384",
        "1.2.840.10045.4.3.4": "ECDSAWithSHA512",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """One certificate, described.

    Attributes:
        pem: the certificate.
        subject, issuer: in RFC 2253 form.
        serial_number: as a number; in decimal for uploaded authorities, see `serial_hex`.
        serial_hex: lower-case hex, as client certificates have it.
        signature: `SHA256WithRSA`, `ECDSAWithSHA256`, or the algorithm's object identifier.
        not_before, not_after: Unix seconds, both inclusive.
        ski: subject key identifier in lower-case hex, "" without one.
        key: `P-256`, `RSA 2048`.
    """

    pem: str
    subject: str
    issuer: str
    serial_number: int
    serial_hex: str
    signature: str
    not_before: float
    not_after: float
    ski: str
    fingerprint_sha256: str
    key: str


def describe(certificate: Certificate) -> CertificateFacts:
    """The facts about one certificate."""
    return CertificateFacts(
        pem=write_pem(certificate.der, "CERTIFICATE"),
        subject=certificate.subject_dn,
        issuer=certificate.issuer_dn,
        serial_number=certificate.serial_number,
        serial_hex=certificate.serial.lower(),
        signature=signature_name(certificate),
        not_before=certificate.not_before_at,
        not_after=certificate.not_after_at,
        ski=certificate.ski.lower(),
        fingerprint_sha256=certificate.fingerprint_sha256,
        key=certificate.key.name,
    )


def signature_name(certificate: Certificate) -> str:
    """How the certificate is signed: Cloudflare's name, or the object identifier."""
    algorithm = der_reader.read(certificate.outline.signature_algorithm)[0]
    oid = der_reader.oid_text(der_reader.children(algorithm.content)[0].content)
    return SIGNATURE_NAMES.get(oid, oid)
