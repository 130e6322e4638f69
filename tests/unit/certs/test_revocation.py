# SPDX-License-Identifier: Apache-2.0
"""Looking serial numbers up; what CRLs mean is in tests/vectors/certs (crl, delta, scope)."""

from __future__ import annotations

import pytest

from authz.certs.failure import VerifyFailure
from authz.certs.judgement import judge
from authz.certs.revocation import NOT_REVOKED, RevocationStatus, revocation_of
from authz.certs.trust import AuthorityModel, RevocationMode, compile_trust
from tests.factories.pki import AT, DAY, authority, fixed_key, intermediate, presented, root

_CA = intermediate()
_ALICE = _CA.client("alice", serial=0xA11CE)


def _status(model: AuthorityModel, at: float = AT) -> RevocationStatus:
    bundle = compile_trust([model])
    return revocation_of(judge(presented(_ALICE, _CA), bundle, AT), bundle, at)


def test_nothing_configured_is_nothing_to_check() -> None:
    assert _status(authority()) is NOT_REVOKED


def test_a_revoked_certificate_is_named_by_its_serial() -> None:
    status = _status(authority(root(), _CA, crls=[_CA.crl([0xA11CE]).der]))

    assert status.revoked
    assert status.failure is None
    assert "0A11CE" in status.detail


def test_a_crl_becomes_stale_while_the_judgement_is_remembered() -> None:
    model = authority(root(), _CA, crls=[_CA.crl(next_update=AT + DAY).der])

    assert _status(model, AT + DAY) == NOT_REVOKED
    assert _status(model, AT + DAY + 1).failure is VerifyFailure.CRL_STALE


def test_a_revocation_needs_no_new_judgement() -> None:
    before = compile_trust([authority(root(), _CA, crls=[_CA.crl(number=1).der])])
    after = compile_trust([authority(root(), _CA, crls=[_CA.crl([0xA11CE], number=2).der])])
    judgement = judge(presented(_ALICE, _CA), before, AT)

    assert before.digest == after.digest
    assert not revocation_of(judgement, before, AT).revoked
    assert revocation_of(judgement, after, AT).revoked


@pytest.mark.parametrize(
    ("mode", "failure"),
    [
        (RevocationMode.STRICT, VerifyFailure.CRL_STALE),
        (RevocationMode.SOFT, None),
        (RevocationMode.OFF, None),
    ],
)
def test_a_missing_source_counts_under_strict(
    mode: RevocationMode, failure: VerifyFailure | None
) -> None:
    status = _status(authority(revocation=mode, crl_sources_configured=1))

    assert (status.revoked, status.failure) == (False, failure)


def test_stale_beats_listed_and_says_both() -> None:
    crl = _CA.crl([0xA11CE], this_update=AT - 9 * DAY, next_update=AT - DAY)
    status = _status(authority(root(), _CA, crls=[crl.der]))

    assert (status.revoked, status.failure) == (False, VerifyFailure.CRL_STALE)
    assert "stale" in status.detail
    assert "0A11CE" in status.detail


def test_the_serials_of_another_authority_do_not_count() -> None:
    other = authority(root("Other Root"), name="other", revoked_serials=[0xA11CE])
    bundle = compile_trust([authority(), other])

    status = revocation_of(judge(presented(_ALICE, _CA), bundle, AT), bundle, AT)

    assert status == NOT_REVOKED


def test_a_missing_source_of_another_authority_does_not_count() -> None:
    other = authority(root("Other Root"), name="other", crl_sources_configured=1)
    bundle = compile_trust([authority(), other])

    status = revocation_of(judge(presented(_ALICE, _CA), bundle, AT), bundle, AT)

    assert status == NOT_REVOKED


def test_an_unverified_certificate_is_not_revoked() -> None:
    bundle = compile_trust([authority(revoked_serials=[_ALICE.serial])])
    judgement = judge(presented(_ALICE), bundle, AT)

    assert judgement.failure is VerifyFailure.UNKNOWN_ISSUER
    assert revocation_of(judgement, bundle, AT) is NOT_REVOKED


def test_the_crl_of_an_anchor_covers_what_the_peer_sent() -> None:
    model = authority(root(), crls=[root().crl([_CA.serial]).der])

    assert _status(model).revoked


