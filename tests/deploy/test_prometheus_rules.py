# SPDX-License-Identifier: Apache-2.0
"""Recording and alert rules: promtool takes them, tests each alert, and each has its page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz.api.metrics import API_METRICS
from authz.node.admin.keeper import RESTARTS, UP
from authz.node.control.metrics import CONTROL_METRICS
from authz.node.fleet_metrics import FLEET_METRICS
from authz.observability.exposition import METRICS
from authz.sds.metrics import SDS_METRICS
from tests.factories.accepted import accepted
from tests.factories.page_blocks import texts_of
from tests.factories.pages import DOCS
from tests.factories.prometheus import promtool, require_prometheus
from tests.factories.promql import (
    RULE_TESTS,
    RULES,
    alerts,
    dashboard_queries,
    metrics_in,
    records,
    rule_queries,
)

if TYPE_CHECKING:
    from pathlib import Path

GUIDES = DOCS / "how-to"
PAGE = GUIDES / "alerts.md"

pytestmark = [pytest.mark.prometheus, pytest.mark.deploy]


@pytest.mark.parametrize("file", RULES, ids=lambda one: one.stem)
def test_promtool_takes_the_rules(file: Path) -> None:
    version = require_prometheus()
    said = promtool("check", "rules", file)

    many = sum(len(group["rules"]) for group in yaml.safe_load(file.read_text())["groups"])
    assert f"SUCCESS: {many} rules found" in said
    accepted(file, version, f"check rules: {many} rules")


def test_promtool_takes_the_configuration_of_the_guide(tmp_path: Path) -> None:
    version = require_prometheus()
    blocks = texts_of(GUIDES / "monitor.md", "yaml")
    (found,) = [one for one in blocks if one.startswith("global:")]
    (tmp_path / "prometheus.yml").write_text(found, encoding="utf-8")
    (tmp_path / "rules").symlink_to(RULES[0].parent)
    said = promtool("check", "config", tmp_path / "prometheus.yml")

    assert f"{len(RULES)} rule files found" in said
    accepted(GUIDES / "monitor.md", version, "check config of the scrape configuration")


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda one: one.stem)
def test_promtool_finds_that_each_alert_fires_and_does_not(file: Path) -> None:
    version = require_prometheus()
    assert "SUCCESS" in promtool("test", "rules", file)

    accepted(file, version, f"test rules: {len(_tests(file))} tests")
    # Each alert has its section on the page, and each section its alert (below).
    accepted(PAGE, version, "test rules: each alert of the page fires, and not before")


def _tests(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
    return found


def test_each_alert_is_tested_to_fire_not_before_and_not_for_less() -> None:
    fires, before, quiet = set(), set(), set()
    for file in RULE_TESTS:
        for one in _tests(file):
            asked = one["alert_rule_test"]
            name = asked[-1]["alertname"]
            assert {each["alertname"] for each in asked} == {name}
            if not asked[-1]["exp_alerts"]:
                quiet.add(name)
                continue
            fires.add(name)
            if len(asked) == 2:
                first, then = (int(each["eval_time"].removesuffix("m")) for each in asked)
                assert (then - first, asked[0]["exp_alerts"]) == (1, [])
                before.add(name)

    assert fires == before == quiet == set(alerts())


@pytest.mark.parametrize("name", alerts())
def test_each_alert_says_how_bad_it_is_what_it_is_how_much_and_where_to_read_on(name: str) -> None:
    alert = alerts()[name]
    notes = alert["annotations"]

    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert "$value" in notes["description"]
    assert notes["runbook_url"] == f"docs/how-to/alerts.md#{name.lower()}"
    assert "for" in alert


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (Authz\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))

    assert sections.keys() == alerts().keys()
    for name, section in sections.items():
        for part in ("**What it means.**", "**How to look.**", "**What to do.**"):
            assert section.count(part) == 1, f"{name}: {part}"
        assert f"({alerts()[name]['labels']['severity']})" in section.split("\n\n")[0], name


def test_what_is_asked_of_prometheus_is_a_metric_of_ours_or_recorded() -> None:
    others = {one.name for one in (*FLEET_METRICS, *CONTROL_METRICS, *SDS_METRICS, *API_METRICS)}
    scraped = {*METRICS, *others, UP.name, RESTARTS.name}
    histograms = {"authz_check_duration_seconds", "authz_api_request_seconds"}
    assert histograms <= scraped
    known = scraped | records() | {"up", "ALERTS"}
    known |= {f"{name}_{end}" for name in histograms for end in ("bucket", "count", "sum")}

    named = [
        (one.where, metric)
        for one in (*rule_queries(), *dashboard_queries())
        for metric in metrics_in(one.expression)
    ]
    assert [one for one in named if one[1] not in known] == []


def test_what_is_recorded_is_used() -> None:
    asked = {
        metric
        for one in (*rule_queries(), *dashboard_queries())
        for metric in metrics_in(one.expression)
    }

    assert records() - asked <= {
        # For whoever looks at one instance; the dashboards ask over all of them.
        "instance:authz_check_duration_seconds:p50",
        "instance:authz_check_duration_seconds:p95",
    }
