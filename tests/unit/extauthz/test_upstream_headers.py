# SPDX-License-Identifier: Apache-2.0
"""Certificate headers for the upstream: whose, which, and how they are kept harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.failure import VerifyFailure
from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.upstream_headers import (
    CF_CERT_HEADERS,
    MAX_VALUE_BYTES,
    RFC9440_HEADERS,
    XFCC_HEADER,
    header_value,
    nothing_to_remove,
    removals,
    upstream_headers,
)
from authz.pb.ext_authz_pb2 import CheckRequest
from tests.factories.checks import check_request
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


# --- what is taken off the request ----------------------------------------------------------

COPIES = [
    ("cf_cert_verified", b"true"),
    ("cf-cert_subject-dn", b"CN=admin"),
    ("x_forwarded_client_cert", b"Hash=0"),
    ("client_cert", b":AA==:"),
    ("client_cert", b"twice"),
    ("cf-cert-verified", b"no underscore"),
    ("x-forwarded-client-cert", b"Hash=0"),
    ("x_request_id", b"1"),
]
SEEN = (
    "cf-cert-verified",
    "cf-cert_subject-dn",
    "cf_cert_verified",
    "client_cert",
    "x-forwarded-client-cert",
    "x_forwarded_client_cert",
)


def request(headers: list[tuple[str, bytes]], *, raw: bool = True, shown: bool = True) -> Any:
    message = check_request(headers=headers, raw=raw)
    if not shown:
        http = message.attributes.request.http
        kept = [line for line in http.header_map.headers if line.key[:1] != ":"]
        del http.header_map.headers[:]
        http.header_map.headers.extend(kept)
    return decode(message.SerializeToString(), DecodeOptions())


@pytest.mark.parametrize("raw", [True, False], ids=["header_map", "headers"])
def test_copies_of_certificate_headers_are_found_and_what_looks_like_them(raw: bool) -> None:
    assert removals(request(COPIES, raw=raw), ANONYMOUS) == SEEN


def test_what_envoy_forwards_of_a_verified_client_stays() -> None:
    found = set(SEEN) - {"x-forwarded-client-cert"}

    assert removals(request(COPIES), client()) == tuple(sorted(found))


@pytest.mark.parametrize("raw", [True, False], ids=["header_map", "headers"])
def test_an_ordinary_request_has_nothing_to_remove(raw: bool) -> None:
    headers = [("accept", b"*/*"), ("x-path", b":path"), ("certificate", b"cf cert")]

    assert removals(request(headers, raw=raw), client()) == ()


def test_headers_without_pseudo_headers_may_not_be_all() -> None:
    """`allowed_headers` of ext_authz hides the others, pseudo headers among them."""
    every = {*CF_CERT_HEADERS, *RFC9440_HEADERS}

    assert set(removals(request([("accept", b"*/*")], shown=False), client())) == every
    assert set(removals(request(COPIES, shown=False), ANONYMOUS)) == {*every, *SEEN, XFCC_HEADER}


@given(
    name=st.sampled_from(sorted({*CF_CERT_HEADERS, "client-cert", "client-cert-chain"})),
    data=st.data(),
)
def test_every_way_to_write_a_protected_name_is_found(name: str, data: st.DataObject) -> None:
    written = "".join(
        data.draw(st.sampled_from("-_" if letter == "-" else (letter, letter.upper())))
        for letter in name
    )

    read = request([(written, b"x")])

    assert not nothing_to_remove(read.view.header_map)
    assert removals(read, client()) == (written.lower(),)


@pytest.mark.parametrize("first", [True, False], ids=["empty behind it", "empty before it"])
def test_of_a_header_map_in_pieces_every_name_is_taken_off(first: bool) -> None:
    data = check_request(headers=COPIES).SerializeToString()
    empty = CheckRequest()
    empty.attributes.request.http.header_map.SetInParent()
    pieces = (data, empty.SerializeToString())
    pieced = b"".join(pieces if first else reversed(pieces))
    assert CheckRequest.FromString(pieced) == CheckRequest.FromString(data)
    read = decode(pieced, DecodeOptions())

    assert not nothing_to_remove(read.view.header_map)
    assert set(removals(read, ANONYMOUS)) >= {*CF_CERT_HEADERS, *RFC9440_HEADERS, *SEEN}


@pytest.mark.parametrize("length", [20, 66, 67, 68, 300, 16_400])
@pytest.mark.parametrize("name", [57, 58, 59])
def test_a_header_whose_name_is_as_long_as_a_colon_is_no_pseudo_header(
    name: int, length: int
) -> None:
    """58 is the code of a colon, and the length of a key stands where a key may begin."""
    headers = [("x" * name, b"v" * length), ("cf-cert-verified", b"true")]
    shown = request(headers, shown=False)

    assert not nothing_to_remove(shown.view.header_map)
    assert "cf-cert-verified" in removals(shown, client())


def test_a_single_pseudo_header_that_was_chosen_is_not_all_headers() -> None:
    message = check_request(headers=[("x-a", b"1"), ("cf-cert-ski", b"AA")])
    lines = message.attributes.request.http.header_map.headers
    kept = [line for line in lines if line.key in (":path", "x-a")]
    del lines[:]
    lines.extend(kept)
    shown = decode(message.SerializeToString(), DecodeOptions())

    assert not nothing_to_remove(shown.view.header_map)
    assert "cf-cert-ski" in removals(shown, client())


def test_dots_look_like_dashes_to_some_upstreams() -> None:
    assert removals(request([("cf.cert.verified", b"true")]), client()) == ("cf.cert.verified",)
