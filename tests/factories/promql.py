# SPDX-License-Identifier: Apache-2.0
"""What rules and dashboards below deploy/ ask of Prometheus: their queries, and the names in them.

No parser of PromQL: promtool and Prometheus judge the grammar. Here only the names of metrics and
labels are picked out, to be compared with what there is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))

#: What is asked of others: kubelet (cAdvisor), and kube-state-metrics.
OF_THE_CLUSTER = frozenset(
    {
        "container_memory_working_set_bytes",
        "container_spec_memory_limit_bytes",
        "kube_pod_container_status_restarts_total",
        "kube_pod_container_status_last_terminated_reason",
        "kube_pod_init_container_status_restarts_total",
        "kube_pod_init_container_status_last_terminated_reason",
    }
)

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_METRIC = re.compile(r"\b(?:up|ALERTS|(?:\w+:)?authz_[\w:]+)\b")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question of a rule or a dashboard.

    Args:
        where: for people.
        expression: PromQL, without variables of Grafana.
        legend: the labels that its legend names.
    """

    where: str
    expression: str
    legend: frozenset[str] = frozenset()


def rules() -> list[dict[str, Any]]:
    """Every recording and alert rule."""
    return [
        rule
        for file in RULES
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def records() -> set[str]:
    """The names of the series that rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def rule_queries() -> list[Query]:
    """What the rules ask."""
    return [
        Query(where=rule.get("alert") or rule["record"], expression=rule["expr"])
        for rule in rules()
    ]


def dashboard_queries() -> list[Query]:
    """What the panels ask when everything is chosen, over ten minutes."""
    return [
        Query(
            where=f"{file.stem}: {panel['title']}: {target['refId']}",
            expression=chosen(target["expr"]),
            legend=frozenset(_LEGEND.findall(target["legendFormat"])),
        )
        for file in DASHBOARDS
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", ())
    ]


def dashboard_variables() -> list[tuple[str, str]]:
    """The series and the label that each variable's values are of."""
    return [
        (chosen(found[1]), found[2])
        for file in DASHBOARDS
        for one in json.loads(file.read_text(encoding="utf-8"))["templating"]["list"]
        if one["type"] == "query"
        for found in [re.fullmatch(r"label_values\((.*), (\w+)\)", one["definition"])]
        if found is not None
    ]


def annotation_queries() -> list[str]:
    """What the annotations of the dashboards ask."""
    return [
        chosen(one["expr"])
        for file in DASHBOARDS
        for one in json.loads(file.read_text(encoding="utf-8"))["annotations"]["list"]
    ]


def chosen(expression: str) -> str:
    """The expression with everything chosen in Grafana's variables."""
    for name, value in (
        ("$job", ".+"),
        ("$instance", ".+"),
        ("$site", ".*"),
        ("$__rate_interval", "10m"),
        ("$__interval", "10m"),
    ):
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression names, as they are named in it."""
    return set(_METRIC.findall(_GROUPED.sub("", _STRING.sub('""', expression))))


def labels_in(expression: str) -> dict[str, set[str]]:
    """The labels that an expression chooses by, by metric."""
    found: dict[str, set[str]] = {}
    for name, matchers in _SELECTOR.findall(_STRING.sub('""', expression)):
        found.setdefault(name, set()).update(_MATCHER.findall(matchers))
    return found


def asks_the_cluster(expression: str) -> bool:
    """Whether an expression asks for metrics of others alone, which no scrape of ours has."""
    named = labels_in(expression).keys()
    return bool(named) and named <= OF_THE_CLUSTER and not metrics_in(expression)


def grouped_by(expression: str) -> set[str]:
    """The labels that an expression groups or matches by."""
    return {
        label
        for inside in _GROUPED.findall(_STRING.sub('""', expression))
        for label in re.findall(r"\w+", inside)
    }
