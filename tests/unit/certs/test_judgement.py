# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from cryptography import x509

from authz.certs.failure import VerifyFailure
from authz.certs.judgement import judge
from authz.certs.presented import ABSENT, CertificateLimits, Presented
from authz.certs.trust import compile_trust
from authz.demo.pki import SERVER_AUTH, make_root
from tests.factories.pki import (
    AT,
    DAY,
    authority,
    intermediate,
    presented,
    root,
    self_signed,
    url_encoded,
)

_BUNDLE = compile_trust([authority()])
_CA = intermediate()
_FOREVER = (-math.inf, math.inf)


def test_absent_is_not_presented() -> None:
    judgement = judge(ABSENT, _BUNDLE, AT)

    assert (judgement.presented, judgement.certificate) == (False, None)
    assert judgement.failure is VerifyFailure.ABSENT
    assert (judgement.valid_from, judgement.valid_until) == _FOREVER


def test_a_verified_certificate_has_a_path_and_its_authority() -> None:
    judgement = judge(presented(_CA.client("alice"), _CA), _BUNDLE, AT)

    assert (judgement.presented, judgement.failure) == (True, None)
    assert judgement.certificate is judgement.path[0]
    assert judgement.path[0].subject_dn == "CN=alice"
    assert judgement.authority == "acme"
    assert judgement.sent_chain == (_CA.der,)


def test_an_unverified_certificate_is_there_without_a_path() -> None:
    judgement = judge(presented(self_signed("mallory")), _BUNDLE, AT)

    assert judgement.failure is VerifyFailure.UNKNOWN_ISSUER
    assert judgement.certificate is not None
    assert judgement.certificate.subject_dn == "CN=mallory"
    assert (judgement.path, judgement.authority) == ((), "")
    assert "self-signed" in judgement.detail


def test_junk_was_presented_and_is_malformed() -> None:
    judgement = judge(Presented(certificate="junk"), _BUNDLE, AT)

    assert (judgement.presented, judgement.certificate) == (True, None)
    assert judgement.failure is VerifyFailure.MALFORMED
    assert (judgement.valid_from, judgement.valid_until) == _FOREVER


def test_what_is_over_a_limit_is_too_large() -> None:
    judgement = judge(presented(_CA), _BUNDLE, AT, CertificateLimits(certificate_bytes=10))

    assert judgement.failure is VerifyFailure.TOO_LARGE


def test_an_intermediate_that_cannot_be_read_is_sent_all_the_same() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    leaf = root().client("a")

    judgement = judge(Presented(certificate=url_encoded(leaf.pem.decode() + pem)), _BUNDLE, AT)

    assert judgement.failure is None
    assert judgement.sent_chain == (b"\0\0\0",)


def test_a_judgement_ends_when_a_certificate_expires() -> None:
    judgement = judge(presented(root().client("a", not_after=AT + 60)), _BUNDLE, AT)

    assert (judgement.valid_from, judgement.valid_until) == (AT - 3600, AT + 61)


def test_an_expired_certificate_expires_while_it_is_remembered() -> None:
    peer = presented(root().client("a", not_after=AT + 60))

    assert judge(peer, _BUNDLE, AT + 60.9).failure is None
    late = judge(peer, _BUNDLE, AT + 61)
    assert late.failure is VerifyFailure.EXPIRED
    assert late.valid_from == AT + 61
    assert late.valid_until > AT + DAY


def test_a_certificate_that_is_not_yet_valid_becomes_valid() -> None:
    peer = presented(root().client("a", not_before=AT + 60))
    early = judge(peer, _BUNDLE, AT)

    assert early.failure is VerifyFailure.NOT_YET_VALID
    assert early.valid_until == AT + 60
    assert judge(peer, _BUNDLE, AT + 60).failure is None


def test_an_intermediate_that_expires_ends_the_judgement() -> None:
    ca = root().intermediate("short", not_after=AT + 60)
    judgement = judge(presented(ca.client("a"), ca), _BUNDLE, AT)

    assert judgement.failure is None
    assert judgement.valid_until == AT + 61


def test_another_way_that_opens_later_ends_the_judgement() -> None:
    key = _CA.key
    now = root().intermediate("CA", key=key, not_after=AT - 60)
    later = root().intermediate("CA", key=key, not_before=AT + 60)
    peer = presented(now.client("a"), now, later)
    judgement = judge(peer, _BUNDLE, AT)

    # The renewed one is not valid yet, which is nearer to expired than to good.
    assert judgement.failure is VerifyFailure.EXPIRED
    assert (judgement.valid_from, judgement.valid_until) == (AT - 59, AT + 60)
    assert judge(peer, _BUNDLE, AT + 60).failure is None


def test_the_clock_may_go_back() -> None:
    peer = presented(root().client("a", not_before=AT))
    judgement = judge(peer, _BUNDLE, AT)

    assert judgement.valid_from == AT
    assert judge(peer, _BUNDLE, AT - 1).failure is VerifyFailure.NOT_YET_VALID


def test_an_anchor_counts_as_well() -> None:
    short = make_root("Short", at=AT, not_after=AT + 60)
    bundle = compile_trust([authority(short)])

    assert judge(presented(short.client("a")), bundle, AT).valid_until == AT + 61


@pytest.mark.parametrize(
    "peer",
    [
        presented(root().client("a", eku=[SERVER_AUTH])),
        presented(root("Stranger").client("a")),
        presented(root()),
    ],
)
def test_what_no_time_can_change_holds_for_ever(peer: Presented) -> None:
    judgement = judge(peer, _BUNDLE, AT)

    assert judgement.failure is not None
    assert (judgement.valid_from, judgement.valid_until) == _FOREVER


def test_the_issuer_on_the_path_is_not_the_one_that_is_claimed() -> None:
    claim = x509.AuthorityKeyIdentifier(b"\x01" * 20, None, None)
    judgement = judge(presented(root().client("a", authority_key_id=claim)), _BUNDLE, AT)

    assert judgement.certificate is not None
    assert judgement.certificate.authority_key_id == "01" * 20
    assert judgement.path[1].der == root().der
    assert judgement.path[1].ski != "01" * 20
