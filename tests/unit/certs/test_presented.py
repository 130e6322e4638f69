# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from cryptography import x509

from authz.certs.failure import VerifyFailure
from authz.certs.presented import (
    ABSENT,
    CertificateLimits,
    CertificateSource,
    Presented,
    read_presented,
)
from tests.factories.pki import intermediate, presented, root, url_encoded

_LIMITS = CertificateLimits()
_CA = intermediate()
_LEAF = _CA.client("alice")
_XFCC = CertificateSource.XFCC


def test_nothing_is_absent() -> None:
    assert ABSENT.is_absent
    assert read_presented(ABSENT, _LIMITS).failure is VerifyFailure.ABSENT


def test_the_first_block_is_the_certificate_and_the_others_are_intermediates() -> None:
    peer = read_presented(presented(_LEAF, _CA, root()), _LIMITS)

    assert peer.failure is None
    assert (peer.certificate, peer.intermediates) == (_LEAF.der, (_CA.der, root().der))


def test_a_chain_repeats_the_certificate_first() -> None:
    peer = read_presented(presented(_LEAF, _CA, source=_XFCC), _LIMITS)

    assert (peer.certificate, peer.intermediates) == (_LEAF.der, (_CA.der,))


def test_a_chain_alone_is_enough() -> None:
    peer = read_presented(Presented(source=_XFCC, chain=url_encoded(_LEAF.chain_pem)), _LIMITS)

    assert (peer.certificate, peer.intermediates) == (_LEAF.der, (_CA.der,))


def test_a_chain_of_somebody_else_is_malformed() -> None:
    other = url_encoded(_CA.client("mallory").chain_pem)
    peer = read_presented(
        Presented(source=_XFCC, certificate=url_encoded(_LEAF.pem), chain=other), _LIMITS
    )

    assert peer.failure is VerifyFailure.MALFORMED
    assert "does not begin" in peer.detail


def test_a_defect_of_the_source_is_malformed() -> None:
    peer = read_presented(Presented(source=_XFCC, defect="the hash does not match"), _LIMITS)

    assert peer.failure is VerifyFailure.MALFORMED
    assert peer.detail == "the hash does not match"


def test_a_plus_sign_stays_one() -> None:
    plus = next(
        made for made in (root().client(f"c{number}") for number in range(200)) if b"+" in made.pem
    )
    text = url_encoded(plus.pem).replace("%2B", "+")

    assert "+" in text
    assert read_presented(Presented(certificate=text), _LIMITS).certificate == plus.der


@pytest.mark.parametrize("encode", [str, lambda text: "".join(f"%{ord(c):02x}" for c in text)])
def test_any_amount_of_percent_encoding_is_read(encode: object) -> None:
    assert callable(encode)
    text = encode(_LEAF.pem.decode())

    assert read_presented(Presented(certificate=text), _LIMITS).certificate == _LEAF.der


@pytest.mark.parametrize("text", ["junk", "%", "%zz", "%00", "\ud800", "é", "-----BEGIN"])
def test_junk_is_malformed(text: str) -> None:
    assert read_presented(Presented(certificate=text), _LIMITS).failure is VerifyFailure.MALFORMED
    assert read_presented(Presented(chain=text), _LIMITS).failure is VerifyFailure.MALFORMED


def test_a_certificate_over_the_limit_is_too_large() -> None:
    size = len(_LEAF.der)

    def failure(limit: int) -> VerifyFailure | None:
        return read_presented(presented(_LEAF), CertificateLimits(certificate_bytes=limit)).failure

    assert failure(size) is None
    assert failure(size - 1) is VerifyFailure.TOO_LARGE


def test_more_intermediates_than_allowed_are_too_large() -> None:
    def failure(number: int) -> VerifyFailure | None:
        return read_presented(presented(_LEAF, *[_CA] * number), _LIMITS).failure

    assert failure(8) is None
    assert failure(9) is VerifyFailure.TOO_LARGE


def test_a_megabyte_is_too_large_before_it_is_decoded() -> None:
    peer = read_presented(Presented(certificate="A" * 2_000_000), _LIMITS)

    assert peer.failure is VerifyFailure.TOO_LARGE


def test_a_certificate_of_64_kibibytes_is_read() -> None:
    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(65000))
    large = root().client("large", extensions=[(padding, False)])

    assert len(large.der) > 65000
    assert read_presented(presented(large), _LIMITS).certificate == large.der
