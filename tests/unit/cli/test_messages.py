# SPDX-License-Identifier: Apache-2.0
"""How errors look on a terminal and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from authz.cli import messages
from authz.errors import ParseError, PolicyError

if TYPE_CHECKING:
    import pytest


def test_an_error_its_hint_and_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    error = PolicyError("one", where="p.yaml:1: a", hint="do")
    error.others = (PolicyError("two"),)

    messages.report(error)

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "authz: error: p.yaml:1: a: one",
        "authz: hint: do",
        "authz: error: two",
    ]


def test_carets_stay_under_their_characters(capsys: pytest.CaptureFixture[str]) -> None:
    messages.report(ParseError("bad", source="ssl foo", span=(4, 7), where="p.yaml:1: a"))

    assert capsys.readouterr().err.splitlines() == [
        "authz: error: p.yaml:1: a:1:5: bad",
        "  ssl foo",
        "      ^^^",
    ]


def test_nothing_from_a_file_drives_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    messages.report(PolicyError("bad \x1b[31m\u202e", hint="a\rb"))
    messages.warning("\x07")

    err = capsys.readouterr().err
    assert err.splitlines() == [
        "authz: error: bad \\x1b[31m\\u202e",
        "authz: hint: a\\rb",
        "authz: warning: \\x07",
    ]


def test_an_error_as_json() -> None:
    error = ParseError("bad", source="a\nb", span=(2, 3), hint="do", where="w")

    assert messages.error_json(error) == {
        "message": "bad",
        "where": "w",
        "hint": "do",
        "code": ParseError.code,
        "line": 2,
        "column": 1,
    }
    assert "line" not in messages.error_json(PolicyError("x"))


#: Drives a terminal, changes the order of what is read, or is half a character.
_NASTY = "é\x1b]0;x\x07\u009b31m\u202e\u2028\U000e0041\x7f, \xa0日本 " + "word " * 30


def test_json_and_yaml_say_the_same_and_drive_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given: dict[str, Any] = {"a": [_NASTY, "two\nlines", "é", {"b": "\ud800"}], "n": 1}

    messages.result_json(given)
    out = capsys.readouterr().out
    assert json.loads(out) == given
    assert out.replace("\n", "").isprintable()
    assert "é" in out

    given["a"] = [_NASTY, "two\nlines", "é", "日本"]
    messages.result_yaml(given)
    out = capsys.readouterr().out
    assert yaml.safe_load(out) == given
    assert out.replace("\n", "").isprintable()
    assert "- é\n- 日本" in out