def test_the_next_update_is_that_of_the_newest() -> None:
    crls = [
        root().crl(number=1, next_update=AT + DAY).der,
        root().crl(number=2, next_update=AT + 5 * DAY).der,
        _CA.crl(number=1, next_update=AT + 9 * DAY).der,
        _CA.crl(number=2, base_number=1, next_update=AT + 3 * DAY).der,
    ]
    bundle = compile_trust([authority(root(), _CA, crls=crls)])

    assert bundle.crl_next_updates() == {"acme": AT + 3 * DAY}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("other_mode", list(RevocationMode))
def test_a_cross_certificate_does_not_lead_around_a_revocation(
    order: int, other_mode: RevocationMode
) -> None:
    """The issuer's key is the same under both roots, and one of them brought its CRL."""
    cross = root("Other Root CA").intermediate(
        "Test Issuing CA", key=fixed_key("Test Issuing CA"), serial=0xC505
    )
    models = [
        authority(root(), _CA, crls=[_CA.crl([0xA11CE]).der]),
        authority(root("Other Root CA"), name="other", revocation=other_mode),
    ]
    bundle = compile_trust(models[::order])
    judgement = judge(presented(_ALICE, cross), bundle, AT)

    assert judgement.failure is None
    assert revocation_of(judgement, bundle, AT).revoked


def test_with_revocation_off_a_crl_is_not_looked_at() -> None:
    model = authority(root(), _CA, crls=[_CA.crl([0xA11CE]).der], revocation=RevocationMode.OFF)

    assert _status(model) is NOT_REVOKED


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_the_chain_does_not_choose_the_list_of_serials(order: int) -> None:
    cross = root("Other Root CA").intermediate(
        "Test Issuing CA", key=fixed_key("Test Issuing CA"), serial=0xC505
    )
    models = [
        authority(root(), revoked_serials=[0xA11CE]),
        authority(root("Other Root CA"), name="other"),
    ]
    bundle = compile_trust(models)
    judgement = judge(presented(_ALICE, *(_CA, cross)[::order]), bundle, AT)

    assert judgement.failure is None
    assert revocation_of(judgement, bundle, AT).revoked


def test_a_stale_list_on_any_path_counts_under_strict() -> None:
    cross = root("Other Root CA").intermediate(
        "Test Issuing CA", key=fixed_key("Test Issuing CA"), serial=0xC505
    )
    stale = _CA.crl(next_update=AT - 1)
    models = [
        authority(root(), _CA, crls=[stale.der]),
        authority(root("Other Root CA"), name="other"),
    ]
    bundle = compile_trust(models)
    judgement = judge(presented(_ALICE, cross), bundle, AT)

    assert revocation_of(judgement, bundle, AT).failure is VerifyFailure.CRL_STALE


def _crl(revoked: bool, number: int | None = 1, this_update: float = AT - DAY) -> bytes:
    return _CA.crl([0xA11CE] if revoked else [], number=number, this_update=this_update).der


@pytest.mark.parametrize("mode", [RevocationMode.SOFT, RevocationMode.STRICT])
@pytest.mark.parametrize(
    "crls",
    [
        # A clock that is a minute fast, alone and beside the list before it.
        [_crl(True, 2, AT + 60)],
        [_crl(False, 1), _crl(True, 2, AT + 60)],
        # Newer by its date, older by its number or without one.
        [_crl(False, 9, AT - 2 * DAY), _crl(True, 1)],
        [_crl(False, 9, AT - 2 * DAY), _crl(True, None)],
    ],
)
def test_a_newer_list_revokes_even_when_it_is_not_the_one_in_use(
    crls: list[bytes], mode: RevocationMode
) -> None:
    status = _status(authority(root(), _CA, crls=crls, revocation=mode))

    assert status.revoked or status.failure is VerifyFailure.CRL_STALE


def test_a_list_that_is_dated_ahead_does_not_restore() -> None:
    crls = [_crl(True, 1), _crl(False, 2, AT + 60)]

    assert _status(authority(root(), _CA, crls=crls)).revoked
    assert not _status(authority(root(), _CA, crls=crls), AT + 61).revoked
