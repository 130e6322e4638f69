# SPDX-License-Identifier: Apache-2.0
"""The page about sizing calculates with what was measured, and says what was not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"
RATES = (10, 1_000, 100_000)

ROWS = {
    "allowed: no log": 3.0,
    "allowed: a log of blocks": 3.1,
    "allowed: a log of one in 100": 3.5,
    "allowed: a log of everything": 4.0,
    "allowed: a log whose file takes nothing": 4.1,
    "denied: no log": 2.0,
    "denied: a log of everything": 3.0,
    "a check and its line, made and written": 33.0,
    "allowed: traces, this one not sampled": 3.6,
    "allowed: traces, this one sampled": 4.2,
    "a check and its span, made and not sent": 53.0,
    "line, allowed": 1_000.0,
    "line, denied": 500.0,
}


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """The generator; docs/ is no package."""
    file = DOCS / "generators" / "capacity_logs.py"
    spec = importlib.util.spec_from_file_location("capacity_logs_of_this_test", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def results(**more: Any) -> dict[str, Any]:
    group = {"rows": {name: {"median": value} for name, value in ROWS.items()}, **more}
    machine = {"cores": 2}
    return {"date": "2026-01-02", "machine": machine, "groups": {"decisions": group}}


def row(text: str, begins: str) -> list[str]:
    """The cells of a row of a table, behind its first one."""
    (line,) = [one for one in text.splitlines() if one.startswith(f"| {begins}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_disk_of_a_day_is_rate_times_bytes_times_seconds(page: ModuleType) -> None:
    text = page.logs_section(results(), RATES, 20.0)

    # Of a hundred lines 99 have 1,000 bytes and one has 500: 995 on average.
    assert row(text, "disk a day, `what: all`") == ["0.86 GB", "86 GB", "8,597 GB"]
    # One of the 99 is written, and the one that was denied: 14.9 bytes for each request.
    assert row(text, "disk a day, `what: sampled`") == ["0.0129 GB", "1.29 GB", "129 GB"]
    assert row(text, "disk a day, `what: blocks`") == ["0.00432 GB", "0.432 GB", "43.2 GB"]


def test_a_line_takes_its_processor_time_from_checks(page: ModuleType) -> None:
    text = page.logs_section(results(), RATES, 20.0)

    assert row(text, "processor time of lines") == ["0.0003 cores", "0.03 cores", "3 cores"]
    # 20 + 30 microseconds.
    assert "answers 20,000 a second instead of 50,000" in text
    assert row(text, "traces, this one sampled")[1].startswith("50 µs")


@pytest.mark.parametrize(
    ("more", "date"), [({}, "2026-01-02"), ({"date": "2026-03-04"}, "2026-03-04")]
)
def test_it_says_when_that_was_measured(page: ModuleType, more: dict[str, str], date: str) -> None:
    assert f"on {date}" in page.logs_section(results(**more), RATES, 20.0)


def test_it_says_that_the_machine_was_busy(page: ModuleType) -> None:
    busy = "a load of 19.1"

    assert busy in page.logs_section(results(date="2026-03-04", load=19.1), RATES, 20.0)
    assert "busy" not in page.logs_section(results(date="2026-03-04", load=1.5), RATES, 20.0)


def test_it_says_when_that_was_not_measured(page: ModuleType) -> None:
    text = page.logs_section({"date": "2026-01-02", "groups": {}}, RATES, 20.0)

    assert "did not measure" in text
    assert "µs" not in text
