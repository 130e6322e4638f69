# SPDX-License-Identifier: Apache-2.0
"""Certificate vectors about CRLs that are split over distribution points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.factories.pki import AT, DAY
from tests.vectors.certificate_cases import Case, Pki, case

if TYPE_CHECKING:
    from authz.demo.pki import Issued

_RDN = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "part 1")])


@case("RFC 5280 §6.3.3 (b) (2)")
def partition__of_the_certificate(pki: Pki) -> Case:
    """The CRL of the distribution point that the certificate names."""
    return pki.case(_client(pki, "1"), crls=[pki.root.crl([4711], scope=_part("1"))])


@case("RFC 5280 §6.3.3 (b) (2)")
def partition__listed(pki: Pki) -> Case:
    """Revoked by the CRL of its distribution point."""
    alice = _client(pki, "1")
    return pki.case(alice, revoked=True, crls=[pki.root.crl([alice.serial], scope=_part("1"))])


@case("RFC 5280 §6.3.3 (b) (2)")
def partition__one_of_several_names(pki: Pki) -> Case:
    """One name in common is enough: the others are other ways to the same CRL."""
    return pki.case(_client(pki, "a", "1"), crls=[pki.root.crl(scope=_part("1", "b"))])


@case("RFC 5280 §6.3.3 (b) (2)")
def partition__missing(pki: Pki) -> Case:
    """Strict: the CRL of another distribution point says nothing about this certificate."""
    crls = [pki.root.crl(scope=_part("1"))]
    return pki.case(_client(pki, "2"), failure="crl_stale", crls=crls)


@case("architecture 4.11")
def partition__missing_soft(pki: Pki) -> Case:
    """Soft: what is missing is left out."""
    crls = [pki.root.crl(scope=_part("1"))]
    return pki.case(_client(pki, "2"), crls=crls, revocation="soft", openssl=False)


@case("RFC 5280 §6.3.3 (b) (2)")
def partition__certificate_without_a_point(pki: Pki) -> Case:
    """A certificate that names no distribution point is in none of the parts."""
    crls = [pki.root.crl(scope=_part("1"))]
    return pki.case(pki.client(), failure="crl_stale", crls=crls)


@case("RFC 5280 §6.3.3 (b) (2)")
def partition__names_in_another_case(pki: Pki) -> Case:
    """Names are compared byte by byte."""
    crls = [pki.root.crl(scope=_part("PART"))]
    return pki.case(_client(pki, "part"), failure="crl_stale", crls=crls)


@case("RFC 5280 §5.2.5")
def partition__whole_crl_besides(pki: Pki) -> Case:
    """A CRL without a distribution point covers every certificate."""
    crls = [pki.root.crl(), pki.root.crl(scope=_part("1"))]
    return pki.case(_client(pki, "2"), crls=crls)


@case("architecture 4.11")
def partition__another_one_is_stale(pki: Pki) -> Case:
    """A stale part leaves the certificates of the others alone."""
    stale = pki.root.crl(scope=_part("2"), this_update=AT - 9 * DAY, next_update=AT - 1)
    return pki.case(_client(pki, "1"), crls=[pki.root.crl(scope=_part("1")), stale])


@case("RFC 5280 §5.1.2.5")
def partition__stale(pki: Pki) -> Case:
    """The part of the certificate is stale, another one is not."""
    stale = pki.root.crl(scope=_part("1"), this_update=AT - 9 * DAY, next_update=AT - 1)
    crls = [stale, pki.root.crl(scope=_part("2"))]
    return pki.case(_client(pki, "1"), failure="crl_stale", crls=crls)


@case("architecture 4.11")
def partition__listed_in_another_one(pki: Pki) -> Case:
    """A serial number is the issuer's: whatever part lists it, it is revoked."""
    alice = _client(pki, "1")
    crls = [pki.root.crl(scope=_part("1")), pki.root.crl([alice.serial], scope=_part("2"))]
    return pki.case(alice, revoked=True, crls=crls, differs="OpenSSL looks at one part only")


@case("RFC 5280 §5.2.4")
def partition__delta(pki: Pki) -> Case:
    """A delta belongs to the part whose distribution point it names."""
    alice = _client(pki, "1")
    crls = [
        pki.root.crl(number=5, scope=_part("1")),
        pki.root.crl([alice.serial], number=6, base_number=5, scope=_part("1")),
    ]
    return pki.case(alice, revoked=True, crls=crls, openssl=False)


@case("RFC 5280 §5.2.4")
def partition__delta_of_another_one(pki: Pki) -> Case:
    """A delta of another part restores nobody."""
    alice = _client(pki, "1")
    crls = [
        pki.root.crl([alice.serial], number=5, scope=_part("1")),
        pki.root.crl(number=5, scope=_part("2")),
        pki.root.crl(removed=[alice.serial], number=6, base_number=5, scope=_part("2")),
    ]
    return pki.case(alice, revoked=True, crls=crls, openssl=False)


@case("RFC 5280 §4.2.1.13")
def partition__relative_name(pki: Pki) -> Case:
    """A name relative to the issuer is the whole name."""
    points = x509.CRLDistributionPoints([x509.DistributionPoint(None, _RDN, None, None)])
    alice = pki.client(extensions=[(points, False)])
    whole = x509.DirectoryName(x509.Name([*pki.root.subject.rdns, _RDN]))
    return pki.case(alice, crls=[pki.root.crl(scope=_scope([whole]))])


@case("RFC 5280 §4.2.1.13")
def partition__point_for_some_reasons(pki: Pki) -> Case:
    """A distribution point for some reasons only does not answer for the others."""
    reasons = frozenset({x509.ReasonFlags.key_compromise})
    point = x509.DistributionPoint([_uri("1")], None, reasons, None)
    alice = pki.client(extensions=[(x509.CRLDistributionPoints([point]), False)])
    crls = [pki.root.crl(scope=_part("1"))]
    return pki.case(alice, failure="crl_stale", crls=crls)


@case("RFC 5280 §6.3.3 (b) (2)")
def partition__of_the_intermediate(pki: Pki) -> Case:
    """The part that an intermediate is in is missing."""
    points = x509.CRLDistributionPoints([x509.DistributionPoint([_uri("2")], None, None, None)])
    ca = pki.intermediate(extensions=[(points, False)])
    crls = [pki.root.crl(scope=_part("1"))]
    return pki.case(pki.client(ca), ca, failure="crl_stale", crls=crls)


def _client(pki: Pki, *names: str) -> Issued:
    point = x509.DistributionPoint([_uri(name) for name in names], None, None, None)
    return pki.client(extensions=[(x509.CRLDistributionPoints([point]), False)])


def _part(*names: str) -> x509.IssuingDistributionPoint:
    return _scope([_uri(name) for name in names])


def _uri(name: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(f"http://crl.example/{name}.crl")


def _scope(names: list[x509.GeneralName]) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=names,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
