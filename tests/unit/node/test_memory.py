# SPDX-License-Identifier: Apache-2.0
"""Giving memory back does no harm, where it works and where it does not."""

from __future__ import annotations

import ctypes

import pytest

from authz.node.memory import release_memory


def test_it_asks_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Library:
        def __init__(self, name: None) -> None:
            self.malloc_trim = asked.append

    monkeypatch.setattr(ctypes, "CDLL", Library)
    release_memory()
    assert asked == [0]


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_a_library_without_it_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def missing(_: None) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", missing)
    release_memory()


def test_it_works_here() -> None:
    release_memory()
