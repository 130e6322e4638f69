# SPDX-License-Identifier: Apache-2.0
"""How a row's answer is compared; tests/e2e sends them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from authz.demo.client import Answer
from authz.demo.credentials import Credentials, make_credentials
from authz.demo.processes import free_port
from authz.demo.rows import decided_by, deviations, logged_since, send_row
from authz.demo.scenario import Row


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return make_credentials(tmp_path_factory.mktemp("demo"), at=1_800_000_000.0)


def row(**changes: Any) -> Row:
    given: dict[str, Any] = {
        "id": "x",
        "says": "x",
        "host": "api.localhost",
        "path": "/a",
        "certificate": "valid",
        "status": 200,
    }
    return Row(**{**given, **changes})


def logged(**changes: Any) -> dict[str, Any]:
    return {"reason": "default_action", "rule": "", "failure": "", **changes}


def answer(*headers: tuple[str, str], status: int = 200) -> Answer:
    body = json.dumps({"headers": headers}).encode()
    return Answer(status=status, headers=(), body=body)


def test_a_right_answer_has_no_deviations(credentials: Credentials) -> None:
    assert deviations(row(), answer(), logged(), credentials) == []


@pytest.mark.parametrize(
    ("got", "said", "wrong"),
    [
        (answer(status=403), logged(), "status 403, not 200"),
        (answer(), logged(reason="rule"), "reason 'rule', not 'default_action'"),
        (answer(), logged(rule="r"), "rule 'r', not ''"),
        (answer(), logged(failure="expired"), "failure 'expired', not ''"),
    ],
)
def test_every_deviation_is_said(
    credentials: Credentials, got: Answer, said: dict[str, Any], wrong: str
) -> None:
    assert deviations(row(), got, said, credentials) == [wrong]


def test_what_envoy_answers_by_itself_has_no_metadata(credentials: Credentials) -> None:
    nothing = logged(reason=None, rule=None, failure=None)

    assert deviations(row(status=400, reason=""), answer(status=400), nothing, credentials) == []


@pytest.mark.parametrize(
    ("expected", "value", "right"),
    [
        (None, None, True),
        (None, "spoofed", False),
        ("true", "true", True),
        ("true", "false", False),
        ("true", None, False),
        ("*", "anything", True),
        ("*", None, False),
        ("@valid", "valid", True),
        ("@valid", "second", False),
    ],
)
def test_what_the_application_sees_is_compared(
    credentials: Credentials, expected: str | None, value: str | None, right: bool
) -> None:
    if value in credentials.clients:
        value = credentials.clients[value].fingerprint
    headers = () if value is None else (("h", value),)

    wrong = deviations(row(upstream={"h": expected}), answer(*headers), logged(), credentials)

    assert (wrong == []) is right


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (logged(), "default_action"),
        (logged(reason="rule", rule="r"), "rule r"),
        (logged(reason="rule", rule="r", failure="expired"), "rule r (expired)"),
        (logged(reason="unknown_host"), "unknown_host"),
        (logged(reason=None), "Envoy"),
    ],
)
def test_who_decided_in_a_few_words(said: dict[str, Any], words: str) -> None:
    assert decided_by(said) == words


def envoy(port: int, *lines: dict[str, Any]) -> Any:
    """An Envoy that has written these lines once somebody asks."""
    child = SimpleNamespace(wait_until=lambda ready, *_: ready())
    return SimpleNamespace(port=port, child=child, log_lines=lambda: list(lines))


def test_the_first_line_behind_those_that_were_there_is_the_requests() -> None:
    first, second = logged(rule="1"), logged(rule="2")

    assert logged_since(envoy(1, first, second), 1) == second


def test_nobody_who_answers_is_a_deviation(credentials: Credentials) -> None:
    demo: Any = SimpleNamespace(envoy=envoy(free_port()), credentials=credentials)

    outcome = send_row(demo, row())

    assert outcome.status == 0
    (wrong,) = outcome.wrong
    assert wrong.startswith("no answer: ")
