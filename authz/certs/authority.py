# SPDX-License-Identifier: Apache-2.0
"""A certificate authority as configured: plain data, files already read. Compiled by trust.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from authz.packed import Section


class RevocationMode(StrEnum):
    """How an authority's revocation sources count (architecture 4.11)."""

    STRICT = "strict"
    SOFT = "soft"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlModel:
    """A CRL that was read and whose signature was checked (crl.py). Times are Unix seconds.

    `sha256` is that of its DER; `scope` tells partitions of one issuer apart; a CRL covers
    end-entity certificates, CA certificates or both, and when it names `points`, only those whose
    distribution points have one of these names. Numbers are big-endian bytes, because they may
    have 20; `base_number` is None for a complete CRL. `removed` are the serials of a delta with the
    reason removeFromCRL.
    """

    sha256: bytes
    spki: bytes
    issuer: str
    number: bytes | None
    base_number: bytes | None
    this_update: float
    next_update: float
    scope: bytes
    covers_end_entity: bool
    covers_ca: bool
    revoked: Section
    removed: Section
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspStatus:
    """What an OCSP responder said about one certificate (ocsp.py). Times are Unix seconds.

    `issuer` is the SHA-256 of the issuer's SubjectPublicKeyInfo, `serial` big-endian bytes: numbers
    may have 20. That a certificate is not revoked holds until `until`, inclusive.
    """

    issuer: bytes
    serial: bytes
    revoked: bool
    this_update: float
    until: float


#: `AuthorityModel.ocsp`: the responders that certificates name; otherwise it is a URL.
OCSP_OF_CERTIFICATE = "certificate"
#: Among `AuthorityModel.crl_urls`: those that certificates name.
CRLS_OF_CERTIFICATES = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityModel:
    """One certificate authority as configured: DER bytes, files already read.

    `certificates` are anchors (self-issued or not: partial chains count, as in Envoy) and
    intermediates of this authority; `crls` complete and delta CRLs in DER, and `read_crls`, when
    it is not empty, the same CRLs once read, which is done for large ones before anything else.
    `crl_sources_configured` is how many CRLs there should at least be: fewer mean that a source is
    missing. `crl_urls` are where further CRLs are fetched from, by somebody else; what was fetched
    is in `crls`. `certificate` among them stands for those that certificates name: under `strict`
    a certificate that names a CRL then needs one.

    `ocsp` says whose OCSP responder is asked in the background, `""` for nobody's; under `strict`
    an end-entity certificate then needs a current answer among `ocsp_statuses`.

    `through` are those of the `certificates` that a path has to lead through, one of them; without
    any, it may lead anywhere. Whose own CA stands below a root of many does not trust them all.

    `revoked_serials` are positive integers revoked without a CRL, whoever on a path to this
    authority issued them. Many of them are packed in `revoked_base`; then `revoked_serials` are
    revoked besides, and `restored_serials` do not count although they are in the base.
    `serials.revise` keeps them so.
    """

    name: str
    certificates: tuple[bytes, ...]
    through: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    read_crls: tuple[CrlModel, ...] = ()
    revoked_serials: tuple[int, ...] = ()
    revoked_base: Section | None = None
    restored_serials: tuple[int, ...] = ()
    revocation: RevocationMode = RevocationMode.STRICT
    crl_sources_configured: int = 0
    crl_urls: tuple[str, ...] = ()
    ocsp: str = ""
    ocsp_statuses: tuple[OcspStatus, ...] = ()
    where: str = ""
