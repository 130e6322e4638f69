# SPDX-License-Identifier: Apache-2.0
"""Which certificates somebody has to ask about."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from authz.certs.authority import CRLS_OF_CERTIFICATES, AuthorityModel, OcspStatus, RevocationMode
from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.judgement import judge
from authz.certs.revocation import revocation_of
from authz.certs.trust import compile_trust
from authz.certs.unanswered import Unanswered, unanswered_of
from tests.factories.pki import AT, DAY, authority, intermediate, presented, root, self_signed

if TYPE_CHECKING:
    from authz.demo.pki import Issued

CA = intermediate()
POINT = x509.DistributionPoint(
    full_name=[x509.UniformResourceIdentifier("http://crl.example/a")],
    relative_name=None,
    reasons=None,
    crl_issuer=None,
)
ALICE = CA.client(
    "alice", serial=0xA11CE, extensions=[(x509.CRLDistributionPoints([POINT]), False)]
)
BOB = CA.client("bob")
OCSP = replace(authority(root(), CA), ocsp="certificate")
NAMED = replace(authority(root(), CA), crl_urls=(CRLS_OF_CERTIFICATES,))


def about(model: AuthorityModel, leaf: Issued, at: float = AT) -> tuple[Unanswered, ...]:
    bundle = compile_trust([model])
    return unanswered_of(judge(presented(leaf, CA), bundle, AT), bundle, at)


def status(until: float) -> OcspStatus:
    issuer = hashlib.sha256(Certificate.from_der(CA.der).spki).digest()
    serial = (0xA11CE).to_bytes(3)
    return OcspStatus(issuer=issuer, serial=serial, revoked=False, this_update=AT, until=until)


def test_a_certificate_without_an_ocsp_answer() -> None:
    assert about(OCSP, ALICE) == (
        Unanswered(
            certificate=Certificate.from_der(ALICE.der),
            issuer=Certificate.from_der(CA.der),
            anchor=Certificate.from_der(root().der),
            authority="acme",
        ),
    )


def test_an_answer_settles_it_until_its_end() -> None:
    answered = replace(OCSP, ocsp_statuses=(status(AT + DAY),))

    assert about(answered, ALICE, AT + DAY) == ()
    assert len(about(answered, ALICE, AT + DAY + 1)) == 1
    assert len(about(answered, BOB)) == 1


@pytest.mark.parametrize("model", [OCSP, NAMED])
@pytest.mark.parametrize("mode", list(RevocationMode))
def test_a_mode_that_looks_wants_to_know(model: AuthorityModel, mode: RevocationMode) -> None:
    asked = replace(model, revocation=mode)
    bundle = compile_trust([asked])

    expected = mode is not RevocationMode.OFF
    assert bundle.asks is expected
    assert bool(about(asked, ALICE)) is expected


def test_a_certificate_names_a_crl_that_is_not_there() -> None:
    crl = CA.crl(next_update=AT + DAY).der

    assert len(about(NAMED, ALICE)) == 1
    assert about(NAMED, BOB) == ()
    assert about(replace(NAMED, crls=(crl,)), ALICE) == ()
    assert len(about(replace(NAMED, crls=(crl,)), ALICE, AT + DAY + 1)) == 1


def test_nothing_is_asked_where_nothing_is_configured() -> None:
    assert not compile_trust([authority()]).asks
    assert about(authority(root(), CA), ALICE) == ()


def test_a_stranger_makes_nobody_ask() -> None:
    assert about(OCSP, self_signed()) == ()


def test_a_named_crl_that_is_missing_leaves_a_certificate_unverified() -> None:
    def failure(model: AuthorityModel, leaf: Issued) -> VerifyFailure | None:
        bundle = compile_trust([model])
        return revocation_of(judge(presented(leaf, CA), bundle, AT), bundle, AT).failure

    assert failure(NAMED, ALICE) is VerifyFailure.CRL_STALE
    assert failure(NAMED, BOB) is None
    assert failure(replace(NAMED, revocation=RevocationMode.SOFT), ALICE) is None
    assert failure(replace(NAMED, crls=(CA.crl().der,)), ALICE) is None
    # A CRL of the root says nothing about it.
    assert failure(replace(NAMED, crls=(root().crl().der,)), ALICE) is VerifyFailure.CRL_STALE
