# SPDX-License-Identifier: Apache-2.0
"""Whom a site trusts, compiled: anchors, intermediates and revocation of every authority.

A certificate of an authority is an anchor unless another certificate of the same authority issued
it: a bundle of root and intermediate then checks the intermediate against the root's CRL, while an
intermediate alone is an anchor, as in Envoy (partial chain). What the verification library would
refuse later is refused here, where the operator can read why. An empty bundle verifies nobody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authz.certs.authority import CRLS_OF_CERTIFICATES, AuthorityModel, RevocationMode
from authz.certs.certificate import Certificate
from authz.certs.crl import compile_crl, read_crl
from authz.certs.outlook import union_of_small
from authz.certs.profile import check_authority_certificate
from authz.certs.revocation import AuthorityRevocation, compile_revocation
from authz.certs.serials import Serials
from authz.certs.signature import Signed, signed_by
from authz.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Authority",
    "AuthorityModel",
    "Issuer",
    "RevocationMode",
    "TrustBundle",
    "TrustNote",
    "compile_trust",
    "read_certificates",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Authority:
    """One authority, compiled; `through` as in the model."""

    name: str
    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...]
    revocation: AuthorityRevocation
    through: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Issuer:
    """A certificate that may stand above another one in a path.

    `authority` is the name of the authority it anchors, `""` for an intermediate.
    """

    certificate: Certificate
    authority: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustNote:
    """Something an operator may want to know that is no error. `where` as in errors."""

    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class TrustBundle:
    """The authorities of a site, ready to verify with.

    `digest` covers anchors, intermediates, names and `through` only: it changes exactly when
    judgements must be made anew, and not when a CRL does. `listing` are the authorities whose CRLs
    and OCSP answers are looked at.
    `listed` are the serial numbers on the small lists of all authorities: one question instead of
    many, for the certificates that are on none. `asks` says whether certificates that are seen
    have to be told to somebody (unanswered.py). `through_by_authority` has the authorities whose
    paths have to lead through one of some certificates (DER).
    """

    authorities: tuple[Authority, ...]
    digest: bytes
    issuers_by_subject: Mapping[bytes, tuple[Issuer, ...]]
    members: frozenset[bytes]
    revocation_by_authority: Mapping[str, AuthorityRevocation]
    listing: tuple[AuthorityRevocation, ...] = ()
    notes: tuple[TrustNote, ...] = ()
    listed: frozenset[int] = frozenset()
    asks: bool = False
    through_by_authority: Mapping[str, frozenset[bytes]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True when there is no anchor, so that nobody can be verified."""
        return not any(authority.anchors for authority in self.authorities)

    def crl_next_updates(self) -> dict[str, float]:
        """The earliest nextUpdate (Unix seconds) of each authority that has CRLs, by its name."""
        updates: dict[str, float] = {}
        for authority in self.authorities:
            earliest = authority.revocation.next_update()
            if earliest is not None:
                updates[authority.name] = earliest
        return updates

    def anchor_ends(self) -> dict[str, float]:
        """The earliest notAfter (Unix seconds) among each authority's anchors, by its name."""
        return {
            authority.name: min(anchor.not_after_at for anchor in authority.anchors)
            for authority in self.authorities
            if authority.anchors
        }

    def expired_anchors(self, at: float) -> tuple[Certificate, ...]:
        """The anchors that are past their notAfter: allowed, but nobody verifies by them."""
        return tuple(
            anchor
            for authority in self.authorities
            for anchor in authority.anchors
            if anchor.not_after_at + 1 <= at
        )


def compile_trust(models: Sequence[AuthorityModel]) -> TrustBundle:
    """Compile a site's authorities.

    Raises:
        CertificateError: a certificate or CRL cannot be used; `where` names the authority.
    """
    notes: list[TrustNote] = []
    authorities: list[Authority] = []
    anchored_by: dict[Certificate, str] = {}
    for model in models:
        if any(model.name == other.name for other in authorities):
            raise CertificateError(
                f"two authorities are named {model.name!r}",
                hint="give each its own name",
                where=model.where,
            )
        authority = _compile_authority(model, notes)
        for anchor in authority.anchors:
            other = anchored_by.setdefault(anchor, model.name)
            if other != model.name:
                raise CertificateError(
                    f"{anchor.subject_dn!r} is an anchor of {other!r} as well",
                    hint="name it under one authority: its revocation settings must be one thing",
                    where=model.where,
                )
        authorities.append(authority)
    return TrustBundle(
        authorities=tuple(authorities),
        digest=_digest(authorities),
        issuers_by_subject=_by_subject(authorities),
        members=frozenset(
            certificate.der
            for authority in authorities
            for certificate in (*authority.anchors, *authority.intermediates)
        ),
        revocation_by_authority={one.name: one.revocation for one in authorities},
        listing=tuple(
            one.revocation
            for one in authorities
            if one.revocation.mode is not RevocationMode.OFF and one.revocation.lists
        ),
        notes=tuple(notes),
        listed=union_of_small(authority.revocation for authority in authorities),
        asks=any(
            one.revocation.asks and one.revocation.mode is not RevocationMode.OFF
            for one in authorities
        ),
        through_by_authority={one.name: one.through for one in authorities if one.through},
    )


