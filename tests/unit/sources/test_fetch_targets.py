# SPDX-License-Identifier: Apache-2.0
"""What is wanted for a policy and the certificates that were seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from authz.certs.authority import CRLS_OF_CERTIFICATES, AuthorityModel, RevocationMode
from authz.observability.seen_certificates import SeenCertificate
from authz.policy.model import PolicyModel, SiteModel
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetch_targets import (
    MAX_NAMED,
    STORE_SCOPE,
    AuthorityId,
    CrlTarget,
    OcspTarget,
    crl_targets,
    fetches,
    targets_of,
)
from tests.factories.pki import authority, root

if TYPE_CHECKING:
    from authz.demo.pki import Issued


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


def seen(leaf: Issued, issuer: Issued, anchor: Issued, authority: str = "acme") -> SeenCertificate:
    return SeenCertificate(
        certificate=leaf.der,
        issuer=issuer.der,
        anchor=bytes.fromhex(anchor.fingerprint),
        authority=authority,
    )


def naming(*urls: str) -> tuple[x509.ExtensionType, bool]:
    """A CRLDistributionPoints extension."""
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    point = x509.DistributionPoint(
        full_name=names, relative_name=None, reasons=None, crl_issuer=None
    )
    return x509.CRLDistributionPoints([point]), False


def model(*trust: AuthorityModel, site: str = "api", scope: str = "") -> PolicyModel:
    return PolicyModel(sites=(SiteModel(name=site, hosts=("*",), trust=trust, scope=scope),))


ALICE = root().client("alice")
API = AuthorityId(site="api", authority="acme")


@pytest.mark.parametrize(
    ("ocsp", "url"), [("certificate", ""), ("http://ocsp.example/", "http://ocsp.example/")]
)
def test_a_certificate_that_was_seen_is_asked_about(ocsp: str, url: str) -> None:
    targets = targets_of(model(replace(authority(), ocsp=ocsp)), [seen(ALICE, root(), root())])

    question = OcspTarget(authority=API, certificate=ALICE.der, issuer=root().der, url=url)
    assert targets.questions == targets.all == (question,)
    assert targets.authorities == {API}


def test_nobody_else_is_told_of_a_certificate() -> None:
    other = root("Other Root CA")
    same_name = replace(authority(other), ocsp="certificate")
    same_anchor = replace(authority(), name="another", ocsp="certificate")
    off = replace(authority(), ocsp="certificate", revocation=RevocationMode.OFF)
    for one in (same_name, same_anchor, off, authority()):
        assert targets_of(model(one), [seen(ALICE, root(), root())]).all == ()


def test_the_crls_that_certificates_name() -> None:
    """Those of the authority's own certificates and of seen ones, none that it names itself, and
    only what is fetched."""
    ca = root().intermediate(extensions=[naming("http://crl.example/root")])
    alice = ca.client(
        "alice",
        extensions=[
            naming("ldap://crl.example/a", "http://crl.example/a", "http://crl.example/own"),
            (x509.FreshestCRL(naming("http://crl.example/delta")[0]), False),  # type: ignore[arg-type]  # an iterable of points
        ],
    )
    acme = replace(authority(root(), ca), crl_urls=("http://crl.example/own", CRLS_OF_CERTIFICATES))

    targets = targets_of(model(acme), [seen(alice, ca, root())])

    named = ("http://crl.example/root", "http://crl.example/a", "http://crl.example/delta")
    assert targets.named == {API: named}
    assert [(one.url, one.named_by) for one in targets.crls] == [
        ("http://crl.example/own", NamedBy.OPERATOR),
        *((url, NamedBy.CERTIFICATE) for url in named),
    ]
    assert {one.certificates for one in targets.crls} == {acme.certificates}


def test_certificates_name_so_many_urls_at_most() -> None:
    urls = [f"http://crl.example/{n}" for n in range(MAX_NAMED + 1)]
    alice = root().client("alice", extensions=[naming(*urls)])
    acme = replace(authority(), crl_urls=(CRLS_OF_CERTIFICATES,))

    targets = targets_of(model(acme), [seen(alice, root(), root())])

    assert targets.named == {API: tuple(urls[:MAX_NAMED])}


def test_what_cannot_be_read_names_nothing() -> None:
    acme = replace(authority(), certificates=(b"none",), crl_urls=(CRLS_OF_CERTIFICATES,))
    assert targets_of(model(acme), []).named == {API: ()}


def test_an_authority_of_the_store_is_one_for_all_its_sites() -> None:
    acme = replace(authority(), crl_urls=("http://a/1",))
    sites = (*model(acme, site="a", scope=STORE_SCOPE).sites, *model(acme, scope=STORE_SCOPE).sites)
    both = PolicyModel(sites=(*sites, *model(acme).sites))

    assert [one.authority for one in crl_targets(both)] == [
        AuthorityId(site="", authority="acme"),
        API,
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"crl_urls": ("http://a/1",)}, True),
        ({"crl_urls": (CRLS_OF_CERTIFICATES,)}, True),
        ({"ocsp": "certificate"}, True),
        ({"ocsp": "certificate", "revocation": RevocationMode.OFF}, False),
    ],
)
def test_whether_there_is_anything_to_fetch(changes: dict[str, Any], expected: bool) -> None:
    assert fetches(model(replace(authority(), **changes))) is expected
