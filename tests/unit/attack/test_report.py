# SPDX-License-Identifier: Apache-2.0
"""The table of `make attack`: what it adds up, and when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attack.report import GROUPS, Tried, read, scenario, table, tried
from tests.attack.run import verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    target = tmp_path / "tried"
    target.touch()
    monkeypatch.setenv("AUTHZ_ATTACK_REPORT", str(target))
    return target


def test_lines_of_the_same_name_are_added_up(report: Path) -> None:
    tried("faults", "a worker is killed", 3, unanswered=1)
    tried("corpus", "two hosts", 2)
    tried("faults", "a worker is killed", 4, wrong=2)
    rows = read(report)
    assert [(row["what"], row["times"], row["wrong"], row["unanswered"]) for row in rows] == [
        ("two hosts", 2, 0, 0),
        ("a worker is killed", 7, 2, 1),
    ]
    assert table(rows).splitlines() == [
        "group   what was tried      times  wrong  unanswered",
        "corpus  two hosts               2      0           0",
        "faults  a worker is killed      7      2           1",
        "all                             9      2           1",
    ]


def test_without_a_report_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTHZ_ATTACK_REPORT", raising=False)
    tried("corpus", "two hosts", 2)


def test_a_scenario_is_told_when_it_passes_and_when_it_fails_and_not_when_it_is_skipped(
    report: Path,
) -> None:
    @scenario("nodes", "a line breaks")
    def case(how: str) -> None:
        assert how != "fails"
        if how == "skipped":
            pytest.skip("there is no database")

    case("passes")
    with pytest.raises(AssertionError):
        case(how="fails")
    with pytest.raises(pytest.skip.Exception):
        case("skipped")

    assert read(report) == [
        Tried(group="nodes", what="a line breaks", times=2, wrong=1, unanswered=0)
    ]


def row(times: int = 1, wrong: int = 0, unanswered: int = 0) -> Tried:
    return Tried(group="floods", what="it", times=times, wrong=wrong, unanswered=unanswered)


@pytest.mark.parametrize(
    ("rows", "returncode", "status"),
    [
        ([row()], 0, 0),
        ([row()], 2, 2),
        ([row(wrong=1)], 0, 1),
        ([row(unanswered=1)], 0, 1),
        ([row(times=0)], 0, 1),
        ([], 0, 1),
    ],
)
def test_when_it_fails(rows: list[Tried], returncode: int, status: int) -> None:
    assert verdict(rows, returncode, ()) == status


def test_something_of_each_group_has_to_be_tried() -> None:
    rows = [Tried(group=group, what="it", times=1, wrong=0, unanswered=0) for group in GROUPS]
    assert verdict(rows, 0) == 0
    assert [verdict(rows[:n] + rows[n + 1 :], 0) for n in range(len(rows))] == [1] * len(GROUPS)
