# SPDX-License-Identifier: Apache-2.0
"""Authorities: made here, brought along with their key, followed by a successor.

An authority is a CA certificate with its private key and the certificates above it. Where they are
kept, and which is in use, is not decided here. RFC 5280 §3.2, §4.2.1.9; RFC 4210 §4.4 (successors).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cryptography import x509

from authz.ca.issuance import DAY, CertificateRequest, PublicationUrls, issue, prepare
from authz.ca.key_kinds import DEFAULT_KEY_KIND
from authz.ca.keys import LocalSigner, generate_key, load_key
from authz.ca.names import KeptName, Subject
from authz.ca.profiles import INTERMEDIATE, ROOT
from authz.ca.signing import signature_of
from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem, without_private_keys
from authz.certs.profile import check_authority_certificate
from authz.certs.signature import Signed, signed_by
from authz.errors import CertificateError, InvalidRequestError, KeyUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.ca.key_kinds import KeyKind
    from authz.ca.keys import Signer
    from authz.ca.profiles import Profile

_MAX_CHAIN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAuthority:
    """An authority that can issue.

    Attributes:
        certificate: its own certificate.
        signer: the private key of it.
        chain: the certificates above it, from the nearest up; none for a root.
    """

    certificate: Certificate
    signer: LocalSigner
    chain: tuple[Certificate, ...] = ()

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Its own certificate and those above it."""
        return (self.certificate, *self.chain)


def create_root(
    subject: Subject | KeptName,
    *,
    at: float,
    kind: KeyKind = DEFAULT_KEY_KIND,
    days: int | None = None,
    profile: Profile = ROOT,
) -> NewAuthority:
    """A new root with a new key.

    Raises:
        InvalidRequestError, LintFailedError: as `prepare`.
    """
    signer = generate_key(kind)
    request = CertificateRequest(subject=subject, spki=signer.spki, days=days)
    certificate = issue(prepare(request, profile=profile, issuer=None, at=at), signer)
    check_authority_certificate(certificate)
    return NewAuthority(certificate=certificate, signer=signer)


def create_intermediate(
    subject: Subject | KeptName,
    *,
    issuer: Certificate,
    issuer_signer: Signer,
    at: float,
    issuer_chain: Sequence[Certificate] = (),
    kind: KeyKind = DEFAULT_KEY_KIND,
    days: int | None = None,
    profile: Profile = INTERMEDIATE,
    urls: PublicationUrls | None = None,
) -> NewAuthority:
    """A new authority with a new key below one that is here; `urls` are those of the issuer.

    Raises:
        InvalidRequestError, IssuerInactiveError, LintFailedError, KeyUnavailableError: as
            `prepare` and `issue`; that the issuer's path length leaves no room is a lint.
    """
    signer = generate_key(kind)
    request = CertificateRequest(subject=subject, spki=signer.spki, days=days)
    prepared = prepare(
        request, profile=profile, issuer=issuer, chain=issuer_chain, at=at, urls=urls
    )
    certificate = issue(prepared, issuer_signer)
    check_authority_certificate(certificate)
    return NewAuthority(certificate=certificate, signer=signer, chain=(issuer, *issuer_chain))


def import_authority(
    certificates: bytes, key: bytes, *, at: float, passphrase: str | None = None
) -> NewAuthority:
    """An authority that was made elsewhere: its certificates and its key, both PEM.

    The certificate is the one that belongs to the key; the others are those above it, in any
    order. A key in the certificates' file is passed over.

    Raises:
        CertificateError: the key belongs to none of the certificates, one is no CA, may not sign
            certificates and CRLs, is not valid at `at`, or is not above the first.
        KeyUnavailableError, WeakKeyError: as `load_key`.
    """
    signer = load_key(key, passphrase)
    signature_of(b"a trial, before anything depends on it", signer)
    read = [
        Certificate.from_der(der, allow_zero_serial=True)
        for der in dict.fromkeys(split_pem(without_private_keys(certificates)))
    ]
    own = [one for one in read if one.spki == signer.spki]
    if not own:
        raise CertificateError(
            "the private key belongs to none of the certificates",
            hint="openssl x509 -in CERT -noout -pubkey and openssl pkey -in KEY -pubout must agree",
        )
    # The same key may be certified twice, by itself and by another authority: the longest lasts.
    certificate = max(own, key=lambda one: one.not_after_at)
    chain = _chain(certificate, [one for one in read if one.spki != signer.spki])
    for one in (certificate, *chain):
        _check_imported(one, at)
    return NewAuthority(certificate=certificate, signer=signer, chain=chain)


