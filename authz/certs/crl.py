# SPDX-License-Identifier: Apache-2.0
"""One CRL, read, checked against its issuer and reduced to packed sets of serial numbers.

Everything that could make a CRL say less than it seems (an indirect CRL, a partition by reason, a
critical extension nobody here knows) is refused when it is loaded, so that looking a serial up
later needs no conditions beyond its scope, the distribution point it is for, and its times.
RFC 5280 §5 and §6.3.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509

from authz.certs.authority import CrlModel
from authz.certs.crl_entries import read_entries, signed_part
from authz.certs.distribution import scope_names
from authz.certs.serials import pack_serials
from authz.certs.signature import crl_signed_by
from authz.errors import CertificateError, MalformedCertificateError, UnsupportedCertificateError
from authz.packed import IntegerSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.certs.certificate import Certificate

#: Extensions that are understood, critical or not. RFC 5280 §5.2.
_KNOWN = (
    x509.CRLNumber,
    x509.DeltaCRLIndicator,
    x509.IssuingDistributionPoint,
    x509.AuthorityKeyIdentifier,
    x509.FreshestCRL,
    x509.AuthorityInformationAccess,
    x509.IssuerAlternativeName,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledCrl:
    """A CRL for look-ups; what is what, `CrlModel` says."""

    spki: bytes
    issuer: str
    number: int | None
    base_number: int | None
    this_update: float
    next_update: float
    scope: bytes
    covers_end_entity: bool
    covers_ca: bool
    revoked: IntegerSet
    removed: IntegerSet
    points: frozenset[str] = frozenset()


def compile_crl(model: CrlModel) -> CompiledCrl:
    """A CRL that was read, ready for look-ups.

    Raises:
        PolicyError: its serial numbers are damaged.
    """
    return CompiledCrl(
        spki=model.spki,
        issuer=model.issuer,
        number=None if model.number is None else int.from_bytes(model.number),
        base_number=None if model.base_number is None else int.from_bytes(model.base_number),
        this_update=model.this_update,
        next_update=model.next_update,
        scope=model.scope,
        covers_end_entity=model.covers_end_entity,
        covers_ca=model.covers_ca,
        revoked=IntegerSet(model.revoked),
        removed=IntegerSet(model.removed),
        points=frozenset(model.points),
    )


def read_crl(der: bytes, issuers: Sequence[Certificate], *, where: str) -> CrlModel:
    """Read a CRL of one of `issuers` and check its signature.

    Raises:
        MalformedCertificateError: the bytes are not a CRL.
        UnsupportedCertificateError: its scope or an extension is not supported.
        CertificateError: none of `issuers` signed it.
    """
    try:
        crl = x509.load_der_x509_crl(der)
        extensions = list(crl.extensions)
        next_update = crl.next_update_utc
        issuer_name = crl.issuer.public_bytes()
    except (
        ValueError,
        TypeError,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as why:
        raise MalformedCertificateError(
            "the bytes are not a CRL that can be read",
            hint="expected an X.509 CRL, PEM or DER; openssl crl -in FILE -text shows it",
            where=where,
        ) from why
    if next_update is None:
        raise UnsupportedCertificateError(
            "the CRL has no nextUpdate, so it could never become stale",
            hint="RFC 5280 §5.1.2.5 requires it: issue the CRL with one",
            where=where,
        )
    issuer = _issuer_of(crl, der, issuer_name, issuers, where)
    scope = _scope_of(extensions, where)
    number = base_number = None
    for extension in extensions:
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        elif isinstance(extension.value, x509.DeltaCRLIndicator):
            base_number = extension.value.crl_number
    revoked, removed = read_entries(der, where)
    return CrlModel(
        sha256=hashlib.sha256(der).digest(),
        spki=issuer.spki,
        issuer=issuer.subject_dn,
        number=_octets(number),
        base_number=_octets(base_number),
        this_update=crl.last_update_utc.timestamp(),
        next_update=next_update.timestamp(),
        scope=scope.public_bytes() if scope else b"",
        covers_end_entity=not (
            scope and (scope.only_contains_ca_certs or scope.only_contains_attribute_certs)
        ),
        covers_ca=not (
            scope and (scope.only_contains_user_certs or scope.only_contains_attribute_certs)
        ),
        revoked=pack_serials(revoked),
        removed=pack_serials(removed),
        points=tuple(sorted(scope_names(scope, crl.issuer))),
    )


def _octets(number: int | None) -> bytes | None:
    return None if number is None else number.to_bytes(number.bit_length() // 8 + 1)


def _issuer_of(
    crl: x509.CertificateRevocationList,
    der: bytes,
    name: bytes,
    issuers: Sequence[Certificate],
    where: str,
) -> Certificate:
    named = [issuer for issuer in issuers if issuer.subject_raw == name]
    if not named:
        raise CertificateError(
            "the CRL was issued by none of this authority's certificates "
            f"(its issuer is {crl.issuer.rfc4514_string()[:200]!r})",
            hint="add the CA certificate that issued it to certificates, or the CRL elsewhere",
            where=where,
        )
    signed = signed_part(der)
    for issuer in named:
        if crl_signed_by(crl, signed, issuer):
            usage = issuer.extension(x509.KeyUsage)
            # RFC 5280 §6.3.3 (f).
            if usage is not None and not usage.crl_sign:
                raise CertificateError(
                    f"{issuer.subject_dn!r} may not sign CRLs (its key usage lacks cRLSign)",
                    hint="issue the CA certificate with cRLSign",
                    where=where,
                )
            return issuer
    raise CertificateError(
        f"the CRL's signature is not by the key of {named[0].subject_dn!r}",
        hint="it is damaged, or of another CA with the same name: get it again from the issuer",
        where=where,
    )


def _scope_of(
    extensions: Iterable[x509.Extension[x509.ExtensionType]], where: str
) -> x509.IssuingDistributionPoint | None:
    scope = None
    for extension in extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            scope = extension.value
        elif extension.critical and not isinstance(extension.value, _KNOWN):
            raise UnsupportedCertificateError(
                f"the CRL has an unknown critical extension {extension.oid.dotted_string}",
                hint="RFC 5280 §5.2: such a CRL must not be used; issue it without",
                where=where,
            )
    if scope is not None and scope.indirect_crl:
        raise UnsupportedCertificateError(
            "indirect CRLs are not supported",
            hint="use the CRL that each CA issues for its own certificates",
            where=where,
        )
    if scope is not None and scope.only_some_reasons is not None:
        raise UnsupportedCertificateError(
            "CRLs for only some reasons are not supported",
            hint="use a CRL that covers every reason",
            where=where,
        )
    return scope
