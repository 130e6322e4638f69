# SPDX-License-Identifier: Apache-2.0
"""Uploading an authority, and making one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.ca.keys import generate_key
from authz.certs.pem import write_pem
from authz.errors import KeyUnavailableError
from authz.services.authorities import get_authority, list_authorities
from authz.services.backend import Backend
from authz.services.permissions import EVERY_ZONE, Grant, Level, Resource
from authz.store.records import AuthorityKind, CertificateRole
from tests.factories.issuing import csr, issue_client, issuing, root

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

UPLOAD = "/authorities/upload"
NEW = "/zones/{zone}/authorities/new"


def _pem(der: bytes) -> str:
    return write_pem(der, "CERTIFICATE")


def test_an_authority_is_uploaded_as_it_is(visitor: Visitor) -> None:
    text = _pem(root().certificate.der) + "\n# below it\n" + _pem(issuing().certificate.der)

    answer = visitor.post(UPLOAD, {"certificates": text, "name": ""})

    (known,) = list_authorities(visitor.bench.store)
    assert answer.headers["Location"] == f"/authorities/{known.authority.id}"
    assert known.authority.kind is AuthorityKind.UPLOADED
    assert known.authority.name == "Acme Root"
    assert known.text == text
    assert "Nobody is verified by it before" in visitor.get(str(answer.headers["Location"]))


@pytest.mark.parametrize(
    ("certificates", "told"),
    [
        ("", "are not PEM"),
        ("hello <b>", "are not PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA", "does not end"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "Certificate 1: "),
        (generate_key().to_pem().decode(), "there is a private key in the file"),
        (csr("a").decode(), "is no certificate"),
        (_pem(issue_client().certificate.der), "Certificate 1: "),
        ("-----BEGIN X" + "a" * 300_000, "bytes"),
    ],
)
def test_what_cannot_be_trusted_is_told(visitor: Visitor, certificates: str, told: str) -> None:
    page = visitor.post(UPLOAD, {"certificates": certificates, "name": "Partner"}, 400).text

    assert told.lower() in page.lower()
    assert 'value="Partner"' in page
    assert "<b>" not in page
    assert list_authorities(visitor.bench.store) == []


def test_a_private_key_is_not_sent_back(visitor: Visitor) -> None:
    key = generate_key().to_pem().decode()

    page = visitor.post(UPLOAD, {"certificates": key, "name": ""}, 400).text

    assert "PRIVATE KEY" not in page


def test_a_name_that_is_taken_is_told(visitor: Visitor) -> None:
    visitor.bench.world.ca("Partner")

    fields = {"certificates": _pem(root().certificate.der), "name": "Partner"}
    page = visitor.post(UPLOAD, fields, 400).text

    assert "There is an authority" in page


def test_an_authority_is_made_for_the_zone(visitor: Visitor) -> None:
    assert 'value="ecdsa-p256" selected' in visitor.get(NEW)
    fields = {
        "name": "Devices",
        "organization": "Acme",
        "kind": "rsa-2048",
        "years": "10",
        "intermediate": "yes",
    }

    answer = visitor.post(NEW, fields)

    known = get_authority(visitor.bench.store, "Devices")
    assert str(answer.headers["Location"]).endswith(f"/authorities/{known.authority.id}")
    assert [one.role for one in known.certificates] == [
        CertificateRole.ISSUING,
        CertificateRole.TRUSTED,
    ]
    root_certificate = known.certificates[1]
    years = (root_certificate.not_after - root_certificate.not_before) / 86_400 / 365.25
    assert round(years, 1) == 10.0
    page = visitor.get(str(answer.headers["Location"]))
    assert "RSA 2048" in page
    assert "O=Acme" in page


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "The name is empty"),
        ({"name": "x" * 65}, "has 65 characters"),
        ({"name": "Acme"}, "There is an authority"),
        ({"years": "0"}, "days"),
        ({"years": "999"}, "days"),
        ({"years": "ten"}, "whole number"),
        ({"kind": "dsa"}, "not supported"),
    ],
)
def test_what_cannot_be_made_is_told(visitor: Visitor, changes: dict[str, str], told: str) -> None:
    visitor.bench.world.ca("Acme")
    fields = {"name": "Devices", "organization": "Kept", "kind": "", "years": "10", **changes}

    page = visitor.post(NEW, fields, 400).text

    assert told in page
    assert 'value="Kept"' in page
    assert len(list_authorities(visitor.bench.store)) == 1


def test_keys_that_cannot_be_kept_are_the_operators_business(visitor: Visitor) -> None:
    def locked() -> Any:
        raise KeyUnavailableError("the key file is gone: /etc/secret", hint="put it back")

    bench = visitor.bench
    bench.dashboard.use(Backend(store=lambda: bench.store, encryption=locked))

    assert "/etc/secret" not in visitor.post(NEW, {"name": "Devices"}, 503).text


def test_who_may_not_is_refused(visitor: Visitor) -> None:
    reader = visitor.as_reader()
    for path in (UPLOAD, NEW):
        reader.get(path, 403)
        reader.post(path, {"name": "x"}, 403)
    of_zones = visitor.with_grants(
        [Grant(resource=Resource.CERTIFICATES, level=Level.WRITE, place=EVERY_ZONE)], "zones"
    )
    of_zones.get(UPLOAD, 403)
    of_zones.get(NEW)
    assert list_authorities(visitor.bench.store) == []
