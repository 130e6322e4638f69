# SPDX-License-Identifier: Apache-2.0
"""Which secrets there are: never an empty bundle, CRLs all or none, versions by content."""

from __future__ import annotations

import pytest

from authz.certs.nobody import nobody_certificate
from authz.pb import secret_pb2 as pb
from authz.sds.material import Bundle, Site, TrustMaterial
from authz.sds.secrets import SecretKind
from tests.factories.pki import AT, DAY, intermediate, root
from tests.factories.trust_material import bundle, crls, material, of, secrets

OTHER = root("Other CA")
ROOT_CRL = root().crl().der
ISSUING_CRL = intermediate().crl().der


def test_each_site_has_a_secret_of_its_own_and_all_have_one_together() -> None:
    found = secrets(material(a=of(root(), intermediate()), b=of(OTHER, name="other")))

    assert found.names() == ("trust", "trust/a", "trust/b")
    assert bundle(found.secret("trust/a")) == (root().der, intermediate().der)
    assert bundle(found.secret("trust/b")) == (OTHER.der,)
    assert bundle(found.secret("trust")) == (root().der, intermediate().der, OTHER.der)
    assert {found.kind(name) for name in found.names()} == {SecretKind.TRUST}
    assert pb.Secret.FromString(found.secret("trust/a").data).name == "trust/a"


def test_pem_has_lines_of_64_characters() -> None:
    """RFC 7468 section 2."""
    context = pb.Secret.FromString(secrets().secret("trust").data).validation_context
    begin, *lines, last, end = context.trusted_ca.inline_bytes.decode().splitlines()

    assert (begin, end) == ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
    assert {len(line) for line in lines} == {64}
    assert 0 < len(last) <= 64


@pytest.mark.parametrize(
    ("given", "name", "why"),
    [
        (material(api=of(), open=()), "trust/open", "the site trusts no authority"),
        (material(open=()), "trust", "no site trusts anybody"),
        (TrustMaterial(), "trust", "no site trusts anybody"),
        (material(api=of()), "trust/nobody-has-this-name", "no site has this name"),
        (material(api=of()), "api", "no site has this name"),
        (material(api=of()), "*", "no site has this name"),
        (material(api=of()), "", "no site has this name"),
    ],
)
def test_nothing_to_trust_is_a_bundle_that_nobody_can_satisfy(
    given: TrustMaterial, name: str, why: str
) -> None:
    """Envoy would ask for no certificate at all with an empty one."""
    for with_crls in (True, False):
        secret = secrets(given, crls=with_crls).secret(name)

        assert bundle(secret) == (nobody_certificate(),)
        assert crls(secret) == ()
        assert (secret.name, secret.kind, secret.why) == (name, SecretKind.NOBODY, why)


def test_a_site_without_authorities_takes_nothing_from_the_others() -> None:
    assert bundle(secrets(material(api=of(), open=())).secret("trust")) == (root().der,)


def test_crls_are_only_sent_when_they_are_wanted() -> None:
    given = material(api=of(root(), crls=(ROOT_CRL,)))

    assert crls(secrets(given).secret("trust")) == ()
    assert crls(secrets(given, crls=True).secret("trust")) == (ROOT_CRL,)
    assert secrets(given, crls=True).kind("trust") is SecretKind.TRUST


def test_every_ca_of_a_bundle_needs_a_crl() -> None:
    chain = (root(), intermediate())
    whole = secrets(material(api=of(*chain, crls=(ISSUING_CRL, ROOT_CRL))), crls=True)
    partly = secrets(material(api=of(*chain, crls=(ROOT_CRL,))), crls=True)

    assert crls(whole.secret("trust/api")) == (ROOT_CRL, ISSUING_CRL)
    secret = partly.secret("trust/api")
    assert crls(secret) == ()
    assert bundle(secret) == (root().der, intermediate().der)
    assert secret.kind is SecretKind.WITHOUT_CRLS
    assert secret.why == "there is no complete and current CRL of 'CN=Test Issuing CA'"


def test_a_site_without_crls_keeps_its_neighbours_from_none_but_the_common_secret() -> None:
    given = material(a=of(root(), crls=(ROOT_CRL,)), b=of(OTHER, name="other"))
    found = secrets(given, crls=True)

    assert crls(found.secret("trust/a")) == (ROOT_CRL,)
    assert found.kind("trust/b") is SecretKind.WITHOUT_CRLS
    assert found.kind("trust") is SecretKind.WITHOUT_CRLS
    assert crls(found.secret("trust")) == ()


@pytest.mark.parametrize(
    ("crl", "current"),
    [
        (root().crl(this_update=AT, next_update=AT + 1).der, True),
        (root().crl(this_update=AT + 1, next_update=AT + DAY).der, False),
        (root().crl(this_update=AT - DAY, next_update=AT).der, False),
        (root().crl(number=2, base_number=1).der, False),
    ],
    ids=["in time", "not yet", "no longer", "a delta"],
)
def test_a_crl_must_be_complete_and_in_time(crl: bytes, current: bool) -> None:
    found = secrets(material(api=of(root(), crls=(crl,))), crls=True).secret("trust")

    assert crls(found) == ((crl,) if current else ())


def test_of_several_the_latest_is_sent() -> None:
    older = root().crl(number=1, this_update=AT - 7200).der
    newer = root().crl(number=2, this_update=AT - 3600).der

    for given in ((older, newer), (newer, older)):
        found = secrets(material(api=of(root(), crls=given)), crls=True)
        assert crls(found.secret("trust")) == (newer,)


def test_an_anchor_that_another_ca_issued_goes_without_crls() -> None:
    """Envoy looks the anchor up as well, in a CRL of a CA that is not in the bundle."""
    found = secrets(material(api=of(intermediate(), crls=(ISSUING_CRL,))), crls=True)

    secret = found.secret("trust/api")
    assert crls(secret) == ()
    assert secret.why == (
        "'CN=Test Issuing CA' is an anchor that another CA issued, which is not there"
    )


def test_a_certificate_that_cannot_be_read_is_envoys_to_refuse() -> None:
    broken = TrustMaterial(
        certificates=(b"0",),
        bundles=(Bundle(certificates=(0,), crls=()),),
        sites=(Site(name="api", bundle=0),),
    )

    secret = secrets(broken, crls=True).secret("trust/api")
    assert bundle(secret) == (b"0",)
    assert secret.why.startswith("a certificate cannot be read: ")


def test_a_version_is_that_of_the_content() -> None:
    first = secrets(material(a=of(), b=of(OTHER, name="other")), 1)
    again = secrets(material(a=of(), b=of(root("Third CA"), name="third")), 2)

    assert first.secret("trust/a").version == again.version("trust/a") == first.version("trust/a")
    assert first.version("trust/b") != again.version("trust/b")
    assert first.version("trust") != again.version("trust")
    with_crl = secrets(material(a=of(root(), crls=(ROOT_CRL,))), crls=True)
    assert with_crl.version("trust/a") != first.version("trust/a")


def test_an_existing_secret_is_made_once_and_others_are_not_kept() -> None:
    found = secrets()

    assert found.secret("trust/api") is found.secret("trust/api")
    assert found.secret("trust/other") == found.secret("trust/other")
    assert found.secret("trust/other") is not found.secret("trust/other")
