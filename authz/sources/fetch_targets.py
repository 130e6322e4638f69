# SPDX-License-Identifier: Apache-2.0
"""What is to be fetched, and for whom. Data only.

CRLs are named by the policy. Which certificates to ask an OCSP responder about, and which URLs they
name, is known from those that were seen; the check path is never asked.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from authz.certs.authority import CRLS_OF_CERTIFICATES, OCSP_OF_CERTIFICATE, RevocationMode
from authz.certs.certificate import Certificate
from authz.certs.distribution import crl_urls, delta_urls
from authz.errors import CertificateError, FetchError
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetch_url import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authz.certs.authority import AuthorityModel
    from authz.observability.seen_certificates import SeenCertificate
    from authz.policy.model import PolicyModel, SiteModel

#: `SiteModel.scope` of the store's sites, whose authorities' names are those of one account.
STORE_SCOPE: Final = "store"

#: URLs that an authority's certificates may name: whoever issues them chooses, and a CA that splits
#: its CRL has some.
MAX_NAMED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class AuthorityId:
    """An authority of a site, by their names; for the store's authorities `site` is empty."""

    site: str
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlTarget:
    """A CRL of one of an authority's `certificates` (DER)."""

    authority: AuthorityId
    certificates: tuple[bytes, ...]
    url: str
    named_by: NamedBy = NamedBy.OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspTarget:
    """A certificate to ask about, and its issuer's, in DER.

    `url` is the operator's responder; when it is empty, the one that the certificate names is asked
    if `fetch.allowed_hosts` has its host.
    """

    authority: AuthorityId
    certificate: bytes
    issuer: bytes
    url: str = ""


Target = CrlTarget | OcspTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Everything that is to be fetched. `named` are the URLs that certificates of those authorities
    name that say so, none among them that the policy names itself."""

    crls: tuple[CrlTarget, ...] = ()
    questions: tuple[OcspTarget, ...] = ()
    named: Mapping[AuthorityId, tuple[str, ...]]
    authorities: frozenset[AuthorityId] = frozenset()

    @property
    def all(self) -> tuple[Target, ...]:
        """CRLs first: each of them is about many certificates."""
        return (*self.crls, *self.questions)


def fetches(model: PolicyModel) -> bool:
    """Whether anything is to be fetched for a policy."""
    return any(one.crl_urls or one.ocsp for _, one in _authorities(model))


def crl_targets(model: PolicyModel) -> tuple[CrlTarget, ...]:
    """The CRLs that a policy names by URL, but of authorities whose revocation is off."""
    return tuple(
        CrlTarget(authority=identity, certificates=authority.certificates, url=url)
        for identity, authority in _authorities(model)
        for url in authority.crl_urls
        if url != CRLS_OF_CERTIFICATES
    )


def targets_of(model: PolicyModel, seen: Iterable[SeenCertificate]) -> Targets:
    """What is to be fetched for a policy and the certificates that were seen."""
    by_authority: dict[tuple[str, bytes], list[SeenCertificate]] = {}
    for one in seen:
        by_authority.setdefault((one.authority, one.anchor), []).append(one)
    questions: list[OcspTarget] = []
    crls = list(crl_targets(model))
    named: dict[AuthorityId, tuple[str, ...]] = {}
    authorities = dict(_authorities(model))
    for identity, authority in authorities.items():
        anchors = (hashlib.sha256(der).digest() for der in authority.certificates)
        certificates = [
            one for anchor in anchors for one in by_authority.get((authority.name, anchor), ())
        ]
        if authority.ocsp:
            url = "" if authority.ocsp == OCSP_OF_CERTIFICATE else authority.ocsp
            questions += (
                OcspTarget(
                    authority=identity, certificate=one.certificate, issuer=one.issuer, url=url
                )
                for one in certificates
            )
        if CRLS_OF_CERTIFICATES in authority.crl_urls:
            urls = named[identity] = _named(authority, [one.certificate for one in certificates])
            crls += (
                CrlTarget(
                    authority=identity,
                    certificates=authority.certificates,
                    url=url,
                    named_by=NamedBy.CERTIFICATE,
                )
                for url in urls
            )
    return Targets(
        crls=tuple(crls),
        questions=tuple(questions),
        named=named,
        authorities=frozenset(authorities),
    )


def identity_of(site: SiteModel, authority: AuthorityModel) -> AuthorityId:
    """How what is fetched for an authority of a site is told apart."""
    name = "" if site.scope == STORE_SCOPE else site.name
    return AuthorityId(site=name, authority=authority.name)


def _authorities(model: PolicyModel) -> Iterator[tuple[AuthorityId, AuthorityModel]]:
    """Each authority whose revocations are looked at, once."""
    seen: set[AuthorityId] = set()
    for site in model.sites:
        for authority in site.trust:
            identity = identity_of(site, authority)
            if authority.revocation is not RevocationMode.OFF and identity not in seen:
                seen.add(identity)
                yield identity, authority


@lru_cache(maxsize=8192)
def _named_by(der: bytes, own: bool) -> tuple[str, ...]:
    """Where the CRLs and deltas of a certificate are, as it says, as far as such URLs are fetched:
    LDAP is not."""
    try:
        certificate = Certificate.from_der(der, allow_zero_serial=own)
        found = (*crl_urls(certificate), *delta_urls(certificate))
    except CertificateError:
        return ()
    urls: list[str] = []
    for url in found:
        with contextlib.suppress(FetchError):
            urls.append(parse_url(url).text)
    return tuple(urls)


def _named(authority: AuthorityModel, seen: Sequence[bytes]) -> tuple[str, ...]:
    """The URLs that an authority's own certificates name, and those that were seen."""
    urls: dict[str, None] = {}
    for der in authority.certificates:
        urls |= dict.fromkeys(_named_by(der, own=True))
    for der in seen:
        urls |= dict.fromkeys(_named_by(der, own=False))
    return tuple(url for url in urls if url not in authority.crl_urls)[:MAX_NAMED]
