# SPDX-License-Identifier: Apache-2.0
"""Looking serial numbers up; what CRLs mean is in tests/vectors/certs (crl, delta, scope)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.judgement import judge
from authz.certs.revocation import NOT_REVOKED, RevocationStatus, revocation_of
from authz.certs.trust import AuthorityModel, RevocationMode, compile_trust
from tests.factories.pki import AT, DAY, authority, fixed_key, intermediate, presented, root

if TYPE_CHECKING:
    from authz.demo.pki import Issued

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


def _part(name: str) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(f"http://crl.example/{name}")],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


def _of_part(name: str, serial: int = 0xA11CE) -> Issued:
    uri = x509.UniformResourceIdentifier(f"http://crl.example/{name}")
    points = x509.CRLDistributionPoints([x509.DistributionPoint([uri], None, None, None)])
    return _CA.client(name, serial=serial, extensions=[(points, False)])


def test_a_split_crl_needs_the_part_of_the_certificate() -> None:
    bundle = compile_trust([authority(root(), _CA, crls=[_CA.crl(scope=_part("1")).der])])

    def status(client: Issued) -> RevocationStatus:
        return revocation_of(judge(presented(client, _CA), bundle, AT), bundle, AT)

    assert status(_of_part("1")) == NOT_REVOKED
    missing = status(_of_part("2"))
    assert missing.failure is VerifyFailure.CRL_STALE
    assert "is split, and the part for serial 0A11CE is missing" in missing.detail
    # RFC 5280 §6.3.3 (b) (2): a certificate without distribution points is in no part.
    assert status(_ALICE).failure is VerifyFailure.CRL_STALE


def test_a_stale_part_does_no_harm_to_others() -> None:
    stale = _CA.crl(scope=_part("2"), this_update=AT - 9 * DAY, next_update=AT - DAY)
    bundle = compile_trust(
        [authority(root(), _CA, crls=[_CA.crl(scope=_part("1")).der, stale.der])]
    )

    for name, failure in (("1", None), ("2", VerifyFailure.CRL_STALE)):
        judgement = judge(presented(_of_part(name), _CA), bundle, AT)
        assert revocation_of(judgement, bundle, AT).failure is failure


def test_a_crl_for_all_stands_in_for_a_part() -> None:
    crls = [_CA.crl().der, _CA.crl(scope=_part("1")).der]
    bundle = compile_trust([authority(root(), _CA, crls=crls)])

    judgement = judge(presented(_of_part("2"), _CA), bundle, AT)

    assert revocation_of(judgement, bundle, AT) == NOT_REVOKED


def test_what_a_part_revokes_is_revoked_whatever_part_it_is() -> None:
    crls = [_CA.crl().der, _CA.crl([0xA11CE], scope=_part("1")).der]

    assert _status(authority(root(), _CA, crls=crls)).revoked


def _answered(
    *, revoked: bool = False, until: float = AT + DAY, serial: int = 0xA11CE
) -> AuthorityModel:
    status = OcspStatus(
        issuer=hashlib.sha256(Certificate.from_der(_CA.der).spki).digest(),
        serial=serial.to_bytes(20),
        revoked=revoked,
        this_update=AT,
        until=until,
    )
    return replace(authority(root(), _CA), ocsp="certificate", ocsp_statuses=(status,))


def test_ocsp_says_that_a_certificate_is_good() -> None:
    assert _status(_answered(), AT + DAY) == NOT_REVOKED


def test_ocsp_says_that_a_certificate_is_revoked_and_it_stays_so() -> None:
    status = _status(_answered(revoked=True), AT + 9 * DAY)

    assert (status.revoked, status.failure) == (True, None)
    assert status.detail == "serial 0A11CE is revoked by OCSP"


@pytest.mark.parametrize(
    ("model", "at", "detail"),
    [
        (_answered(), AT + DAY + 1, "there is no current OCSP answer for serial 0A11CE"),
        (_answered(serial=1), AT, "there is no OCSP answer for serial 0A11CE"),
        (
            replace(authority(root(), _CA), ocsp="http://ocsp.example/"),
            AT,
            "there is no OCSP answer for serial 0A11CE",
        ),
    ],
)
def test_strict_wants_a_current_answer(model: AuthorityModel, at: float, detail: str) -> None:
    status = _status(model, at)

    assert (status.revoked, status.failure) == (False, VerifyFailure.OCSP_MISSING)
    assert status.detail == detail
    for mode in (RevocationMode.SOFT, RevocationMode.OFF):
        assert _status(replace(model, revocation=mode), at) == NOT_REVOKED


def test_off_does_not_look_at_answers() -> None:
    assert _status(replace(_answered(revoked=True), revocation=RevocationMode.OFF)) == NOT_REVOKED
    soft = replace(_answered(revoked=True), revocation=RevocationMode.SOFT)
    assert _status(soft).revoked


def test_a_revoked_intermediate_counts_and_needs_no_answer() -> None:
    status = OcspStatus(
        issuer=hashlib.sha256(Certificate.from_der(root().der).spki).digest(),
        serial=_CA.serial.to_bytes(20),
        revoked=True,
        this_update=AT,
        until=AT,
    )
    model = replace(_answered(), ocsp_statuses=(*_answered().ocsp_statuses, status))

    assert _status(model).revoked


def test_a_list_says_revoked_and_ocsp_is_missing() -> None:
    status = _status(replace(_answered(serial=1), revoked_serials=(0xA11CE,)))

    assert status.failure is VerifyFailure.OCSP_MISSING
    assert status.detail.endswith(
        "; it says: serial 0A11CE is revoked by the list of revoked serials"
    )


def test_a_stale_crl_is_named_before_a_missing_answer() -> None:
    model = replace(_answered(serial=1), crl_sources_configured=1)

    assert _status(model).failure is VerifyFailure.CRL_STALE


def test_the_answers_of_another_authority_are_not_ones_own() -> None:
    """What its responder revoked counts; what it left alone is no answer for us."""
    other = replace(_answered(), name="other", certificates=(root("Other Root").der,))
    own = replace(authority(root(), _CA), ocsp="certificate")

    def status(*models: AuthorityModel) -> RevocationStatus:
        bundle = compile_trust(models)
        return revocation_of(judge(presented(_ALICE, _CA), bundle, AT), bundle, AT)

    assert status(own, other).failure is VerifyFailure.OCSP_MISSING
    revoking = replace(other, ocsp_statuses=_answered(revoked=True).ocsp_statuses)
    assert status(authority(root(), _CA), revoking).revoked


class _Counted(dict[Any, Any]):
    """A dict that counts how often it is asked."""

    asked = 0

    def get(self, key: Any, default: Any = None) -> Any:
        self.asked += 1
        return super().get(key, default)


def test_a_look_up_is_a_dict_hit_and_nothing_where_no_ocsp_is_configured() -> None:
    bundle = compile_trust([_answered()])
    answers = bundle.listing[0].ocsp
    assert answers is not None
    until, revoked = _Counted(answers._until), _Counted(answers._revoked)
    answers._until, answers._revoked = until, revoked
    judgement = judge(presented(_ALICE, _CA), bundle, AT)

    assert revocation_of(judgement, bundle, AT) == NOT_REVOKED

    # One for the end-entity certificate; whether it is revoked, for each of the path.
    assert (until.asked, revoked.asked) == (1, 2)
    assert compile_trust([authority()]).listing == ()
