# SPDX-License-Identifier: Apache-2.0
"""One group measured anew goes into the results of an earlier run, and says when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import machine, run
from benchmarks.figures import Figure, Result, Row, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.plan import Plan

ROW = Row(label="a row", unit="µs", samples=(Sample(value=2.0),))
KEY = "million/none"


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a run that had two groups; measuring any of them gives ROW."""

    def measure(group: str, _: Plan) -> Result:
        return Result(title=group, rows={"row": ROW}, figures=[Figure(key=KEY, values=(0.99,))])

    monkeypatch.setattr(run, "measure", measure)
    document = {
        **machine.describe(),
        "date": "2026-01-02",
        "rounds": 7,
        "limits": [{"key": KEY, "value": 0.1}, {"key": "another", "value": 1}],
        "groups": {"telling": {"title": "as it was"}, "full": {"title": "as it was"}},
    }
    file = tmp_path / "results.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def test_a_group_goes_where_it_belongs_with_its_date(earlier: Path) -> None:
    run.main(["--only", "decisions", "--output", str(earlier), "--into", "--rounds", "3"])

    document = read(earlier)
    assert [*document["groups"]] == ["telling", "decisions", "full"]
    group = document["groups"]["decisions"]
    assert group["rows"]["row"]["median"] == 2.0
    assert (group["date"], group["rounds"]) == (machine.describe()["date"], 3)
    assert group["load"] >= 0
    assert (document["date"], document["rounds"]) == ("2026-01-02", 7)
    assert document["groups"]["full"] == {"title": "as it was"}


def test_limits_of_the_group_are_looked_at_again(earlier: Path) -> None:
    run.main(["--only", "million", "--output", str(earlier), "--into"])

    ours, other = read(earlier)["limits"]
    assert (ours["key"], ours["value"]) == (KEY, 0.99)
    assert other == {"key": "another", "value": 1}


def test_figures_of_two_machines_are_not_mixed(earlier: Path) -> None:
    document = read(earlier)
    document["machine"]["processor"] = "another"
    earlier.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(SystemExit, match="of another machine"):
        run.main(["--only", "decisions", "--output", str(earlier), "--into"])

    assert read(earlier) == document


def test_without_being_asked_a_part_is_not_written(earlier: Path) -> None:
    before = read(earlier)

    run.main(["--only", "decisions", "--output", str(earlier)])

    assert read(earlier) == before
