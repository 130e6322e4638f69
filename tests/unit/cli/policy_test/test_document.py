# SPDX-License-Identifier: Apache-2.0
"""The schema of a file of cases: times, headers, names out of closed sets."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from authz.cli.policy_test.document import TestDocument
from authz.settings.problems import Problem, problems_of
from tests.factories.pki import AT


def _document(**case: Any) -> dict[str, Any]:
    return {
        "cases": [{"name": "a", "request": {"host": "a"}, "expect": {"verdict": "deny"}, **case}]
    }


def _problem(document: dict[str, Any]) -> Problem:
    with pytest.raises(ValidationError) as caught:
        TestDocument.model_validate(document)
    (problem,) = problems_of(caught.value, TestDocument)
    return problem


@pytest.mark.parametrize("at", ["2026-03-01T12:00:00Z", "2026-03-01T13:00+01:00", AT, int(AT)])
def test_a_time_is_text_with_a_zone_or_unix_seconds(at: object) -> None:
    assert TestDocument.model_validate(_document(at=at)).cases[0].at == AT


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("noon", '"noon" is not a time'),
        ("2026-03-01", '"2026-03-01" has no time zone'),
        (True, "expected a time, not the boolean true"),
        ([], "expected a time, not a list"),
    ],
)
def test_what_is_no_time_is_refused(at: object, message: str) -> None:
    assert _problem(_document(at=at)).message == message


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (["a"], "expected a mapping, not a list"),
        ({"a": 1}, 'the header "a" is not text'),
        ({"a": ["b", None]}, 'the header "a" is not text'),
    ],
)
def test_headers_are_texts_by_name(headers: object, message: str) -> None:
    assert _problem(_document(request={"host": "a", "headers": headers})).message == message


@pytest.mark.parametrize(
    ("expect", "message", "hint"),
    [
        ({"reason": "unknown_hots"}, '"unknown_hots" is no reason', 'did you mean "unknown_host"?'),
        ({"failure": "expird"}, '"expird" is no failure', 'did you mean "expired"?'),
    ],
)
def test_names_come_from_closed_sets(expect: dict[str, str], message: str, hint: str) -> None:
    problem = _problem(_document(expect={"verdict": "deny", **expect}))

    assert (problem.message, problem.hint) == (message, hint)


def test_a_case_that_expects_nothing_is_refused() -> None:
    assert _problem(_document(expect={})).message == 'the key "verdict" is missing'


def test_a_file_without_cases_is_refused() -> None:
    assert _problem({"cases": []}).message == "the list is too short"