def _compile_authority(model: AuthorityModel, notes: list[TrustNote]) -> Authority:
    if not model.certificates:
        raise CertificateError(
            f"authority {model.name!r} has no certificates",
            hint="name at least one CA certificate under certificates",
            where=model.where,
        )
    certificates = read_certificates(model)
    for position, certificate in enumerate(certificates, 1):
        if certificate.key.too_costly:
            message = (
                f"certificate {position} of {model.name!r} has a key that takes too long to verify "
                f"with ({certificate.key.name}): nobody is verified by it"
            )
            notes.append(TrustNote(where=model.where, message=message))
    anchors, intermediates = _split(certificates)
    read = model.read_crls or [read_crl(der, certificates, where=model.where) for der in model.crls]
    crls = [compile_crl(one) for one in read]
    revocation = compile_revocation(
        mode=model.revocation,
        crls=crls,
        serials=Serials(model.revoked_base, model.revoked_serials, model.restored_serials),
        sources_configured=model.crl_sources_configured,
        crl_required=CRLS_OF_CERTIFICATES in model.crl_urls,
        ocsp_required=bool(model.ocsp),
        ocsp_statuses=model.ocsp_statuses,
    )
    for crl in crls:
        if crl.base_number is not None and crl.number is None:
            notes.append(
                TrustNote(where=model.where, message="a delta CRL without a number is not used")
            )
    for scopes in revocation.by_issuer_key.values():
        for scope in scopes:
            if not scope.complete:
                issuer = scope.deltas[0].issuer
                message = f"a delta CRL of {issuer!r} is not used: its complete CRL is missing"
                notes.append(TrustNote(where=model.where, message=message))
    if model.revocation is RevocationMode.OFF and not revocation.is_empty:
        message = "revocation is off: CRLs, OCSP and revoked serials are not looked at"
        notes.append(TrustNote(where=model.where, message=message))
    return Authority(
        name=model.name,
        anchors=anchors,
        intermediates=intermediates,
        revocation=revocation,
        through=frozenset(model.through),
    )


def read_certificates(model: AuthorityModel) -> list[Certificate]:
    """An authority's certificates, each once.

    Raises:
        CertificateError: one cannot be used.
    """
    # A file that repeats a certificate is no mistake worth refusing.
    return list(
        dict.fromkeys(
            _read(der, position, model) for position, der in enumerate(model.certificates, 1)
        )
    )


def _read(der: bytes, position: int, model: AuthorityModel) -> Certificate:
    try:
        certificate = Certificate.from_der(der, allow_zero_serial=True)
        # What is new is refused by whoever takes it in (ca.uploaded).
        check_authority_certificate(certificate, costly=True)
    except CertificateError as error:
        error.where = model.where
        error.message = f"certificate {position} of {model.name!r}: {error.message}"
        error.hint = error.hint or "openssl x509 -in FILE -text shows what is in it"
        raise
    return certificate


def _split(
    certificates: Sequence[Certificate],
) -> tuple[tuple[Certificate, ...], tuple[Certificate, ...]]:
    """Anchors, and intermediates that one of the anchors leads to."""
    anchors = [
        one
        for one in certificates
        if not any(_issued(one, other) for other in certificates if other.spki != one.spki)
    ]
    reached = set(anchors)
    growing = True
    while growing:
        growing = False
        for one in certificates:
            if one not in reached and any(_issued(one, other) for other in reached):
                reached.add(one)
                growing = True
    # CAs that sign each other with no root among them: each is trusted as it stands.
    anchors += [one for one in certificates if one not in reached]
    return tuple(anchors), tuple(one for one in certificates if one not in anchors)


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    if certificate.issuer_raw != issuer.subject_raw:
        return False
    if issuer.key.too_costly:
        # Nobody asks that key, so the name has to do: what it may have issued is no anchor, or the
        # issuer's CRLs and constraints would count no more.
        by_itself = signed_by(certificate, certificate) is Signed.YES
        return not (certificate.is_self_issued and by_itself)
    return signed_by(certificate, issuer) is Signed.YES


def _by_subject(authorities: Sequence[Authority]) -> Mapping[bytes, tuple[Issuer, ...]]:
    found: dict[bytes, list[Issuer]] = {}
    for authority in authorities:
        for anchor in authority.anchors:
            issuer = Issuer(certificate=anchor, authority=authority.name)
            found.setdefault(anchor.subject_raw, []).append(issuer)
    for authority in authorities:
        for intermediate in authority.intermediates:
            known = found.setdefault(intermediate.subject_raw, [])
            if not any(other.certificate == intermediate for other in known):
                known.append(Issuer(certificate=intermediate))
    return {subject: tuple(issuers) for subject, issuers in found.items()}


def _digest(authorities: Sequence[Authority]) -> bytes:
    digest = hashlib.sha256()

    def add(part: bytes) -> None:
        # Lengths first: no two different bundles may feed the same bytes.
        digest.update(len(part).to_bytes(8) + part)

    for authority in authorities:
        add(authority.name.encode("utf-8", "surrogatepass"))
        for certificates in (authority.anchors, authority.intermediates):
            add(b"".join(hashlib.sha256(one.der).digest() for one in certificates))
        add(b"".join(sorted(hashlib.sha256(der).digest() for der in authority.through)))
    return digest.digest()
