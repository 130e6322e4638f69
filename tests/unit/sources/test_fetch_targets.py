# SPDX-License-Identifier: Apache-2.0
"""Which CRLs a policy wants."""

from __future__ import annotations

from dataclasses import replace

from authz.certs.authority import RevocationMode
from authz.policy.model import PolicyModel, SiteModel
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetch_targets import AuthorityId, CrlTarget, crl_targets
from tests.factories.pki import authority, root


def test_every_url_of_every_authority_whose_revocation_counts() -> None:
    acme = replace(authority(), crl_urls=("http://a/1", "http://a/2"))
    off = replace(acme, name="off", revocation=RevocationMode.OFF)
    model = PolicyModel(sites=(SiteModel(name="api", hosts=("*",), trust=(acme, off)),))

    assert crl_targets(model) == tuple(
        CrlTarget(
            authority=AuthorityId(site="api", authority="acme"),
            certificates=(root().der,),
            url=url,
            named_by=NamedBy.OPERATOR,
        )
        for url in acme.crl_urls
    )
