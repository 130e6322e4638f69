# SPDX-License-Identifier: Apache-2.0
"""What is handed out is read by openssl and by browsers' formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12 as library

from authz.ca.bundle import pem_bundle, pkcs12
from authz.ca.keys import load_key
from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem
from authz.demo.keys import KeyKind
from authz.demo.keys import key_pem as pem_of
from authz.errors import InvalidRequestError
from tests.factories.issuing import issue_client, issuing, openssl
from tests.factories.pki import fixed_key, root

if TYPE_CHECKING:
    from pathlib import Path


def test_a_bundle_is_what_a_client_sends() -> None:
    client = issue_client().certificate
    pem = pem_bundle(client, issuing().certificates)

    assert split_pem(pem.encode()) == (client.der, issuing().certificate.der)
    assert split_pem(pem_bundle(client).encode()) == (client.der,)


def test_openssl_reads_pkcs12(tmp_path: Path) -> None:
    client = issue_client()
    path = tmp_path / "client.p12"
    path.write_bytes(
        pkcs12(
            client.certificate,
            client.signer,
            issuing().certificates,
            password="secret",
            name="alice",
        )
    )
    said = openssl("pkcs12", "-in", path, "-passin", "pass:secret", "-noenc", "-info")

    # Modern algorithms, for certificates and key alike; no 3DES, no RC2, no SHA-1.
    assert "MAC: sha256" in said
    assert said.count("PBES2, PBKDF2, AES-256-CBC") == 2
    assert "hmacWithSHA1" not in said
    assert said.count("-----BEGIN CERTIFICATE-----") == 2
    start, end = said.index("-----BEGIN PRIVATE KEY"), said.index("-----END PRIVATE KEY")
    assert load_key(said[start : end + 26].encode()).spki == client.signer.spki
    assert "friendlyName: alice" in said


def test_another_password_does_not_open_it() -> None:
    client = issue_client()
    data = pkcs12(client.certificate, client.signer, password="secret", name="x")

    assert library.load_key_and_certificates(data, b"secret")[2] == []
    with pytest.raises(ValueError, match="password"):
        library.load_key_and_certificates(data, b"other")


def test_rsa_keys_too() -> None:
    key = fixed_key("x", KeyKind.RSA2048)
    made = root().client("rsa", key=key)
    data = pkcs12(
        Certificate.from_der(made.der), load_key(pem_of(key)), password="secret", name="x"
    )

    assert library.load_key_and_certificates(data, b"secret")[1] == made.certificate


def test_a_password_is_required() -> None:
    client = issue_client()

    with pytest.raises(InvalidRequestError, match="empty"):
        pkcs12(client.certificate, client.signer, password="", name="x")
