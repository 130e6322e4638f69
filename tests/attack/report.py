# SPDX-License-Identifier: Apache-2.0
"""What was tried, how often, and what came of it: tests say it, `make attack` prints it.

Without `AUTHZ_ATTACK_REPORT`, the file to write to, nothing is kept.
"""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, TypedDict, get_args

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_Given = ParamSpec("_Given")

Group = Literal["corpus", "faults", "floods", "rights", "nodes"]
GROUPS: tuple[Group, ...] = get_args(Group)
COLUMNS = ("group", "what was tried", "times", "wrong", "unanswered")


class Tried(TypedDict):
    """A line that a test wrote."""

    group: Group
    what: str
    times: int
    wrong: int
    unanswered: int


def tried(group: Group, what: str, times: int, *, wrong: int = 0, unanswered: int = 0) -> None:
    """Say that `what` was tried `times` times.

    `wrong` counts answers that were not the expected ones (an accidental allow is one), and
    `unanswered` requests without any answer at all where one was due. A test says it before it
    asserts that both are 0, so that the table shows what went wrong.
    """
    target = os.environ.get("AUTHZ_ATTACK_REPORT")
    if not target:
        return
    line = Tried(group=group, what=what, times=times, wrong=wrong, unanswered=unanswered)
    # One write of one line: tests run side by side.
    with Path(target).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def scenario(group: Group, what: str) -> Callable[[Callable[_Given, None]], Callable[_Given, None]]:
    """Say that a test tried `what`: once, and wrong when it fails, wherever it does."""

    def telling(test: Callable[_Given, None]) -> Callable[_Given, None]:
        @functools.wraps(test)
        def run(*args: _Given.args, **named: _Given.kwargs) -> None:
            try:
                test(*args, **named)
            except pytest.skip.Exception:
                raise
            except BaseException:
                tried(group, what, 1, wrong=1)
                raise
            tried(group, what, 1)

        return run

    return telling


def read(path: Path) -> list[Tried]:
    """The lines of a report, those of the same group and name added up, in the order of groups."""
    sums: dict[tuple[Group, str], Counter[str]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line: Tried = json.loads(text)
        counts = sums.setdefault((line["group"], line["what"]), Counter())
        counts.update(times=line["times"], wrong=line["wrong"], unanswered=line["unanswered"])
    rows = [
        Tried(
            group=group, what=what, times=c["times"], wrong=c["wrong"], unanswered=c["unanswered"]
        )
        for (group, what), c in sums.items()
    ]
    return sorted(rows, key=lambda row: (GROUPS.index(row["group"]), row["what"]))


def table(rows: list[Tried]) -> str:
    """One line for each row, and one with the sums."""
    cells = [
        (row["group"], row["what"], *(str(row[key]) for key in ("times", "wrong", "unanswered")))
        for row in rows
    ]
    sums = (str(sum(row[key] for row in rows)) for key in ("times", "wrong", "unanswered"))
    lines = [COLUMNS, *cells, ("all", "", *sums)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
