# SPDX-License-Identifier: Apache-2.0
"""What is to be fetched, and for whom. Data only.

CRLs are named by the policy. Which certificates to ask an OCSP responder about is known to whoever
issued or saw them; the check path is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.authority import RevocationMode
from authz.sources.fetch_hosts import NamedBy

if TYPE_CHECKING:
    from authz.policy.model import PolicyModel


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


def crl_targets(model: PolicyModel) -> tuple[CrlTarget, ...]:
    """The CRLs that a policy names by URL, but of authorities whose revocation is off."""
    return tuple(
        CrlTarget(
            authority=AuthorityId(site=site.name, authority=authority.name),
            certificates=authority.certificates,
            url=url,
        )
        for site in model.sites
        for authority in site.trust
        if authority.revocation is not RevocationMode.OFF
        for url in authority.crl_urls
    )
