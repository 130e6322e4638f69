# SPDX-License-Identifier: Apache-2.0
"""Trust material: what is taken from a policy, once each, and the bytes it becomes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest
from cryptography import x509

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.errors import CertificateError, PolicyError
from authz.sds.material import Bundle, Site, TrustMaterial, material_of
from tests.factories.pki import AT, DAY, intermediate, root
from tests.factories.trust_material import material, of, policy


def test_every_site_has_the_certificates_of_its_authorities() -> None:
    found = material(api=(of(root(), intermediate()), of(root("Other CA"), name="other")), open=())

    assert found.certificates == (root().der, intermediate().der, root("Other CA").der)
    assert [site.name for site in found.sites] == ["api", "open"]
    assert [found.bundles[site.bundle].certificates for site in found.sites] == [(0, 1, 2), ()]


def test_what_sites_share_is_there_once() -> None:
    shared = of(root(), crls=(root().crl().der,))

    found = material(a=shared, b=shared, c=of(root(), crls=(root().crl().der,)))

    assert len(found.certificates) == len(found.crls) == len(found.bundles) == 1
    assert {site.bundle for site in found.sites} == {0}


def test_a_crl_says_whose_it_is_and_until_when() -> None:
    found = material(api=of(root(), crls=(root().crl(next_update=AT + DAY).der,)))

    (crl,) = found.crls
    assert crl.der == root().crl(next_update=AT + DAY).der
    assert crl.issuer == "CN=Test Root CA"
    assert crl.issuer_key == hashlib.sha256(Certificate.from_der(root().der).spki).digest()
    assert (crl.this_update, crl.next_update) == (AT - 3600, AT + DAY)
    assert crl.is_complete


def test_deltas_and_partitions_are_not_complete() -> None:
    partition = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("http://crl.example/1.crl")],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    delta = root().crl(number=2, base_number=1).der

    found = material(api=of(root(), crls=(delta, root().crl(scope=partition).der)))

    assert [crl.is_complete for crl in found.crls] == [False, False]


def test_a_crl_that_was_read_is_not_read_again() -> None:
    der = root().crl().der
    read = read_crl(der, [Certificate.from_der(root().der)], where="")
    marked = replace(read, issuer="CN=as it was read")

    found = material(api=replace(of(root(), crls=(der,)), read_crls=(marked,)))

    assert found.crls[0].issuer == "CN=as it was read"


def test_crls_are_left_out_where_nobody_sends_them() -> None:
    model = policy(api=of(root(), crls=(root().crl().der,)))

    assert material_of(model, crls=False).crls == ()
    assert material_of(model, crls=False).bundles == (Bundle(certificates=(0,), crls=()),)


def test_a_crl_of_somebody_else_is_an_error() -> None:
    with pytest.raises(CertificateError):
        material(api=of(root(), crls=(root("Other CA").crl().der,)))


def test_material_survives_as_bytes_and_equal_material_is_equal_bytes() -> None:
    model = policy(a=of(root(), intermediate(), crls=(root().crl().der,)), b=())

    found = material_of(model)

    assert TrustMaterial.decode(found.encode()) == found
    assert material_of(model).encode() == found.encode()
    assert TrustMaterial.decode(TrustMaterial().encode()) == TrustMaterial()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        msgspec.msgpack.encode([1, [b"der"], [], [], [["a", "b"]]]),
        TrustMaterial(version=2).encode(),
        TrustMaterial(sites=(Site(name="a", bundle=0),)).encode(),
        TrustMaterial(bundles=(Bundle(certificates=(0,), crls=()),)).encode(),
        TrustMaterial(bundles=(Bundle(certificates=(), crls=(-1,)),)).encode(),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(PolicyError, match="no trust material"):
        TrustMaterial.decode(data)
