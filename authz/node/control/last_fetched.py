# SPDX-License-Identifier: Apache-2.0
"""What was enforced last, with what was fetched since: while the store is away, or the rest of what
it says cannot be enforced.

Nodes go on fetching then (ADR-0040), and a CRL that revokes somebody must not wait for a database.
Nothing that was known is given up for it: a CRL stays until one is there that takes its place
(`sources.crl_succession`), and an answer until there is a newer one about its certificate. So a
file that is gone, or has less in it than before, makes nobody good.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.crl import read_crl
from authz.certs.trust import read_certificates
from authz.errors import CertificateError
from authz.services.model import SCOPE
from authz.sources.crl_succession import head_of, replaces
from authz.sources.fetch_targets import AuthorityId
from authz.sources.policy_trust import packed_where_large

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from authz.certs.authority import AuthorityModel, CrlModel, OcspStatus
    from authz.policy.model import PolicyModel
    from authz.services.model import StoreModel
    from authz.sources.crl_succession import CrlHead
    from authz.sources.fetched_trust import FetchedTrust


def with_fetched(built: StoreModel, fetched: FetchedTrust, at: float) -> StoreModel | None:
    """What was built last with what is fetched by now, None when that is no news.

    Args:
        at: Unix time, by which a CRL is out of date.
    """
    fetched.begin()
    seen: dict[int, AuthorityModel] = {}
    for site in built.model.sites:
        for one in site.trust:
            if id(one) not in seen:
                seen[id(one)] = _with_fetched(one, fetched, at) if site.scope == SCOPE else one
    model = with_authorities(built.model, seen)
    return None if model is built.model else replace(built, model=model)


def with_authorities(model: PolicyModel, now: dict[int, AuthorityModel]) -> PolicyModel:
    """The model with others in place of some authorities, which are known by their identity; those
    that are not there at all go. The same object when nothing changed."""
    trusts: dict[int, tuple[AuthorityModel, ...]] = {}
    for site in model.sites:
        if id(site.trust) not in trusts:
            trust = tuple(now[id(one)] for one in site.trust if id(one) in now)
            same = len(trust) == len(site.trust) and all(map(_is, trust, site.trust))
            trusts[id(site.trust)] = site.trust if same else trust
    if all(trusts[id(site.trust)] is site.trust for site in model.sites):
        return model
    return replace(
        model, sites=tuple(replace(site, trust=trusts[id(site.trust)]) for site in model.sites)
    )


def _is(one: object, other: object) -> bool:
    return one is other


def _with_fetched(model: AuthorityModel, fetched: FetchedTrust, at: float) -> AuthorityModel:
    if not model.crl_urls and not model.ocsp:
        return model
    identity = AuthorityId(site="", authority=model.name)
    added = fetched.add(replace(model, crls=()), identity, model)
    there = set(added.model.crls)
    statuses = _newest(model.ocsp_statuses, added.model.ocsp_statuses)
    news = [der for der in added.model.crls if der not in model.crls]
    # A URL that nothing is there of any more has its CRL among those that are kept.
    was_missing = max(0, model.crl_sources_configured - len(model.crls))
    missing = min(was_missing, len(added.missing))
    if not news and missing == was_missing and statuses == model.ocsp_statuses:
        return model
    read = {} if added.earlier is None else {one.sha256: one for one in added.earlier.read_crls}
    crls = (*_kept(model, news, there, read.values(), at), *news)
    made = replace(
        model,
        crls=crls,
        read_crls=(),
        crl_sources_configured=len(crls) + missing,
        ocsp_statuses=statuses,
    )
    return packed_where_large(made, added.earlier)


def _kept(
    model: AuthorityModel,
    news: Iterable[bytes],
    there: Collection[bytes],
    read: Iterable[CrlModel],
    at: float,
) -> Iterable[bytes]:
    """The CRLs of before that are `there` still, or that none of the new ones replaces."""
    certificates = read_certificates(model)
    known = {one.sha256: one for one in read}

    def of(der: bytes) -> CrlHead:
        one = known.get(hashlib.sha256(der).digest())
        return head_of(one or read_crl(der, certificates, where=model.where))

    # One that is dated ahead is in force for nobody yet.
    newer = [one for one in map(of, news) if one.this_update <= at]
    for der in model.crls:
        if der in there:
            yield der
            continue
        try:
            one = of(der)
        except CertificateError:
            continue
        if not any(replaces(other, one, at) for other in newer):
            yield der


def _newest(before: tuple[OcspStatus, ...], now: tuple[OcspStatus, ...]) -> tuple[OcspStatus, ...]:
    """The newest answer about each certificate; of two of one moment, the one that revokes."""
    newest = {(one.issuer, one.serial): one for one in before}
    for one in now:
        known = newest.get((one.issuer, one.serial))
        if known is None or (one.this_update, one.revoked) > (known.this_update, known.revoked):
            newest[one.issuer, one.serial] = one
    return tuple(newest.values())
