# SPDX-License-Identifier: Apache-2.0
"""`authz expression eval`: one answer for one line, whatever the line is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.cli.evaluation import answer


def ask(line: Any) -> Any:
    return json.loads(answer(json.dumps(line).encode()))


def test_the_answer_is_the_verdict() -> None:
    assert ask({"expression": "ssl", "fields": {"ssl": True}}) == {"result": True}
    assert ask({"expression": "ssl"}) == {"result": False}


@pytest.mark.parametrize("id_", [None, 0, 1.5, "x", "\udcff", [1, {"a": None}], {"b": []}, 2**70])
def test_an_id_is_echoed_in_front_of_any_answer(id_: Any) -> None:
    good = ask({"expression": "true", "id": id_})
    bad = ask({"id": id_, "expression": "true and"})
    none = ask({"id": id_})

    assert good == {"id": id_, "result": True}
    assert list(bad) == list(none) == ["id", "error"]
    assert bad["id"] == none["id"] == id_


def test_other_keys_are_ignored_and_unknown_fields_are_not() -> None:
    assert ask({"expression": "ssl", "field": {"ssl": 5}, "note": 1}) == {"result": False}
    assert ask({"expression": "ssl", "fields": {"sll": True}})["error"] == {
        "message": 'unknown field "sll"',
        "line": None,
        "column": None,
        "hint": 'did you mean "ssl"?',
    }


def test_a_fault_of_the_expression_has_its_place() -> None:
    assert ask({"expression": 'ssl\nand http.hots eq "a"'})["error"] == {
        "message": 'unknown field "http.hots"',
        "line": 2,
        "column": 5,
        "hint": 'did you mean "http.host"?',
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "the line is not JSON"),
        (b"{", "the line is not JSON"),
        (b"\xff", "the line is not JSON"),
        (b"[" * 100_000, "the line is not JSON"),
        (b'{"expression": "ssl", "id": NaN}', "the line is not JSON: NaN is no value of JSON"),
        (b'{"expression": "ssl", "id": 1e400}', "the line is not JSON: 1e400 is out of range"),
        (b"[]", "the line has no expression"),
        (b"{}", "the line has no expression"),
        (b'{"expression": 5}', '"expression" is not a text'),
        (b'{"expression": "ssl", "fields": []}', '"fields" is not an object'),
        (b'{"expression": "ssl", "lists": []}', '"lists" is not an object'),
    ],
)
def test_a_line_that_says_nothing_is_answered_too(line: bytes, message: str) -> None:
    assert json.loads(answer(line))["error"]["message"].startswith(message)


def test_a_random_seed_is_empty_like_every_field_that_is_left_out() -> None:
    assert ask({"expression": 'cf.random_seed eq ""'}) == {"result": True}
    assert ask({"expression": 'cf.random_seed eq "a"', "fields": {"cf.random_seed": "a"}}) == {
        "result": True
    }


@given(line=st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)))
def test_every_line_has_one_answer_in_one_line_of_ascii(line: bytes) -> None:
    found = answer(line)

    assert found.isascii()
    assert "\n" not in found
    assert json.loads(found).keys() & {"result", "error"}
