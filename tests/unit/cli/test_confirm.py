# SPDX-License-Identifier: Apache-2.0
"""Something is destroyed only when somebody said so."""

from __future__ import annotations

import io

import pytest
import typer

from authz.cli.confirm import confirmed
from authz.errors import SettingsError


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> _Terminal:
    asked = _Terminal()
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    monkeypatch.setattr("sys.stderr", asked)
    return asked


def test_yes_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _terminal(monkeypatch, "")

    confirmed("remove it", yes=True)

    assert asked.getvalue() == ""


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n"])
def test_a_person_may_say_yes(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    asked = _terminal(monkeypatch, answer)

    confirmed("remove \x1b it", yes=False)

    assert asked.getvalue() == "remove \\x1b it? [y/N] "


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n"])
def test_anything_else_is_no(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    asked = _terminal(monkeypatch, answer)

    with pytest.raises(typer.Exit) as exit_:
        confirmed("remove it", yes=False)

    assert exit_.value.exit_code == 1
    assert "nothing was changed" in asked.getvalue()


def test_where_nobody_can_answer_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    with pytest.raises(SettingsError) as error:
        confirmed("remove it", yes=False)

    assert error.value.where == "--yes"
