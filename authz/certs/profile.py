# SPDX-License-Identifier: Apache-2.0
"""What a certificate must be to stand at its place in a path, whatever the time.

The verification library is used with its permissive extension policy, so this profile is the whole
of our demands on extensions (architecture 4.12, ADR-0005): an end-entity certificate that is no CA
and fit for client authentication, issuers that are CAs and may issue such. No SAN is needed and the
authority key identifier may be missing. Path lengths and name constraints over DNS names, addresses
and mail addresses are the library's part. RFC 5280 §4.2, RFC 8446 §4.4.2.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from authz.certs.failure import VerifyFailure
from authz.certs.keys import MAXIMUM_RSA_BITS
from authz.errors import CertificateError, UnsupportedCertificateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.certs.certificate import Certificate

#: RFC 5280 §4.1.2.2: at most 20 octets.
MAX_SERIAL_BITS = 160

_FIT = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})
#: What the library and we process; any other critical extension must be refused (RFC 5280 §4.2).
_PROCESSED = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.NameConstraints,
    x509.AuthorityKeyIdentifier,
    x509.SubjectKeyIdentifier,
    x509.AuthorityInformationAccess,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a certificate, or a path, is not good."""

    failure: VerifyFailure
    detail: str


def check_end_entity(certificate: Certificate) -> Problem | None:
    """What keeps this from being a client certificate, or None."""
    problem = _check_supported(certificate, "the certificate")
    if problem is not None:
        return problem
    if certificate.is_ca:
        return _wrong_usage("it is a CA certificate, not a client certificate")
    usage = certificate.extension(x509.KeyUsage)
    # The client proves its key by a signature (RFC 8446 §4.4.2.4); OpenSSL's sslclient purpose also
    # takes keyAgreement.
    if usage is not None and not (usage.digital_signature or usage.key_agreement):
        return _wrong_usage("its key usage does not allow digital signatures")
    if not _fit_for_clients(certificate):
        return _wrong_usage("its extended key usage lacks clientAuth")
    return None


def check_issuer(certificate: Certificate, *, costly: bool = False) -> Problem | None:
    """What keeps this from standing above a client certificate, or None.

    Args:
        costly: a key that takes too long to verify with is no problem here.
    """
    whose = f"the issuer {certificate.subject_dn[:200]!r}"
    problem = _check_supported(certificate, whose, costly=costly)
    if problem is not None:
        return problem
    if not certificate.is_ca:
        return _wrong_usage(f"{certificate.subject_dn[:200]!r} is not a CA certificate")
    usage = certificate.extension(x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return _wrong_usage(f"the key usage of {certificate.subject_dn[:200]!r} lacks keyCertSign")
    if not _fit_for_clients(certificate):
        return _wrong_usage(
            f"the extended key usage of {certificate.subject_dn[:200]!r} lacks clientAuth"
        )
    return None


def check_constraints(path: Sequence[Certificate]) -> Problem | None:
    """Name constraints in this path that the library would pass over, or None.

    It applies DNS, IP address and mail constraints to the alternative names only and, for a URI or
    any other kind, refuses a certificate that has such a name. A directory name constraint that is
    not critical it does not see at all.
    """
    for issuer in path[1:]:
        constraints = issuer.extension(x509.NameConstraints)
        if constraints is None:
            continue
        subtrees = (
            *(constraints.permitted_subtrees or ()),
            *(constraints.excluded_subtrees or ()),
        )
        if any(isinstance(subtree, x509.DirectoryName) for subtree in subtrees):
            return Problem(
                VerifyFailure.CONSTRAINT_VIOLATED,
                f"{issuer.subject_dn[:200]!r} constrains directory names, which is not supported",
            )
        # RFC 5280 §4.2.1.10: without an rfc822Name the constraint holds for emailAddress.
        mail = any(isinstance(subtree, x509.RFC822Name) for subtree in subtrees)
        if mail and any(_has_unconstrained_mail(below) for below in path[: path.index(issuer)]):
            return Problem(
                VerifyFailure.CONSTRAINT_VIOLATED,
                f"{issuer.subject_dn[:200]!r} constrains mail addresses, "
                "and one is in a subject instead of an alternative name",
            )
    return None


def check_authority_certificate(certificate: Certificate, *, costly: bool = False) -> None:
    """Refuse what an operator must not, or cannot usefully, trust.

    Args:
        costly: take a key that takes too long to verify with, by which nobody is verified: one
            that was trusted before there was a bound must not keep everything else from counting.

    Raises:
        UnsupportedCertificateError: the key, version or an extension is not supported.
        CertificateError: it is not a CA certificate, or none that could issue client certificates.
    """
    problem = check_issuer(certificate, costly=costly)
    if problem is not None and problem.failure is VerifyFailure.UNSUPPORTED:
        hint = "RSA of 2048 to 8192 bits, P-256, P-384 and P-521 are supported, in X.509 version 3"
        if certificate.key.too_costly:
            hint = f"at most {MAXIMUM_RSA_BITS} bits and an exponent of 2^32; 65537 is usual"
        if certificate.parsed.version is x509.Version.v1:
            hint = "issue the CA certificate again, in version 3 with basicConstraints CA:TRUE"
        raise UnsupportedCertificateError(problem.detail, hint=hint)
    if not certificate.is_ca:
        raise CertificateError(
            f"{certificate.subject_dn!r} is not a CA certificate",
            hint="trust names certificate authorities; to let one client in, "
            "compare its fingerprint in a rule",
        )
    if problem is not None:
        raise CertificateError(
            problem.detail, hint="every client certificate below it would be refused"
        )
    if not certificate.subject_attributes or not certificate.issuer_attributes:
        raise UnsupportedCertificateError(
            "a CA certificate without a name cannot be found by what it issued",
            hint="RFC 5280 §4.1.2.6: issue it with a subject",
        )
    constraint = check_constraints((certificate, certificate))
    if constraint is not None:
        raise UnsupportedCertificateError(
            constraint.detail, hint="every client certificate below it would be refused"
        )


def _check_supported(
    certificate: Certificate, whose: str, *, costly: bool = False
) -> Problem | None:
    if certificate.parsed.version is not x509.Version.v3:
        return _unsupported(f"{whose} is not X.509 version 3")
    key = certificate.key
    if key.too_costly and not costly:
        return _unsupported(f"{whose} has a key that takes too long to verify with ({key.name})")
    if not key.supported and not key.too_costly:
        return _unsupported(f"{whose} has a key that is not supported ({key.name})")
    if certificate.serial_number.bit_length() > MAX_SERIAL_BITS:
        return _unsupported(f"{whose} has a serial number of more than 20 octets")
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _PROCESSED):
            return _unsupported(
                f"{whose} has a critical extension that is not supported "
                f"({extension.oid.dotted_string})"
            )
    return None


def _fit_for_clients(certificate: Certificate) -> bool:
    usages = certificate.extension(x509.ExtendedKeyUsage)
    return usages is None or not _FIT.isdisjoint(usages)


def _has_unconstrained_mail(certificate: Certificate) -> bool:
    names = certificate.extension(x509.SubjectAlternativeName)
    if names is not None and names.get_values_for_type(x509.RFC822Name):
        return False
    mail = NameOID.EMAIL_ADDRESS.dotted_string
    return any(attribute.oid == mail for attribute in certificate.subject_attributes)


def _wrong_usage(detail: str) -> Problem:
    return Problem(VerifyFailure.WRONG_USAGE, detail)


def _unsupported(detail: str) -> Problem:
    return Problem(VerifyFailure.UNSUPPORTED, detail)
