# SPDX-License-Identifier: Apache-2.0
"""Files of operators that pages show: Kubernetes, Helm, compose, Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import kubernetes_validate
import yaml

from tests.factories.page_blocks import ROOT
from tests.factories.prometheus import promtool
from tests.factories.shipped import linter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.factories.page_blocks import Block

#: Groups whose kinds Kubernetes itself brings, so that there is a schema of them.
_BUILT_IN = ("apps", "autoscaling", "batch", "policy", "networking.k8s.io", "v1")
_BUILT_IN += ("rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io")


def kubernetes(block: Block, directory: Path) -> None:
    """Kubernetes' own kinds follow their schema; others have a name and something to say."""
    for shown in yaml.safe_load_all(block.text):
        if shown is None:
            continue
        document = _pod_with(shown) if is_pod_metadata(shown) else shown
        kind = f"{document['apiVersion']} {document['kind']}"
        if document["apiVersion"].partition("/")[0] in _BUILT_IN:
            kubernetes_validate.validate(document, "1.36", strict=True)
        else:
            assert document.get("metadata", {}).get("name"), f"{kind} without a name"
            assert set(document) - {"apiVersion", "kind", "metadata"}, f"{kind} says nothing"


def compose(block: Block, directory: Path) -> None:
    """The compose schema accepts it."""
    file = directory / "compose.yaml"
    file.write_text(block.text, encoding="utf-8")
    run = linter("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    assert run.returncode == 0, run.stdout + run.stderr


def is_pod_metadata(document: Any) -> bool:
    """Whether it is a part of a pod's metadata: annotations, labels."""
    return (
        isinstance(document, dict)
        and bool(document)
        and set(document) <= {"metadata", "annotations", "labels"}
    )


def _pod_with(shown: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "shown", **shown.get("metadata", shown)}
    spec = {"containers": [{"name": "shown", "image": "shown"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _charts() -> list[tuple[str, dict[str, Any], Path]]:
    """Name, values and schema of each chart of deploy/."""
    return [
        (
            yaml.safe_load(chart.read_text("utf-8"))["name"],
            yaml.safe_load((chart.parent / "values.yaml").read_text("utf-8")),
            chart.parent / "values.schema.json",
        )
        for chart in sorted((ROOT / "deploy").rglob("Chart.yaml"))
    ]


def is_values(document: Any) -> bool:
    """Whether it has keys of a chart's values and no others, or those of a chart as a part."""
    return isinstance(document, dict) and any(
        set(document) <= set(known) or set(document) == {name} for name, known, _ in _charts()
    )


def helm_values(block: Block, directory: Path) -> None:
    """Every key is one of the chart's values; its schema accepts them where there is one."""
    # Three dots stand for a digest.
    shown = yaml.safe_load(block.text.replace("sha256:…", f"sha256:{'0' * 64}"))
    charts = _charts()
    assert charts, "there is no chart"
    for name, known, schema in charts:
        values = shown[name] if set(shown) == {name} else shown
        if schema.exists():
            jsonschema.validate(_merged(known, values), json.loads(schema.read_text("utf-8")))
        strange = set(values) - set(known)
        assert not strange, f"the chart {name} has no values {sorted(strange)}"


def rules(block: Block, directory: Path) -> None:
    """promtool accepts the rules."""
    file = directory / "rules.yml"
    file.write_text(block.text, encoding="utf-8")
    promtool("check", "rules", file)


def prometheus(block: Block, directory: Path) -> None:
    """promtool accepts the configuration; the files that it names need not be there."""
    file = directory / "prometheus.yml"
    file.write_text(block.text, encoding="utf-8")
    promtool("check", "config", "--syntax-only", file)


def _merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {key: _merged(base.get(key), over.get(key, base.get(key))) for key in base | over}
    return over