def rotate(
    current: Certificate,
    *,
    at: float,
    issuer: Certificate | None = None,
    issuer_signer: Signer | None = None,
    issuer_chain: Sequence[Certificate] = (),
    kind: KeyKind = DEFAULT_KEY_KIND,
    days: int | None = None,
    urls: PublicationUrls | None = None,
) -> NewAuthority:
    """A successor of an authority: another key under the same name, its path length kept.

    A root when `issuer` is None, else below it. Nothing that the old one issued changes: both stay
    anchors until `trusted_until`. Subject and issuer names are the same, so certificates and CRLs
    of the two are told apart by their key identifiers (RFC 5280 §5.1.2.3, §5.2.1).

    Raises:
        InvalidRequestError: it has name constraints, which its successor would lack.
        IssuanceError: as `create_root` and `create_intermediate`.
    """
    if current.extension(x509.NameConstraints) is not None:
        raise InvalidRequestError(
            f"{current.subject_dn!r} has name constraints, which a successor would not have",
            hint="make the successor where this one was made, with its constraints, and import it",
        )
    subject = KeptName(current.subject_raw)
    length = _path_length(current)
    if issuer is None:
        profile = replace(ROOT, path_length=length)
        return create_root(subject, at=at, kind=kind, days=days, profile=profile)
    if issuer_signer is None:
        raise KeyUnavailableError(
            f"the private key of {issuer.subject_dn!r} is not here",
            hint="a successor below it is signed where its key is, and imported",
        )
    return create_intermediate(
        subject,
        issuer=issuer,
        issuer_signer=issuer_signer,
        issuer_chain=issuer_chain,
        at=at,
        kind=kind,
        days=days,
        profile=replace(INTERMEDIATE, path_length=length),
        urls=urls,
    )


def trusted_until(current: Certificate, last_not_after: float) -> float:
    """How long an authority that was followed must stay trusted: Unix seconds, inclusive.

    `last_not_after` is that of the last of its certificates to expire.
    """
    return min(last_not_after, current.not_after_at)


def cross_certify(
    old: Certificate,
    old_signer: Signer,
    new: Certificate,
    *,
    at: float,
    urls: PublicationUrls | None = None,
) -> Certificate:
    """A certificate of the successor's key, signed by the old one (RFC 4210 §4.4: NewWithOld).

    For those who trust the old certificate only: sent along, it leads from what the successor
    issues to it. It lasts as many whole days as both do.

    Raises:
        InvalidRequestError: the two have not the same name.
        IssuerInactiveError, LintFailedError, KeyUnavailableError: as `prepare` and `issue`.
    """
    if old.subject_raw != new.subject_raw:
        raise InvalidRequestError(
            f"{new.subject_dn!r} does not follow {old.subject_dn!r}: the names differ",
            hint="certify a successor that authz ca rotate made",
        )
    days = max(1, int(min(old.not_after_at, new.not_after_at) - at) // DAY)
    profile = replace(INTERMEDIATE, path_length=_path_length(new), max_days=ROOT.max_days)
    request = CertificateRequest(subject=KeptName(new.subject_raw), spki=new.spki, days=days)
    return issue(prepare(request, profile=profile, issuer=old, at=at, urls=urls), old_signer)


def _path_length(certificate: Certificate) -> int | None:
    constraints = certificate.extension(x509.BasicConstraints)
    return None if constraints is None else constraints.path_length


def chain_above(certificate: Certificate, others: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """Those of `others` that are above this certificate, from the nearest up."""
    left = list(others)
    chain: list[Certificate] = []
    below = certificate
    while not below.is_self_issued and len(chain) < _MAX_CHAIN:
        above = next((one for one in left if signed_by(below, one) is Signed.YES), None)
        if above is None:
            break
        left.remove(above)
        chain.append(above)
        below = above
    return tuple(chain)


def _chain(certificate: Certificate, others: list[Certificate]) -> tuple[Certificate, ...]:
    """The certificates above, from the nearest up; all of `others` must be among them."""
    chain = chain_above(certificate, others)
    left = [one for one in others if one not in chain]
    if left:
        raise CertificateError(
            f"{left[0].subject_dn!r} is not above {certificate.subject_dn!r}",
            hint="keep the certificate of the key and those that lead from it to its root",
        )
    return chain


def _check_imported(certificate: Certificate, at: float) -> None:
    check_authority_certificate(certificate)
    usage = certificate.extension(x509.KeyUsage)
    # check_authority_certificate has asked for keyCertSign.
    if usage is not None and not usage.crl_sign:
        raise CertificateError(
            f"{certificate.subject_dn!r} may not sign CRLs (its key usage lacks cRLSign)",
            hint="RFC 5280 §4.2.1.3: issue the CA certificate with cRLSign",
        )
    if not certificate.not_before_at <= at < certificate.not_after_at + 1:
        raise CertificateError(
            f"{certificate.subject_dn!r} is valid from {certificate.not_before} "
            f"to {certificate.not_after} only",
            hint="import a CA certificate that is valid now",
        )
