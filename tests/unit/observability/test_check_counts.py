# SPDX-License-Identifier: Apache-2.0
"""Every check is counted once, whoever holds what; certificates are told apart for nothing."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

from authz.certs.failure import VerifyFailure
from authz.certs.presented import CertificateSource
from authz.observability import check_counts as module
from authz.observability.activity import CertificateCounted
from authz.observability.check_counts import SWEEP_FOLDS, CheckCounts
from authz.policy.decision import Reason
from tests.factories.decisions import ANONYMOUS, allowed, blocked, client, refused
from tests.factories.pki import root

if TYPE_CHECKING:
    import pytest

    from authz.policy.client import Client
    from authz.policy.decision import Decision

ENVOY = CertificateSource.ENVOY
ALICE = client()


def _check(counts: CheckCounts, decision: Decision, times: int = 1) -> None:
    """As metrics.observe does it."""
    for _ in range(times):
        if decision.cell is None:
            decision.cell = counts.cell(decision, ENVOY)
        decision.cell[0] += 1


def _verdicts(counts: CheckCounts) -> dict[str, int]:
    found: dict[str, int] = {}
    for labels, checks in counts.sums().items():
        found[labels.verdict] = found.get(labels.verdict, 0) + checks
    return found


@cache
def _certificate(name: str) -> Client:
    return client(root().client(name))


def test_decisions_of_a_client_share_a_cell_and_others_do_not() -> None:
    counts = CheckCounts()
    one, same = allowed(client=ALICE), allowed(client=ALICE)
    other = allowed(client=_certificate("bob"))

    cell = counts.cell(one, ENVOY)
    assert counts.cell(same, ENVOY) is cell
    assert counts.cell(other, ENVOY) is not cell
    assert counts.cell(allowed(client=ANONYMOUS), ENVOY) is counts.cell(
        allowed(client=ANONYMOUS), ENVOY
    )


def test_checks_are_told_by_certificate_as_allowed_and_blocked() -> None:
    counts = CheckCounts()
    _check(counts, allowed(client=ALICE), 3)
    _check(counts, blocked(client=ALICE), 2)
    _check(counts, blocked(client=ANONYMOUS), 5)
    _check(counts, refused(Reason.UNKNOWN_HOST), 1)
    counts.fold()

    assert counts.drain_certificates(10) == (
        CertificateCounted(
            fingerprint=ALICE.fingerprint.decode(), allowed=3, blocked=2, verified=True
        ),
    )
    assert counts.drain_certificates(10) == ()
    assert _verdicts(counts) == {"allow": 3, "deny": 8}
    counts.fold()
    assert counts.drain_certificates(10) == ()


def test_a_revoked_certificate_was_verified_and_a_stranger_was_not() -> None:
    counts = CheckCounts()
    for decision in (
        blocked(client=client(root().client("r"), revoked=True)),
        blocked(client=client(root().client("e"), failure=VerifyFailure.EXPIRED)),
    ):
        _check(counts, decision)
    counts.fold()

    assert sorted(one.verified for one in counts.drain_certificates(10)) == [False, True]


def test_some_certificates_are_drained_at_a_time() -> None:
    counts = CheckCounts()
    for name in ("a", "b", "c"):
        _check(counts, allowed(client=_certificate(name)))
    counts.fold()

    assert [len(counts.drain_certificates(2)) for _ in range(3)] == [2, 1, 0]


def test_a_cell_that_no_decision_holds_goes_and_nothing_is_lost() -> None:
    counts = CheckCounts()
    for number in range(40):
        _check(counts, allowed(client=_certificate(f"c{number % 4}")), 2)
    kept = allowed(client=ALICE)
    _check(counts, kept)
    assert len(counts._verified) == 5

    for _ in range(2 * SWEEP_FOLDS):
        counts.fold()

    assert [fingerprint for _, fingerprint in counts._verified] == [ALICE.fingerprint]
    assert counts._orphans == {}
    _check(counts, kept)
    assert _verdicts(counts) == {"allow": 82}


def test_whoever_found_a_cell_while_it_went_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = CheckCounts()
    decision = allowed(client=ALICE)
    _check(counts, decision)
    counts.fold()
    # Nobody is seen to hold it: as when a check comes between the look and what follows.
    monkeypatch.setattr(module, "_OWN", 1_000)
    counts._sweep()
    assert counts._verified == {}
    monkeypatch.undo()

    _check(counts, decision, 4)
    other = allowed(client=ALICE)
    _check(counts, other, 5)
    for _ in range(2 * SWEEP_FOLDS):
        counts.fold()

    assert _verdicts(counts) == {"allow": 10}
    del decision
    for _ in range(2 * SWEEP_FOLDS):
        counts.fold()
    assert counts._orphans == {}


def test_certificates_that_do_not_fit_are_counted_without_their_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_VERIFIED", 1)
    monkeypatch.setattr(module, "MAX_UNVERIFIED", 1)
    counts = CheckCounts()
    held = []
    for failure in (None, VerifyFailure.EXPIRED):
        for name in ("a", "b", "c"):
            held.append(blocked(client=client(root().client(name), failure=failure)))
            _check(counts, held[-1], 2)
    counts.fold()

    assert _verdicts(counts) == {"deny": 12}
    assert counts.uncounted == 8
    assert sum(one.blocked for one in counts.drain_certificates(10)) == 4


def test_counts_that_nobody_hears_of_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    counts = CheckCounts()
    first = allowed(client=ALICE)
    _check(counts, first)
    counts.fold()
    _check(counts, first)
    _check(counts, allowed(client=_certificate("bob")), 3)
    counts.fold()

    assert counts.uncounted == 3
    [told] = counts.drain_certificates(10)
    assert told.allowed == 2


def test_names_that_are_too_many_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LABELS", 2)
    counts = CheckCounts()
    for rule in ("a", "b", "c", "d"):
        _check(counts, blocked(rule=rule, client=ALICE))

    assert {labels.rule: checks for labels, checks in counts.sums().items()} == {
        "a": 1,
        "b": 1,
        "": 2,
    }


def test_nothing_is_lost_while_others_add_up() -> None:
    counts = CheckCounts()
    done = threading.Event()

    def add_up() -> None:
        while not done.is_set():
            counts.fold()

    thread = threading.Thread(target=add_up)
    thread.start()
    for number in range(3_000):
        _check(counts, allowed(client=ALICE if number % 3 else _certificate("bob")))
    done.set()
    thread.join()

    assert _verdicts(counts) == {"allow": 3_000}
    counts.fold()
    assert sum(one.allowed for one in counts.drain_certificates(10)) == 3_000
