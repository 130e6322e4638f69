# SPDX-License-Identifier: Apache-2.0
"""The decision type refuses to be misread."""

from __future__ import annotations

import pytest

from authz.policy.decision import HTTP_STATUS, Decision, Reason, Verdict


def test_a_decision_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="truth value"):
        bool(Decision(verdict=Verdict.DENY, reason=Reason.RULE))


def test_a_verdict_and_a_reason_are_required() -> None:
    with pytest.raises(TypeError):
        Decision()  # type: ignore[call-arg]


def test_every_reason_has_an_http_status() -> None:
    assert {reason: HTTP_STATUS[reason] for reason in Reason} == {
        reason: 421 if reason is Reason.MISDIRECTED else 403 for reason in Reason
    }
