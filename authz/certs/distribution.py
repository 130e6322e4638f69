# SPDX-License-Identifier: Apache-2.0
"""Where certificates and CRLs say that more can be found: CRLs, deltas, OCSP responders, issuers.

What is read here is a claim of whoever issued the certificate, a stranger until it is verified:
whether such an address may be asked is for others to say. Two distribution points are the same when
a name of theirs is, byte for byte. RFC 5280 §4.2.1.13, §4.2.1.15, §4.2.2.1, §5.2.5, §5.2.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from authz.errors import MalformedCertificateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.certs.certificate import Certificate


def crl_urls(certificate: Certificate) -> tuple[str, ...]:
    """Where the CRLs for a certificate are, as it says."""
    return _urls(certificate.extension(x509.CRLDistributionPoints) or ())


def delta_urls(certificate: Certificate) -> tuple[str, ...]:
    """Where the delta CRLs for a certificate are, as it says."""
    return _urls(certificate.extension(x509.FreshestCRL) or ())


def delta_urls_of_crl(crl: bytes) -> tuple[str, ...]:
    """Where the deltas to a CRL are, as it says. `crl` is DER.

    Raises:
        MalformedCertificateError: it is no CRL.
    """
    try:
        extensions = x509.load_der_x509_crl(crl).extensions
        return _urls(extensions.get_extension_for_class(x509.FreshestCRL).value)
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, TypeError, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise MalformedCertificateError("the bytes are not a CRL that can be read") from error


def ocsp_urls(certificate: Certificate) -> tuple[str, ...]:
    """The OCSP responders for a certificate, as it says."""
    return _access(certificate, AuthorityInformationAccessOID.OCSP)


def issuer_urls(certificate: Certificate) -> tuple[str, ...]:
    """Where the certificate of its issuer is, as it says."""
    return _access(certificate, AuthorityInformationAccessOID.CA_ISSUERS)


def point_names(certificate: Certificate) -> frozenset[str]:
    """The names of the distribution points whose CRLs say everything about a certificate.

    Points for only some reasons are left out: such CRLs are not used here.
    """
    names: set[str] = set()
    for point in certificate.extension(x509.CRLDistributionPoints) or ():
        if point.reasons is None:
            names |= _names(
                point.full_name or point.crl_issuer,
                point.relative_name,
                certificate.parsed.issuer,
            )
    return frozenset(names)


def scope_names(scope: x509.IssuingDistributionPoint | None, issuer: x509.Name) -> frozenset[str]:
    """The names of the distribution point that a CRL is for; empty when it names none.

    Args:
        issuer: of the CRL, which relative names begin with.
    """
    if scope is None:
        return frozenset()
    return _names(scope.full_name, scope.relative_name, issuer)


def _names(
    full: Sequence[x509.GeneralName] | None,
    relative: x509.RelativeDistinguishedName | None,
    issuer: x509.Name,
) -> frozenset[str]:
    if relative is not None:
        full = [x509.DirectoryName(x509.Name([*issuer.rdns, relative]))]
    return frozenset(_text(name) for name in full or ())


def _text(name: x509.GeneralName) -> str:
    value = name.value
    if isinstance(value, x509.Name):
        value = value.public_bytes().hex()
    return f"{type(name).__name__}:{value}"


def _urls(points: Iterable[x509.DistributionPoint]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            name.value
            for point in points
            for name in point.full_name or ()
            if isinstance(name, x509.UniformResourceIdentifier)
        )
    )


def _access(certificate: Certificate, method: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            one.access_location.value
            for one in certificate.extension(x509.AuthorityInformationAccess) or ()
            if one.access_method == method
            and isinstance(one.access_location, x509.UniformResourceIdentifier)
        )
    )
