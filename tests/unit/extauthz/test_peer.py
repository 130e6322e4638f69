# SPDX-License-Identifier: Apache-2.0
"""Which certificate counts: hops, contradictions, forgeries (architecture 4.5)."""

from __future__ import annotations

import hashlib
import json

import pytest

from authz.certs.presented import ABSENT, CertificateSource, Presented
from authz.extauthz.peer import from_envoy, from_xfcc
from tests.factories.pki import root, self_signed, url_encoded

ALICE = root().client("alice")
BOB = root().client("bob")
MALLORY = self_signed("mallory")


def cert(issued: object) -> str:
    return url_encoded(issued.pem)  # type: ignore[attr-defined]


def fingerprint(issued: object) -> str:
    return hashlib.sha256(issued.der).hexdigest()  # type: ignore[attr-defined]


def element(issued: object, **more: str) -> str:
    pairs = {"Hash": fingerprint(issued), "Cert": f'"{cert(issued)}"', **more}
    return ";".join(f"{key}={value}" for key, value in pairs.items() if value)


def read(*lines: str, hops: int = 1, own: str = "") -> Presented:
    headers = [(b"accept", b"*/*"), *((b"x-forwarded-client-cert", v.encode()) for v in lines)]
    return from_xfcc(headers, hops, own)


def taken(presented: Presented) -> str:
    assert presented.defect == ""
    assert presented.source is CertificateSource.XFCC
    return presented.certificate


def test_no_certificate_from_envoy_is_absent() -> None:
    assert from_envoy("") is ABSENT


def test_without_the_header_nothing_was_presented() -> None:
    nothing = read()

    assert nothing.is_absent
    assert nothing.source is CertificateSource.XFCC


def test_the_only_element_is_our_own_envoys() -> None:
    assert taken(read(element(ALICE))) == cert(ALICE)


def test_elements_to_the_left_are_somebody_elses_claims() -> None:
    assert taken(read(f"{element(MALLORY)},{element(ALICE)}")) == cert(ALICE)


def test_with_two_hops_the_second_element_from_the_right_counts() -> None:
    header = f"{element(MALLORY)},{element(ALICE)},{element(BOB)}"

    assert taken(read(header, hops=2)) == cert(ALICE)


def test_fewer_elements_than_hops_mean_no_certificate() -> None:
    assert read(element(ALICE), hops=2).is_absent


def test_several_header_lines_are_joined_in_order() -> None:
    assert taken(read(element(MALLORY), element(ALICE))) == cert(ALICE)


def test_the_element_must_be_the_connections_own_certificate() -> None:
    contradiction = read(element(ALICE), own=cert(BOB))

    assert contradiction.defect
    assert contradiction.certificate == ""


def test_the_connections_certificate_confirms_the_element() -> None:
    assert taken(read(element(ALICE), own=cert(ALICE))) == cert(ALICE)


def test_behind_another_proxy_the_connection_has_that_proxys_certificate() -> None:
    header = f"{element(ALICE)},{element(BOB)}"

    assert taken(read(header, hops=2, own=cert(BOB))) == cert(ALICE)


def test_a_connection_certificate_that_cannot_be_read_contradicts() -> None:
    assert read(element(ALICE), own="junk").defect


@pytest.mark.parametrize(
    "header",
    [
        f"Hash={'0' * 64};Cert={cert(ALICE)}",
        f"Hash={fingerprint(BOB)};Cert={cert(ALICE)}",
        f"Hash={fingerprint(ALICE)}",
        "By=spiffe://example.com/envoy",
        f"Hash={fingerprint(ALICE)};Cert=junk",
        f'Hash={fingerprint(ALICE)};Subject="CN=a',
        f'Subject="";{element(ALICE)},"',
        f"Cert={cert(ALICE)};Cert={cert(BOB)}",
        "[1]",
    ],
    ids=[
        "zero hash",
        "hash of another certificate",
        "hash alone",
        "neither hash nor certificate",
        "certificate that is none",
        "open quote",
        "text after the last element",
        "two certificates in one element",
        "json that is no element",
    ],
)
def test_an_element_that_cannot_be_believed_is_a_defect(header: str) -> None:
    unreadable = read(header)

    assert unreadable.defect
    assert not unreadable.is_absent
    assert unreadable.certificate == unreadable.chain == ""


def test_a_header_that_cannot_be_read_is_a_defect_at_any_number_of_hops() -> None:
    assert read('Subject="', hops=3).defect


def test_the_hash_may_be_upper_case_and_the_keys_any_case() -> None:
    header = f'hASH={fingerprint(ALICE).upper()};CERT="{cert(ALICE)}"'

    assert taken(read(header)) == cert(ALICE)


def test_separators_inside_a_quoted_subject_separate_nothing() -> None:
    hostile = f'Subject="CN=x,Hash={fingerprint(MALLORY)};Cert={cert(MALLORY)},O=\\"y"'

    assert taken(read(f"{hostile};{element(ALICE)}")) == cert(ALICE)


def test_a_chain_alone_begins_with_the_certificate() -> None:
    chain = url_encoded(ALICE.pem + root().pem)

    presented = read(f"Hash={fingerprint(ALICE)};Chain={chain}")

    assert (presented.certificate, presented.chain, presented.defect) == ("", chain, "")


def test_the_json_form_is_read_alike() -> None:
    header = json.dumps([{"Hash": fingerprint(ALICE), "Cert": cert(ALICE)}])

    assert taken(read(header)) == cert(ALICE)


def test_a_plus_stays_a_plus() -> None:
    """Percent-decoding, not form decoding: base64 has `+` in it."""
    plain = ALICE.pem.decode().replace("\n", "%0A").replace(" ", "%20").replace("=", "%3D")

    assert taken(read(f"Hash={fingerprint(ALICE)};Cert={plain}")) == plain


def test_what_is_huge_is_compared_without_being_remembered() -> None:
    chain = url_encoded(ALICE.pem + root().pem * 40)

    presented = read(f"Hash={fingerprint(ALICE)};Chain={chain}")

    assert presented.chain == chain
