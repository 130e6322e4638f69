# SPDX-License-Identifier: Apache-2.0
"""The decision type refuses to be misread."""

from __future__ import annotations

import pytest

from authz.policy.decision import DENIALS, Decision, Reason
from tests.factories.decisions import refused


def test_a_decision_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="truth value"):
        bool(refused(Reason.RULE))


def test_a_verdict_and_a_reason_are_required() -> None:
    with pytest.raises(TypeError):
        Decision()  # type: ignore[call-arg]


def test_every_reason_has_an_answer_that_denies() -> None:
    assert set(DENIALS) == set(Reason)
    assert {denial.grpc_code for denial in DENIALS.values()} == {7}
    statuses = {reason: DENIALS[reason].http_status for reason in Reason}
    assert {reason: status for reason, status in statuses.items() if status != 403} == {
        Reason.MISDIRECTED: 421,
        Reason.OVERLOADED: 429,
    }
