# SPDX-License-Identifier: Apache-2.0
"""Certificate headers for the upstream: whose, which, and how they are kept harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.certs.failure import VerifyFailure
from authz.extauthz.upstream_headers import (
    CF_CERT_HEADERS,
    MAX_VALUE_BYTES,
    RFC9440_HEADERS,
    XFCC_HEADER,
    header_value,
    lookalikes,
    upstream_headers,
)
from tests.factories.decisions import ANONYMOUS, client
from tests.factories.pki import intermediate, root

if TYPE_CHECKING:
    from authz.policy.client import Client

BOTH = frozenset({"cf-cert", "client-cert"})


def test_there_are_17_cf_cert_headers() -> None:
    assert len(set(CF_CERT_HEADERS)) == 17


@pytest.mark.parametrize(
    "stranger",
    [None, ANONYMOUS, client(revoked=True), client(failure=VerifyFailure.EXPIRED)],
    ids=["unknown", "anonymous", "revoked", "expired"],
)
def test_only_a_verified_client_that_is_not_revoked_has_headers(stranger: Client | None) -> None:
    headers, removed = upstream_headers(stranger, BOTH)

    assert headers == ()
    assert set(removed) == {*CF_CERT_HEADERS, *RFC9440_HEADERS, XFCC_HEADER}


def test_a_verified_clients_xfcc_stays() -> None:
    assert XFCC_HEADER not in upstream_headers(client(), frozenset())[1]


def test_the_values_are_those_of_the_fields() -> None:
    alice = client(root().client("alice"))
    leaf, issuer = alice.certificate, alice.issuer
    assert leaf is not None
    assert issuer is not None

    headers = dict(upstream_headers(alice, BOTH)[0])

    assert headers["cf-cert-presented"] == headers["cf-cert-verified"] == "true"
    assert headers["cf-cert-revoked"] == "false"
    assert headers["cf-cert-subject-dn"] == leaf.subject_dn
    assert headers["cf-cert-issuer-dn"] == issuer.subject_dn
    assert headers["cf-cert-subject-dn-legacy"] == leaf.subject_dn_legacy
    assert headers["cf-cert-issuer-dn-legacy"] == issuer.subject_dn_legacy
    assert headers["cf-cert-serial"] == leaf.serial
    assert headers["cf-cert-issuer-serial"] == issuer.serial
    assert headers["cf-cert-fingerprint-sha256"] == leaf.fingerprint_sha256
    assert headers["cf-cert-fingerprint-sha1"] == leaf.fingerprint_sha1
    assert headers["cf-cert-not-before"] == leaf.not_before
    assert headers["cf-cert-not-after"] == leaf.not_after
    assert headers["cf-cert-issuer-ski"] == issuer.ski
    assert headers["client-cert"].startswith(":MII")


def test_the_chain_goes_upstream_as_it_was_sent() -> None:
    with_chain = client(sent_chain=(intermediate().der,))

    headers = dict(upstream_headers(with_chain, BOTH)[0])

    assert headers["client-cert-chain"].startswith(":MII")


def test_a_chain_over_the_limit_is_removed_rather_than_cut() -> None:
    headers, removed = upstream_headers(client(sent_chain=(b"x" * 16384,)), BOTH)

    assert "client-cert-chain" not in dict(headers)
    assert "client-cert-chain" in removed


def test_one_family_does_not_bring_the_other() -> None:
    headers, removed = upstream_headers(client(), frozenset({"client-cert"}))

    assert {name for name, _ in headers} == {"client-cert"}
    assert set(CF_CERT_HEADERS) < set(removed)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("CN=James Royal,O=Access", "CN=James Royal,O=Access"),
        ("CN=a\r\nx-admin: 1", "CN=a%0D%0Ax-admin: 1"),
        ("CN=a\0b", "CN=a%00b"),
        ("CN=Müller", "CN=M%C3%BCller"),
        ("CN=50%", "CN=50%25"),
        ("CN=a%0D", "CN=a%250D"),
        (" padded  ", "%20padded%20%20"),
        ("   ", "%20%20%20"),
        ("CN=\x7f\x1b[2J", "CN=%7F%1B[2J"),
        ('/O=a"b\\c/CN=d', '/O=a"b\\c/CN=d'),
        ("\ud800", "%ED%A0%80"),
        ("", ""),
    ],
)
def test_a_value_is_encoded_until_no_header_can_break(value: str, expected: str) -> None:
    safe = header_value(value)

    assert safe == expected
    assert safe.isascii()
    assert safe.isprintable()


def test_a_value_that_is_too_long_is_left_out() -> None:
    assert header_value("a" * MAX_VALUE_BYTES) == "a" * MAX_VALUE_BYTES
    assert header_value("a" * (MAX_VALUE_BYTES + 1)) == ""
    assert header_value("é" * MAX_VALUE_BYTES) == ""


def test_a_hostile_name_reaches_the_upstream_harmless() -> None:
    evil = client(root().client("evil\r\nx-admin: yes"))

    headers = dict(upstream_headers(evil, BOTH)[0])

    assert not [value for value in headers.values() if "\r" in value or "\n" in value]
    assert "%0D%0A" in headers["cf-cert-subject-dn-legacy"] or (
        "0D" in headers["cf-cert-subject-dn-legacy"].upper()
    )


def test_underscore_copies_of_certificate_headers_are_found() -> None:
    headers = [
        (b"cf_cert_verified", b"true"),
        (b"cf-cert_subject-dn", b"CN=admin"),
        (b"x_forwarded_client_cert", b"Hash=0"),
        (b"client_cert", b":AA==:"),
        (b"client_cert", b"twice"),
        (b"cf-cert-verified", b"no underscore"),
        (b"x_request_id", b"1"),
    ]

    assert lookalikes(headers) == (
        "cf-cert_subject-dn",
        "cf_cert_verified",
        "client_cert",
        "x_forwarded_client_cert",
    )
