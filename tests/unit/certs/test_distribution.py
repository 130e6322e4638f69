# SPDX-License-Identifier: Apache-2.0
"""What certificates and CRLs say about where more can be found."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from authz.certs.certificate import Certificate
from authz.certs.distribution import (
    crl_urls,
    delta_urls,
    delta_urls_of_crl,
    issuer_urls,
    ocsp_urls,
    point_names,
    scope_names,
)
from authz.errors import MalformedCertificateError
from tests.factories.pki import root

URI = x509.UniformResourceIdentifier
RDN = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "part 1")])


def point(
    *names: x509.GeneralName,
    relative: x509.RelativeDistinguishedName | None = None,
    reasons: frozenset[x509.ReasonFlags] | None = None,
    issuer: x509.Name | None = None,
) -> x509.DistributionPoint:
    issuers = None if issuer is None else [x509.DirectoryName(issuer)]
    return x509.DistributionPoint(list(names) or None, relative, reasons, issuers)


def certificate(*extensions: x509.ExtensionType) -> Certificate:
    made = root().client("alice", extensions=[(one, False) for one in extensions])
    return Certificate.from_der(made.der)


def test_urls_in_their_order_each_once() -> None:
    one = certificate(
        x509.CRLDistributionPoints(
            [
                point(URI("http://a/1"), x509.DirectoryName(root().subject), URI("ldap://b/")),
                point(relative=RDN),
                point(URI("http://a/1"), URI("http://a/2")),
            ]
        ),
        x509.FreshestCRL([point(URI("http://a/delta"))]),
    )

    assert crl_urls(one) == ("http://a/1", "ldap://b/", "http://a/2")
    assert delta_urls(one) == ("http://a/delta",)


def test_access_descriptions() -> None:
    described = [
        (AuthorityInformationAccessOID.OCSP, URI("http://a/ocsp")),
        (AuthorityInformationAccessOID.OCSP, x509.DNSName("a")),
        (AuthorityInformationAccessOID.CA_ISSUERS, URI("http://a/ca.cer")),
    ]
    one = certificate(
        x509.AuthorityInformationAccess([x509.AccessDescription(*each) for each in described])
    )

    assert ocsp_urls(one) == ("http://a/ocsp",)
    assert issuer_urls(one) == ("http://a/ca.cer",)


def test_who_says_nothing() -> None:
    one = certificate()

    assert crl_urls(one) == delta_urls(one) == ocsp_urls(one) == issuer_urls(one) == ()
    assert point_names(one) == scope_names(None, root().subject) == frozenset()


def test_the_deltas_of_a_crl() -> None:
    freshest = x509.FreshestCRL([point(URI("http://a/delta"))])

    assert delta_urls_of_crl(root().crl(extensions=[(freshest, False)]).der) == ("http://a/delta",)
    assert delta_urls_of_crl(root().crl().der) == ()
    with pytest.raises(MalformedCertificateError):
        delta_urls_of_crl(b"x")


def scope(
    *names: x509.GeneralName, relative: x509.RelativeDistinguishedName | None = None
) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=list(names) or None,
        relative_name=relative,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


@pytest.mark.parametrize(
    ("named", "of_crl", "same"),
    [
        (point(URI("http://a/1")), scope(URI("http://a/1")), True),
        (point(URI("http://a/1"), URI("http://b/")), scope(URI("http://b/")), True),
        (point(URI("http://a/1")), scope(URI("http://a/2")), False),
        (point(URI("http://a/1")), scope(URI("http://A/1")), False),
        (point(relative=RDN), scope(relative=RDN), True),
        (
            point(relative=RDN),
            scope(x509.DirectoryName(x509.Name([*root().subject.rdns, RDN]))),
            True,
        ),
        (point(x509.DNSName("http://a/1")), scope(URI("http://a/1")), False),
        (point(issuer=root().subject), scope(x509.DirectoryName(root().subject)), True),
        (
            point(
                URI("http://a/1"),
                reasons=frozenset({x509.ReasonFlags.key_compromise}),
                issuer=root().subject,
            ),
            scope(URI("http://a/1")),
            False,
        ),
    ],
)
def test_a_point_is_that_of_a_crl(
    named: x509.DistributionPoint, of_crl: x509.IssuingDistributionPoint, same: bool
) -> None:
    one = certificate(x509.CRLDistributionPoints([named]))

    found = point_names(one) & scope_names(of_crl, root().subject)

    assert bool(found) is same
