# SPDX-License-Identifier: Apache-2.0
"""What the lints look at is read as it is written."""

from __future__ import annotations

import pytest

from authz.ca import encode
from authz.ca.lints import view as v
from authz.certs import der
from tests.factories.issuing import issue_client, issuing
from tests.factories.tbs import client, self_signed


def test_a_certificate_of_ours_is_read_as_the_library_reads_it() -> None:
    certificate = issue_client().certificate
    view = v.view_certificate(certificate.der, issuing().certificate.der)

    assert (view.version, int.from_bytes(view.serial)) == (3, certificate.serial_number)
    assert view.subject == certificate.subject_raw
    assert view.issuer_name == certificate.issuer_raw
    assert (view.not_before.at, view.not_after.at) == (
        certificate.not_before_at,
        certificate.not_after_at,
    )
    assert view.spki == certificate.spki
    assert [one.oid for one in view.extensions] == [
        one.oid.dotted_string for one in certificate.extensions
    ]
    assert view.key_usage == {0}
    assert view.extended_key_usage == ("1.3.6.1.5.5.7.3.2",)
    assert view.distribution_urls == ((v.URI, b"http://pki.example.com/ca.crl"),)
    assert [content for _, content in view.access_urls] == [
        b"http://pki.example.com/ocsp",
        b"http://pki.example.com/ca.der",
    ]
    assert view.issuer is not None
    assert view.issuer.basic_constraints == (True, 0)
    assert view.authority_key_id == view.issuer.subject_key_id


def test_without_extensions_there_is_nothing() -> None:
    oids = [one.oid for one in v.view_certificate(client()).extensions]
    view = v.view_certificate(client(extensions=dict.fromkeys(oids)))

    assert view.extensions == ()
    assert view.basic_constraints == (False, None)
    assert view.key_usage == frozenset()
    assert view.subject_key_id is view.authority_key_id is None
    assert view.alternative_names == view.distribution_urls == view.access_urls == ()


def test_criticality_is_read_also_when_it_is_written_out() -> None:
    written = encode.sequence(encode.oid("1.2.3"), b"\x01\x01\x00", encode.octet_string(b""))
    view = v.view_certificate(self_signed(more=[written]))

    assert [one.critical for one in view.extensions] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("tag", "text", "at"),
    [
        (0x17, "700101000000Z", 0.0),
        (0x17, "500101000000Z", -631152000.0),
        (0x17, "491231235959Z", 2524607999.0),
        (0x18, "20500101000000Z", 2524608000.0),
        (0x17, "7001010000Z", None),
        (0x17, "700101000000", None),
        (0x17, "700230000000Z", None),
        (0x18, "2050010100000Z", None),
        (0x18, "20500101000000.0Z", None),
        (0x0C, "20500101000000Z", None),
    ],
)
def test_times_are_read_in_the_one_form_there_is(tag: int, text: str, at: float | None) -> None:
    moment = v.moment(der.read(encode.tlv(tag, text.encode()))[0])

    assert (moment.tag, moment.text, moment.at) == (tag, text, at)
