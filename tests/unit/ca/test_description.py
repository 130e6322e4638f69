# SPDX-License-Identifier: Apache-2.0
"""Certificates are described in Cloudflare's forms."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes

from authz.ca.description import describe, signature_name
from authz.certs.certificate import Certificate
from authz.demo.keys import KeyKind
from authz.demo.pki import make_root
from tests.factories.issuing import issue_client, openssl
from tests.factories.pki import AT, fixed_key


def test_a_certificate_is_described() -> None:
    certificate = issue_client().certificate
    facts = describe(certificate)
    said = openssl(
        *("x509", "-noout", "-serial", "-fingerprint", "-sha256"),
        *("-ext", "subjectKeyIdentifier"),
        stdin=facts.pem.encode(),
    ).replace(":", "")

    assert f"serial={facts.serial_hex.upper()}" in said
    assert facts.fingerprint_sha256.upper() in said
    assert facts.ski.upper() in said
    assert int(facts.serial_hex, 16) == facts.serial_number
    assert (facts.subject, facts.issuer) == ("CN=alice", "CN=Acme Issuing CA")
    assert facts.signature == "ECDSAWithSHA256"
    assert facts.key == "P-256"
    assert (facts.not_before, facts.not_after) == (
        certificate.not_before_at,
        certificate.not_after_at,
    )


@pytest.mark.parametrize(
    ("kind", "digest", "name"),
    [
        (KeyKind.RSA2048, hashes.SHA256(), "SHA256WithRSA"),
        (KeyKind.RSA2048, hashes.SHA384(), "SHA384WithRSA"),
        (KeyKind.RSA2048, hashes.SHA512(), "SHA512WithRSA"),
        (KeyKind.P256, hashes.SHA384(), "ECDSAWithSHA384"),
        (KeyKind.P521, hashes.SHA512(), "ECDSAWithSHA512"),
        (KeyKind.ED25519, None, "1.3.101.112"),
    ],
)
def test_signatures_have_cloudflares_names(
    kind: KeyKind, digest: hashes.SHA256 | None, name: str
) -> None:
    made = make_root("x", at=AT, key=fixed_key("x", kind), hash_algorithm=digest)

    assert signature_name(Certificate.from_der(made.der)) == name
