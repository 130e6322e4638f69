# SPDX-License-Identifier: Apache-2.0
"""What pydantic finds, in our words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field, ValidationError

from authz.settings.problems import (
    MAX_PROBLEMS,
    Problem,
    Section,
    describe,
    did_you_mean,
    fault,
    problems_of,
)


def _braces(value: str) -> str:
    raise fault("{braces} stay", hint="{too}")


class Inner(Section):
    """A section."""

    workers: Annotated[int, Field(ge=1, le=9)] = 1
    mode: Literal["auto", "native"] = "auto"


class Outer(Section):
    """The document."""

    name: str
    inner: Inner = Inner()
    many: list[Inner] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)
    flag: bool = False
    maybe: Inner | None = None
    least: Annotated[list[str], Field(min_length=1)] = Field(default_factory=list)
    braces: Annotated[str, AfterValidator(_braces)] = ""


def problems(value: Any, refused: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    return problems_of(caught.value, Outer, refused)


@pytest.mark.parametrize(
    ("value", "path", "message", "hint"),
    [
        ({}, ("name",), 'the key "name" is missing', "add name: …"),
        (
            {"name": "a", "least": 'x"y'},
            ("least",),
            'expected a list, not the text "x"y"',
            'put it in brackets: ["x\\"y"]',
        ),
        ({"name": "a", "least": "x" * 41}, ("least",), "expected a list, not text", None),
        ({"name": "a", "nmae": 1}, ("nmae",), 'unknown key "nmae"', 'did you mean "name"?'),
        (
            {"name": "a", "inner": {"wrokers": 1}},
            ("inner", "wrokers"),
            'unknown key "wrokers"',
            'did you mean "workers"?',
        ),
        (
            {"name": "a", "many": [{}, {"xyz": 1}]},
            ("many", 1, "xyz"),
            'unknown key "xyz"',
            "known here: mode, workers",
        ),
        (
            {"name": "a", "named": {"n": {"mod": 1}}},
            ("named", "n", "mod"),
            'unknown key "mod"',
            'did you mean "mode"?',
        ),
        (
            {"name": "a", "maybe": {"mod": 1}},
            ("maybe", "mod"),
            'unknown key "mod"',
            'did you mean "mode"?',
        ),
        ({"name": 1}, ("name",), "expected text, not the number 1", "put it in quotes"),
        (
            {"name": None},
            ("name",),
            "expected text, not nothing",
            "give it a value or remove the key",
        ),
        (
            {"name": "a", "inner": {"workers": "2"}},
            ("inner", "workers"),
            'expected a whole number, not the text "2"',
            None,
        ),
        ({"name": "a", "flag": 1}, ("flag",), "expected true or false, not the number 1", None),
        ({"name": "a", "inner": []}, ("inner",), "expected a mapping, not a list", None),
        ({"name": "a", "many": {}}, ("many",), "expected a list, not a mapping", None),
        (
            {"name": "a", "inner": {"workers": 10}},
            ("inner", "workers"),
            "10 is out of range",
            "it must be at most 9",
        ),
        (
            {"name": "a", "inner": {"mode": "Auto"}},
            ("inner", "mode"),
            '"Auto" is not one of auto, native',
            'did you mean "auto"?',
        ),
        (
            {"name": "a", "inner": {"mode": True}},
            ("inner", "mode"),
            "expected one of auto, native, not the boolean true",
            None,
        ),
        ({"name": "a", "least": []}, ("least",), "the list is too short", "name at least 1"),
        ({"name": "a", "braces": "x"}, ("braces",), "{braces} stay", "{too}"),
    ],
)
def test_each_kind_of_mistake(
    value: Any, path: tuple[str | int, ...], message: str, hint: str | None
) -> None:
    assert problems(value) == [Problem(path=path, message=message, hint=hint)]


def test_a_key_that_is_known_elsewhere_says_why_not_here() -> None:
    assert problems({"name": "a", "id": 1}, {"id": "names are enough"})[0].hint == (
        "names are enough"
    )


def test_a_wrong_file_does_not_give_a_thousand_lines() -> None:
    assert len(problems({str(n): n for n in range(1000)})) == MAX_PROBLEMS


def test_long_text_is_not_repeated() -> None:
    assert describe("x" * 41) == "text"


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Inner().workers = 2  # type: ignore[misc]  # that is what is tested


def test_a_word_that_is_like_none_gets_the_list() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known here: a, b"
