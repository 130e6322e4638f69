# SPDX-License-Identifier: Apache-2.0
"""A limit is kept by a measured value within it, and by nothing else."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure, Result
from benchmarks.limits import LIMITS, missed
from benchmarks.printing import limits
from benchmarks.run import GROUPS


def figure(key: str, *values: float) -> Figure:
    return Figure(key=key, values=values)


def test_every_limit_belongs_to_a_group() -> None:
    assert {limit.group for limit in LIMITS} <= set(GROUPS)


@pytest.mark.parametrize(
    ("key", "group", "kept", "beyond"),
    [("full/always-allow", "full", 0.85, 0.849), ("first sight", "first-sight", 1.5, 1.501)],
)
def test_a_value_at_the_limit_keeps_it(key: str, group: str, kept: float, beyond: float) -> None:
    others = [figure(one.key, 1.0) for one in LIMITS if one.group == group and one.key != key]

    assert not missed([figure(key, kept), *others], [group])
    assert [one.key for one in missed([figure(key, beyond), *others], [group])] == [key]


def test_what_was_not_measured_misses_its_limit() -> None:
    assert [one.key for one in missed([figure("million/none")], ["million"])] == ["million/none"]
    assert [one.key for one in missed([], ["million"])] == ["million/none"]


def test_groups_that_were_not_asked_for_miss_nothing() -> None:
    assert missed([], ["micro"]) == []


def test_every_limit_is_printed_with_its_value_and_whether_it_is_kept() -> None:
    result = Result(title="", figures=[figure("full/go", 1.25), figure("full/always-allow", 0.5)])

    passed, failed = limits({"full": result}).splitlines()

    assert passed.split()[:4] == ["pass", "1.25", "≥", "1"]
    assert failed.split()[:4] == ["FAIL", "0.5", "≥", "0.85"]
