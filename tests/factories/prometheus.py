# SPDX-License-Identifier: Apache-2.0
"""The distribution's Prometheus with the shipped configuration and rules, and its API.

What changes is what a test cannot wait for: names of this machine, and how often things are done.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from authz.demo.processes import free_port
from authz.demo.stack import ask
from tests.conftest import absent
from tests.factories.promql import DEPLOY, RULES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from authz.demo.processes import Children


def require_prometheus() -> str:
    """Name and version of promtool; the test is skipped without it, or fails where it must not."""
    _require("prometheus")
    return "promtool " + promtool("--version").split()[2].partition("+")[0]


def promtool(*arguments: str | Path) -> str:
    """What promtool prints on both streams; without it as `require_prometheus`.

    Raises:
        AssertionError: it found something wrong.
    """
    _require("promtool")
    run = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def _require(program: str) -> None:
    if shutil.which(program) is None:
        absent("prometheus", f"{program} is not installed: apt-get install prometheus")


class Prometheus:
    """A running Prometheus.

    Args:
        home: a directory of its own.
        targets: whom it scrapes, every second.
    """

    def __init__(self, children: Children, home: Path, targets: Sequence[str]) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.config = home / "prometheus.yml"
        rules = home / "rules"
        rules.mkdir()
        for file in RULES:
            # How long an alert waits is tested by promtool, with a clock that can be turned.
            text = file.read_text(encoding="utf-8").replace("for: 1m\n", "for: 2s\n")
            (rules / file.name).write_text(text, encoding="utf-8")
        text = (DEPLOY / "prometheus.yml").read_text(encoding="utf-8")
        for theirs, ours in (
            ('["authz:9464"]', json.dumps(list(targets))),
            ("scrape_interval: 5s", "scrape_interval: 1s"),
            ("scrape_timeout: 2s", "scrape_timeout: 1s"),
            ("evaluation_interval: 15s", "evaluation_interval: 1s"),
        ):
            assert text.count(theirs) == 1, theirs
            text = text.replace(theirs, ours)
        self.config.write_text(text, encoding="utf-8")
        child = children.start(
            "prometheus",
            [
                "prometheus",
                f"--config.file={self.config}",
                f"--web.listen-address={self.address}",
                f"--storage.tsdb.path={home / 'tsdb'}",
            ],
            home / "prometheus.log",
        )
        child.wait_until(lambda: ask(self.address, "/-/ready")[0] == 200, "it was ready")

    def get(self, path: str) -> Any:
        """What the API says; fails unless it says it with success."""
        status, body = ask(self.address, f"/api/v1/{path}")
        assert status == 200, f"{path}: {status} {body}"
        return json.loads(body)["data"]

    @property
    def version(self) -> str:
        """Name and version, without the distribution's."""
        return "Prometheus " + self.get("status/buildinfo")["version"].partition("+")[0]

    def series(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series of an expression, now."""
        found = self.get(f"query?query={quote(expression)}")["result"]
        return [(dict(one["metric"]), float(one["value"][1])) for one in found]

    def values(self, label: str, series: str) -> list[str]:
        """The values of a label in a series, as Grafana asks for those of a variable."""
        found: list[str] = self.get(f"label/{label}/values?match[]={quote(series)}")
        return found

    def labels(self, metric: str) -> set[str]:
        """The labels that series of a metric have."""
        return set(self.get(f"labels?match[]={quote(metric)}"))

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name."""
        return {
            one["labels"]["alertname"]: one
            for one in self.get("alerts")["alerts"]
            if one["state"] == "firing"
        }
