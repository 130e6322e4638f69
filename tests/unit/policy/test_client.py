# SPDX-License-Identifier: Apache-2.0
"""Presented, verified, revoked: three facts that fit together."""

from __future__ import annotations

import pytest

from authz.certs.failure import VerifyFailure
from authz.certs.presented import ABSENT, Presented
from authz.certs.trust import AuthorityModel, compile_trust
from authz.policy.client import Client, identify
from authz.policy.decision import Reason, Ruling, Verdict
from authz.rules.cost import size_of
from tests.factories.decisions import client
from tests.factories.pki import AT, DAY, authority, fixed_key, presented, root, self_signed

_ALICE = root().client("alice")


def _client(certificate: Presented, *trust: AuthorityModel, at: float = AT) -> Client:
    return identify(certificate, compile_trust(trust or (authority(),)), at)


def test_a_good_certificate_is_presented_and_verified() -> None:
    client = _client(presented(_ALICE))

    assert (client.presented, client.verified, client.revoked) == (True, True, False)
    assert client.issuer is not None
    assert client.issuer.der == root().der


def test_a_revoked_certificate_is_still_verified() -> None:
    client = _client(presented(_ALICE), authority(revoked_serials=[_ALICE.serial]))

    assert (client.presented, client.verified, client.revoked) == (True, True, True)
    assert client.failure is None


def test_a_stale_crl_takes_back_verified_and_with_it_revoked() -> None:
    crl = root().crl([_ALICE.serial], next_update=AT + DAY)
    client = _client(presented(_ALICE), authority(crls=[crl.der]), at=AT + 2 * DAY)

    assert (client.verified, client.revoked) == (False, False)
    assert client.failure is VerifyFailure.CRL_STALE
    assert client.issuer is None


@pytest.mark.parametrize(
    ("certificate", "is_presented"),
    [(ABSENT, False), (Presented(certificate="junk"), True), (Presented(defect="hash"), True)],
)
def test_what_cannot_be_read_is_never_verified(certificate: Presented, is_presented: bool) -> None:
    client = _client(certificate)

    assert (client.presented, client.verified, client.revoked) == (is_presented, False, False)
    assert client.certificate is None
    assert client.issuer is None


def test_an_unverified_certificate_can_be_read_but_has_no_issuer() -> None:
    client = _client(presented(self_signed("Test Root CA", key=fixed_key("mallory"))))

    assert client.certificate is not None
    assert client.issuer is None


def test_of_a_client_only_small_values_are_kept() -> None:
    who = client()
    who.keep("authz.cert.san.dns", tuple(b"name%d" % n for n in range(1000)))
    who.keep("cf.tls_client_auth.cert_subject_dn", b"CN=alice")
    for number in range(1000):
        who.keep(f"field{number}", b"v" * 20)

    assert who.values["cf.tls_client_auth.cert_subject_dn"] == b"CN=alice"
    assert "authz.cert.san.dns" not in who.values
    assert (
        sum(len(name) + size_of(value) for name, value in who.values.items()) <= Client.MAX_VALUES
    )


def test_what_a_client_has_no_room_for_is_for_its_holder_to_keep() -> None:
    who = client()
    held: list[tuple[object, str, object]] = []
    who.hold = lambda *value: held.append(value)
    large = (b"name" * 100,) * 100

    who.keep("small", b"v")
    who.keep("large", large)
    who.keep("small", b"w" * 10_000)

    assert held == [(who, "large", large)]
    assert who.values == {"small": b"v"}
    who.release()
    who.keep("large", large)
    assert len(held) == 1


def test_what_a_value_was_read_out_of_is_dropped() -> None:
    who = client()
    assert who.certificate is not None
    text = who.certificate.subject_dn
    assert "parsed" in vars(who.certificate)

    who.keep("cf.tls_client_auth.cert_subject_dn", text.encode())

    assert "parsed" not in vars(who.certificate)
    assert who.certificate.subject_dn == text


def test_decisions_of_old_rulings_do_not_pile_up() -> None:
    who = client()
    who.is_remembered = True
    first = who.decision(Ruling(verdict=Verdict.DENY, reason=Reason.RULE))
    assert who.decision(first.ruling) is first
    for _ in range(100):
        who.decision(Ruling(verdict=Verdict.DENY, reason=Reason.RULE))

    assert len(who._decisions) <= Client.MAX_DECISIONS
