# SPDX-License-Identifier: Apache-2.0
"""Messages: lower case, no full stop, printable whatever the source holds."""

from __future__ import annotations

import pytest

from authz.errors import ParseError, TypeCheckError
from authz.rules.problems import Problem, found, shown


@pytest.mark.parametrize("problem", list(Problem))
def test_a_message_states_a_fact(problem: Problem) -> None:
    error_class, template = problem.value

    assert error_class in (ParseError, TypeCheckError)
    assert not template.endswith(".")
    assert template[0].islower() or template[0] in "{IW"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", '"a"'), ("\x1b[2J", '"\\x1b[2J"'), ("a" * 70, '"' + "a" * 60 + '…"')],
)
def test_shown_text_is_short_and_printable(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", "the end"),
        ("abc.d e", '"abc.d"'),
        ("==x", '"=="'),
        ("(x", '"("'),
        ('"abc"', "a quoted text"),
    ],
)
def test_found_names_what_stands_there(source: str, expected: str) -> None:
    assert found(source, 0, len(source)) == expected
