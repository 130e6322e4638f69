# SPDX-License-Identifier: Apache-2.0
"""How steps are judged and printed; the whole story is in test_story."""

from __future__ import annotations

from typing import Any

import pytest

from authz.demo.commands import REFUSED
from authz.demo.story_steps import Step
from authz.demo.telling import cells, judged, request_line


def step(**changes: Any) -> Step:
    given = {"id": "x", "says": "x", "expected": "403", "reason": "rule", **changes}
    return Step(**given)


def logged(reason: str = "rule", failure: str = "") -> dict[str, Any]:
    return {"reason": reason, "rule": "r", "failure": failure}


def test_a_right_answer_in_time_is_not_wrong() -> None:
    outcome = judged(step(within=0.5), "403", logged(), seconds=0.004)

    assert outcome.wrong == ()
    assert cells(7, outcome) == (
        *("7", "x", "devices.localhost/", "403", "403", "ok", "4 ms", "rule r"),
    )


@pytest.mark.parametrize(
    ("actual", "log", "seconds", "wrong"),
    [
        ("200", logged(), 0.1, "200, not 403"),
        ("403, reconnected", logged(), 0.1, "403, reconnected, not 403"),
        ("403", logged(reason="unknown_host"), 0.1, "reason 'unknown_host', not 'rule'"),
        ("403", logged(failure="expired"), 0.1, "failure 'expired', not ''"),
        ("403", None, 0.1, "reason '', not 'rule'"),
        ("403", logged(), 0.6, "0.600 s after the change was done, not within 0.5 s"),
    ],
)
def test_every_deviation_is_said(
    actual: str, log: dict[str, Any] | None, seconds: float, wrong: str
) -> None:
    outcome = judged(step(within=0.5), actual, log, seconds=seconds)

    assert outcome.wrong == (wrong,)
    assert "wrong" in cells(1, outcome)


def test_a_step_without_a_limit_is_not_measured() -> None:
    outcome = judged(step(), "403", logged(), seconds=9.0)

    assert (outcome.wrong, outcome.seconds) == ((), None)


def test_a_refused_handshake_is_envoys_decision() -> None:
    outcome = judged(step(expected=REFUSED, reason=""), REFUSED)

    assert (outcome.wrong, outcome.decided_by) == ((), "Envoy")


def test_several_requests_are_told() -> None:
    outcome = judged(step(within=0.5), "403", logged(), seconds=0.1, asked=3)

    assert "100 ms, request 3" in cells(1, outcome)


def test_a_call_is_one_line_without_what_is_long() -> None:
    body = {"csr": "-----BEGIN X-----\n", "days": 30, "reactivate": True, "policies": [{"a": 1}]}

    assert request_line("DELETE", "/zones/1") == "> DELETE /zones/1"
    assert request_line("POST", "/zones/1", body) == (
        '> POST /zones/1 {"csr": "...", "days": 30, "reactivate": true, "policies": "..."}'
    )
