# SPDX-License-Identifier: Apache-2.0
"""Grafana's dashboards: as described, by Grafana's schema, each panel explained and in its place.

Whether their queries return data is for tests/e2e/test_prometheus.py. No Grafana is here to import
them; the schema is the one that Grafana publishes.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.accepted import accepted, tool
from tests.factories.promql import DASHBOARDS, DEPLOY

if TYPE_CHECKING:
    from pathlib import Path

GENERATE = DEPLOY / "grafana" / "generate.py"

pytestmark = pytest.mark.deploy

each = pytest.mark.parametrize("file", DASHBOARDS, ids=lambda one: one.stem)


def _panels(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["panels"]
    return found


def test_they_are_what_their_sources_say() -> None:
    run = subprocess.run(
        [sys.executable, GENERATE, "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    sources = sorted((DEPLOY / "grafana").glob("*.yaml"))
    assert len(sources) == len(DASHBOARDS) == 2
    for file in (GENERATE, *sources):
        accepted(file, f"Python {platform.python_version()}", "writes the dashboards as they are")


@each
def test_grafanas_schema_takes_them(file: Path, tmp_path: Path) -> None:
    schema = tool("grafana-schema")
    assert subprocess.run([schema, file], timeout=60, check=False).returncode == 0
    accepted(file, "grafana-foundation-sdk v0.0.22", "strict reading by Grafana's schema")

    wrong = tmp_path / "wrong.json"
    wrong.write_text(file.read_text(encoding="utf-8").replace('"lineWidth"', '"lineWidht"'))
    refused = subprocess.run(
        [schema, wrong], capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 1
    assert "unexpected field 'lineWidht'" in refused.stderr


@each
def test_each_panel_says_what_it_shows_in_which_unit(file: Path) -> None:
    for panel in _panels(file):
        if panel["type"] != "row":
            assert len(panel["description"]) > 20, panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["targets"], panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}"


@each
def test_no_two_panels_are_in_one_place(file: Path) -> None:
    panels = _panels(file)
    assert len({one["id"] for one in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
    for one, other in combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{one['title']} and {other['title']}"


@each
def test_they_can_be_imported_and_lead_to_each_other(file: Path) -> None:
    dashboard = json.loads(file.read_text(encoding="utf-8"))

    assert dashboard["uid"] == file.stem
    assert len(dashboard["uid"]) <= 40
    assert "__inputs" not in dashboard
    assert "id" not in dashboard
    assert dashboard["links"][0]["tags"] == dashboard["tags"] == ["authz"]
    names = [one["name"] for one in dashboard["templating"]["list"]]
    assert names[:3] == ["datasource", "job", "instance"]
