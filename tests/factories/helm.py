# SPDX-License-Identifier: Apache-2.0
"""The Helm chart, rendered by the real helm: what tests of deploy/helm ask for."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from tests.factories.accepted import ROOT, tool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHART = ROOT / "deploy" / "helm" / "envoy-mtls-authz"
#: One for each form and kind of store.
VALUES = sorted((CHART / "ci").glob("*.yaml"))
NAMESPACE = "edge"

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Release:
    """What an installation with some values would be."""

    text: str
    objects: tuple[Any, ...]

    def all(self, kind: str) -> list[Any]:
        """Every object of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, suffix: str = "") -> Any:
        """The object of a kind whose name is the release's with this suffix."""
        (found,) = [
            one
            for one in self.all(kind)
            if one["metadata"]["name"] == f"gate-envoy-mtls-authz{suffix}"
        ]
        return found

    def sources(self) -> dict[Path, set[str]]:
        """The templates that helm rendered, by its own `# Source:`, with the kinds they made."""
        made: dict[Path, set[str]] = {}
        for part in self.text.split("---\n# Source: ")[1:]:
            name, _, text = part.partition("\n")
            kinds = {one["kind"] for one in yaml.safe_load_all(text) if one}
            made.setdefault(CHART.parent / name, set()).update(kinds)
        return made

    @property
    def kinds(self) -> set[str]:
        """The kinds that there are."""
        return {one["kind"] for one in self.objects}

    @property
    def workload(self) -> Any:
        """The Deployment or DaemonSet."""
        (found,) = [*self.all("Deployment"), *self.all("DaemonSet")]
        return found

    @property
    def pod(self) -> Any:
        """The spec of its pods."""
        return self.workload["spec"]["template"]["spec"]

    def container(self, name: str = "authz") -> Any:
        """A container of its pods, a sidecar included."""
        pod = self.pod
        (found,) = [
            one
            for one in [*pod.get("initContainers", ()), *pod["containers"]]
            if one["name"] == name
        ]
        return found

    @property
    def settings(self) -> Any:
        """authz.yaml."""
        return yaml.safe_load(self.one("ConfigMap", "-settings")["data"]["authz.yaml"])


def helm(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run helm, `given` on its standard input."""
    return subprocess.run(
        [tool("helm"), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def template(values: Mapping[str, Any], chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """`helm template` with these values."""
    return helm(
        *("template", "gate", chart, "--namespace", NAMESPACE, "--values", "-"),
        given=json.dumps(values),
    )


def render(values: Mapping[str, Any] | None = None, chart: Path = CHART) -> Release:
    """What the chart makes of these values."""
    run = template(values or {}, chart)
    assert run.returncode == 0, run.stderr
    objects = tuple(one for one in yaml.safe_load_all(run.stdout) if one)
    return Release(text=run.stdout, objects=objects)


def notes(values: Mapping[str, Any]) -> str:
    """What helm says after an installation with these values."""
    run = helm(
        *("install", "gate", CHART, "--dry-run=client", "--namespace", NAMESPACE, "--values", "-"),
        given=json.dumps(values),
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.partition("\nNOTES:\n")[2]


def values_of(name: str) -> Values:
    """The values of ci/NAME.yaml."""
    loaded = yaml.safe_load((CHART / "ci" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@cache
def release_of(name: str) -> Release:
    """What ci/NAME.yaml makes, once."""
    return render(values_of(name))


def changed(values: Mapping[str, Any], path: str, value: object) -> Values:
    """A copy with another value at `a.b.c`."""
    key, _, rest = path.partition(".")
    inner = values.get(key, {})
    return {**values, key: changed(inner, rest, value) if rest else value}
