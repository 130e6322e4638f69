# SPDX-License-Identifier: Apache-2.0
"""The demo's certificates have the troubles they are named after, and land in files."""

from __future__ import annotations

import ssl
import stat

import pytest
from cryptography import x509

from authz.demo.credentials import SERVER_NAMES, Credentials, make_credentials


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return make_credentials(tmp_path_factory.mktemp("demo"), at=1_800_000_000.0)


def certificate(credentials: Credentials, name: str) -> x509.Certificate:
    return credentials.clients[name].certificate


def test_curl_can_use_every_client_file(credentials: Credentials) -> None:
    for name in credentials.clients:
        file = credentials.client_file(name)
        ssl.create_default_context().load_cert_chain(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_server_answers_to_every_name(credentials: Credentials) -> None:
    names = credentials.server.certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert tuple(names.value.get_values_for_type(x509.DNSName)) == SERVER_NAMES


def test_the_crl_revokes_one_and_the_list_another(credentials: Credentials) -> None:
    trust = credentials.directory / "trust"
    crl = x509.load_pem_x509_crl((trust / "demo-ca.crl").read_bytes())

    serials = [entry.serial_number for entry in crl]
    listed = (trust / "revoked-serials.txt").read_text(encoding="ascii").split()

    assert serials == [credentials.clients["revoked-by-crl"].serial]
    assert [int(serial, 16) for serial in listed] == [
        credentials.clients["revoked-by-serial"].serial
    ]


def test_each_client_has_one_trouble(credentials: Credentials) -> None:
    at = 1_800_000_000.0
    assert certificate(credentials, "expired").not_valid_after_utc.timestamp() < at
    assert certificate(credentials, "not-yet-valid").not_valid_before_utc.timestamp() > at
    own = certificate(credentials, "self-signed")
    assert own.subject == own.issuer
    assert certificate(credentials, "partner").issuer == credentials.partner.subject
    assert certificate(credentials, "via-intermediate").issuer == credentials.issuing.subject
    assert len(credentials.clients["via-unlisted"].intermediates) == 1
