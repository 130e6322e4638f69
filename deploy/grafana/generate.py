# SPDX-License-Identifier: Apache-2.0
"""Writes Grafana's dashboards, dashboards/authz-*.json, out of what overview.yaml and
certificates.yaml ask. Grafana provisions or imports them as they are.

    python deploy/grafana/generate.py            write them
    python deploy/grafana/generate.py --check    exit 1 when one is not what is said there

In the queries, HERE stands for what narrows them to the job and the instances that are chosen, and
RATE for the range of a rate, as long as the resolution of the panel needs it. Schema: Grafana's
dashboard kind, schemaVersion 39 (Grafana 10.4 and later).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

Json = dict[str, Any]

HERE: Final = 'job=~"$job", instance=~"$instance"'
RATE: Final = "[$__rate_interval]"

DIRECTORY: Final = Path(__file__).parent
DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
WIDTH: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel, as the YAML files say it.

    Args:
        description: what it shows and what to make of it, one or two sentences.
        queries: each with its PromQL, `expr`, and the `legend` of its series.
        unit: Grafana's identifier of a unit.
        steps: thresholds, the colour from a value on; the first one has no value.
        stack: whether series are added up.
        log: whether the axis is logarithmic.
        minimum, maximum: the ends of the axis; None is what the values need.
    """

    title: str
    description: str
    queries: list[dict[str, str]]
    kind: Literal["timeseries", "stat", "heatmap"] = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    steps: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    stack: bool = False
    log: bool = False
    minimum: float | None = 0
    maximum: float | None = None
    decimals: int | None = None


def filled(expression: str) -> str:
    """PromQL with what the placeholders stand for."""
    return expression.replace("HERE", HERE).replace("RATE", RATE)


def variable(name: str, query: str, label: str, description: str, every: str = ".+") -> Json:
    """A variable with the values of a label; all of them unless some are chosen."""
    return {
        "name": name,
        "type": "query",
        "label": label,
        "description": description,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": every,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "skipUrlSync": False,
    }


_SOURCE: Final[Json] = {
    "name": "datasource",
    "type": "datasource",
    "label": "Data source",
    "description": "The Prometheus that scrapes the service.",
    "query": "prometheus",
    "refresh": 1,
    "multi": False,
    "includeAll": False,
    "hide": 0,
    "skipUrlSync": False,
}
_JOB: Final = variable(
    "job", "label_values(authz_build_info, job)", "Job", "The job of the scrape configuration."
)
_INSTANCE: Final = variable(
    "instance",
    'label_values(authz_build_info{job=~"$job"}, instance)',
    "Instance",
    "One process of the service, or a supervisor with its workers.",
)


def render(dashboard: Json) -> Json:
    """The JSON model of a dashboard that a YAML file describes."""
    variables = [
        variable(one["name"], filled(one["query"]), one["label"], one["description"], one["all"])
        for one in dashboard.get("variables", ())
    ]
    panels: list[Json] = []
    y = 0
    for row in dashboard["rows"]:
        place = {"h": 1, "w": WIDTH, "x": 0, "y": y}
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": row["title"],
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        y += 1
        x = height = 0
        for panel in (Panel(**one) for one in row["panels"]):
            if x + panel.width > WIDTH:
                x, y = 0, y + height
            height = panel.height
            place = {"h": height, "w": panel.width, "x": x, "y": y}
            panels.append(_panel(panel, len(panels) + 1, place))
            x += panel.width
        y += height
    return {
        "uid": dashboard["uid"],
        "title": dashboard["title"],
        "description": dashboard["description"],
        "tags": ["authz"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "timepicker": {},
        "links": [
            {
                "title": "Dashboards of the authorizer",
                "type": "dashboards",
                "tags": ["authz"],
                "asDropdown": False,
                "icon": "external link",
                "tooltip": "",
                "url": "",
                "targetBlank": False,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "annotations": {"list": [_restarts()]},
        "templating": {"list": [_SOURCE, _JOB, _INSTANCE, *variables]},
        "panels": panels,
    }


def _restarts() -> Json:
    """A line wherever the service was started."""
    return {
        "name": "Starts of the service",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "expr": f"changes(authz_start_timestamp_seconds{{{HERE}}}[$__interval]) > 0",
        "target": {"limit": 100, "matchAny": False, "tags": [], "type": "dashboard"},
    }


def _panel(panel: Panel, number: int, place: Json) -> Json:
    targets = [
        {
            "refId": chr(ord("A") + position),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": filled(query["expr"]),
            "legendFormat": query.get("legend", ""),
            # A number is that of now, a curve that of the time that is shown.
            "instant": panel.kind == "stat",
            "range": panel.kind != "stat",
            "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        }
        for position, query in enumerate(panel.queries)
    ]
    defaults: Json = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour} for value, colour in panel.steps],
        },
    }
    for key, value in (
        ("min", panel.minimum),
        ("max", panel.maximum),
        ("decimals", panel.decimals),
    ):
        if value is not None:
            defaults[key] = value
    options: Json
    if panel.kind == "stat":
        options = {
            "graphMode": "none",
            "colorMode": "value",
            "justifyMode": "auto",
            "textMode": "value",
            "wideLayout": True,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    elif panel.kind == "heatmap":
        options = {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "steps": 64,
                "reverse": False,
                "fill": "dark-orange",
                "exponent": 0.5,
            },
            "yAxis": {"unit": panel.unit, "axisPlacement": "left"},
            "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": True},
            "legend": {"show": True},
            "filterValues": {"le": 1e-9},
            "showValue": "never",
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
        }
        defaults = {"unit": panel.unit}
    else:
        options = {
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 20 if panel.stack else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stack else "none", "group": "A"},
            "scaleDistribution": {"type": "log", "log": 10} if panel.log else {"type": "linear"},
            "thresholdsStyle": {"mode": "line" if len(panel.steps) > 1 else "off"},
        }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def main(check: bool) -> int:
    """Write or compare; the exit status."""
    status = 0
    for source in sorted(DIRECTORY.glob("*.yaml")):
        described = yaml.safe_load(source.read_text(encoding="utf-8"))
        file = DIRECTORY / "dashboards" / f"{described['uid']}.json"
        text = json.dumps(render(described), indent=2, ensure_ascii=False) + "\n"
        if not check:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{file.name} is not what {source.name} says\n")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
