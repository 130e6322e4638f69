# SPDX-License-Identifier: Apache-2.0
"""Collecting problems until everything was looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from authz.errors import PolicyError
from authz.settings.problems import MAX_PROBLEMS
from authz.settings.yaml_document import YamlDocument
from authz.sources.building import Building
from authz.sources.files import FileReader


def building() -> Building:
    return Building(Path("policy.yaml"), YamlDocument("a:\n  b: 1\n"), FileReader())


def test_nothing_reported_is_nothing_raised() -> None:
    building().check()


def test_the_first_problem_of_the_file_carries_the_others() -> None:
    current = building()
    current.report(("a", "b"), "found first")
    current.report((), "stands first", "do")

    with pytest.raises(PolicyError) as caught:
        current.check()

    assert (str(caught.value), caught.value.hint) == ("policy.yaml:1: stands first", "do")
    assert [str(other) for other in caught.value.others] == ["policy.yaml:2: a.b: found first"]


def test_there_is_a_bound() -> None:
    current = building()
    for number in range(100):
        current.report((), f"x{number}")

    with pytest.raises(PolicyError) as caught:
        current.check()

    assert len(caught.value.others) == MAX_PROBLEMS - 1
