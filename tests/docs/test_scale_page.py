# SPDX-License-Identifier: Apache-2.0
"""The page about a thousand nodes multiplies what was measured, and says on what machine."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generator; docs/ is no package."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("generators.scale")


def nodes(**more: Any) -> dict[str, Any]:
    row = {
        "nodes": 4,
        "changes": 200,
        "p99": 321.0,
        "connections": 5.0,
        "idle_statements": 3.0,
        "idle_database_ms": 2.0,
        "change_statements": 7.0,
        "change_database_ms": 4.0,
        "change_ms": 10.0,
        "snapshot_bytes": 1_234,
    }
    return {
        "date": "2026-01-02",
        "machine": {"processor": "P", "cores": 2},
        "load": 1.0,
        "certificate_bytes": 4_000.0,
        "nodes": [row],
        **more,
    }


def page(scale: ModuleType, **more: Any) -> str:
    results = json.loads(scale.RESULTS.read_text(encoding="utf-8"))
    return str(scale.page(results, nodes(**more)))


def test_what_a_node_costs_the_database_is_multiplied(scale: ModuleType) -> None:
    text = page(scale)

    assert "| connections while nothing changes | 5.0 | 5,000 |" in text
    assert "| transactions a second while nothing changes | 3.0 | 3,000 |" in text
    assert "| 2.0 ms a second | 2.0 cores |" in text
    assert "| 4.0 ms | 4.0 core seconds |" in text
    assert "| cores of PostgreSQL | 0.4 | 4.0 | 40.0 |" in text
    assert "room for some 100 nodes" in text
    assert "200 GB for all" in text
    assert "321 ms with 4 nodes" in text


def test_it_says_that_the_machine_was_busy(scale: ModuleType) -> None:
    assert "busy with other things" not in page(scale)
    assert "a load of 9.0 on 2 cores" in page(scale, load=9.0)


def test_of_how_many_changes_a_percentile_is_is_said(scale: ModuleType) -> None:
    few = {**nodes()["nodes"][0], "changes": 40}

    assert "321 ms with 4 nodes (200 changes), one after" in page(scale)
    assert "slowest" not in page(scale)
    assert "321 ms with 4 nodes (40 changes), one after" in page(scale, nodes=[few])
    assert "of fewer than 100 changes that is the slowest one" in page(scale, nodes=[few])
