# SPDX-License-Identifier: Apache-2.0
"""What the demo as a whole says and leaves; tests/e2e/test_demo.py runs it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from authz.demo import run
from authz.demo.rows import Outcome
from authz.demo.run import run_demo, summary
from authz.demo.scenario import ROWS
from authz.demo.story import StepOutcome
from authz.demo.story_steps import STEPS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("rows", "steps", "words"),
    [
        ([True] * 3, [True] * 2, "3 rows and 2 steps as expected"),
        ([True, False], [True], "1 of 2 rows and 1 steps as expected"),
        ([True], [False, True, False], "1 rows and 1 of 3 steps as expected"),
    ],
)
def test_right_answers_are_counted(rows: list[bool], steps: list[bool], words: str) -> None:
    assert summary(rows, steps) == words


@pytest.mark.parametrize(
    ("row", "step", "status"), [((), (), 0), (("status",), (), 1), ((), ("late",), 1)]
)
def test_one_wrong_row_or_step_is_the_exit_status(
    row: tuple[str, ...],
    step: tuple[str, ...],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Told:
        issued = "1"

        def __init__(self, _demo: object) -> None:
            self.outcomes = [
                StepOutcome(step=one, actual="", wrong=step if one is STEPS[3] else ())
                for one in STEPS
            ]

        def tell(self) -> None:
            pass

    def sent(_demo: object, one: object) -> Outcome:
        assert one in ROWS
        wrong = row if one is ROWS[5] else ()
        return Outcome(row=ROWS[5], status=200, decided_by="", wrong=wrong)

    authz = SimpleNamespace(metrics_address="m", metrics=lambda: "")
    monkeypatch.setattr(run, "find_envoy", lambda: "envoy")
    monkeypatch.setattr(run, "envoy_version", lambda _: (1, 2, 3))
    monkeypatch.setattr(run, "start_demo", lambda *_: SimpleNamespace(authz=authz))
    monkeypatch.setattr(run, "send_row", sent)
    monkeypatch.setattr(run, "Story", Told)

    assert run_demo(check=True) == status
    assert ("row 6: status" in capsys.readouterr().out) is bool(row)


def test_a_directory_of_somebody_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    monkeypatch.setattr(run, "DIRECTORY", tmp_path / "mine")

    assert run_demo(check=False) == 1
    assert "was not made by the demo" in capsys.readouterr().err
    assert (tmp_path / "mine" / "file").exists()


def test_a_directory_that_cannot_be_made_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "DIRECTORY", tmp_path / "missing" / "demo")

    assert run_demo(check=False) == 1
    assert "cannot be written" in capsys.readouterr().err
