# SPDX-License-Identifier: Apache-2.0
"""The written certificate says what it was to say, as another reader reads it."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import ExtendedKeyUsageOID

from authz.ca.issuance import CertificateRequest, PublicationUrls, issue, prepare
from authz.ca.keys import generate_key
from authz.ca.names import AlternativeNames, Subject
from authz.ca.profiles import CLIENT, INTERMEDIATE, OCSP, Profile
from tests.factories.issuing import URLS, issuing, root
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.certs.certificate import Certificate


def _issued(
    profile: Profile,
    *,
    names: AlternativeNames | None = None,
    subject: Subject | None = None,
    urls: PublicationUrls | None = None,
) -> Certificate:
    request = CertificateRequest(
        subject=Subject.of("alice", organization="Acme") if subject is None else subject,
        spki=generate_key().spki,
        names=names or AlternativeNames(),
    )
    above = root() if profile.is_ca else issuing()
    prepared = prepare(
        request, profile=profile, issuer=above.certificate, at=AT, urls=urls, serial=2**158 + 5
    )
    return issue(prepared, above.signer)


def test_a_client_certificate() -> None:
    names = AlternativeNames(
        dns=("a.example",), uri=("spiffe://a/b",), email=("a@b.example",), ip=("10.0.0.1",)
    )
    certificate = _issued(CLIENT, names=names, urls=URLS)
    read = [(one.value, one.critical) for one in certificate.parsed.extensions]

    assert certificate.parsed.version is x509.Version.v3
    assert certificate.serial_number == 2**158 + 5
    assert certificate.subject_dn == "CN=alice,O=Acme"
    assert certificate.issuer_raw == issuing().certificate.subject_raw
    assert read[0] == (x509.BasicConstraints(ca=False, path_length=None), True)
    assert isinstance(read[1][0], x509.KeyUsage)
    assert read[1][0].digital_signature
    assert not read[1][0].key_cert_sign
    assert read[1][1]
    assert read[2:4] == [
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("a.example"),
                    x509.UniformResourceIdentifier("spiffe://a/b"),
                    x509.RFC822Name("a@b.example"),
                    x509.IPAddress(ipaddress.ip_address("10.0.0.1")),
                ]
            ),
            False,
        ),
    ]
    own = x509.SubjectKeyIdentifier.from_public_key(certificate.parsed.public_key())  # type: ignore[arg-type]  # EC
    assert read[4] == (own, False)
    assert certificate.authority_key_id == issuing().certificate.ski
    ocsp, issuers = URLS.ocsp[0], URLS.issuer[0]
    assert read[6] == (
        x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(Access.OCSP, x509.UniformResourceIdentifier(ocsp)),
                x509.AccessDescription(Access.CA_ISSUERS, x509.UniformResourceIdentifier(issuers)),
            ]
        ),
        False,
    )
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(URLS.crl[0])], None, None, None)
    assert read[7:] == [(x509.CRLDistributionPoints([point]), False)]


def test_without_addresses_and_names_there_are_no_such_extensions() -> None:
    oids = [one.oid._name for one in _issued(CLIENT).parsed.extensions]

    assert oids == [
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
    ]


def test_without_a_subject_the_alternative_name_is_critical() -> None:
    certificate = _issued(CLIENT, subject=Subject(), names=AlternativeNames(dns=("a.example",)))

    assert certificate.is_critical(x509.SubjectAlternativeName)
    assert certificate.subject_raw == b"\x30\x00"


@pytest.mark.parametrize("path_length", [None, 0, 3])
def test_an_authority(path_length: int | None) -> None:
    certificate = _issued(replace(INTERMEDIATE, path_length=path_length))
    usage = certificate.extension(x509.KeyUsage)

    assert certificate.extension(x509.BasicConstraints) == x509.BasicConstraints(
        ca=True, path_length=path_length
    )
    assert usage is not None
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert certificate.extension(x509.ExtendedKeyUsage) is None


def test_a_responder_is_not_asked_about() -> None:
    certificate = _issued(OCSP)

    assert certificate.extension(x509.OCSPNoCheck) is not None
    assert certificate.extension(x509.ExtendedKeyUsage) == x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.OCSP_SIGNING]
    )
