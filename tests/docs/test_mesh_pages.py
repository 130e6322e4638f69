# SPDX-License-Identifier: Apache-2.0
"""What the guides for Istio and Envoy Gateway have one type: charts and images are named exactly,
and the limit of checks under way is that of the pods they start.

That a page's commands can be read at all is test_blocks.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz.envoy.options import most_checks
from authz.settings import Settings
from tests.docs.dry_run import calls_of
from tests.factories.page_blocks import ROOT, all_blocks, texts_of
from tests.factories.pages import DOCS
from tests.factories.translations import FORMS

if TYPE_CHECKING:
    from pathlib import Path

GUIDES = [DOCS / "how-to" / f"behind-{name}.md" for name in ("istio", "envoy-gateway")]
MANIFEST = "deploy/kubernetes/authz.yaml"


def charts_of_others() -> list[tuple[str, list[str]]]:
    """Each `helm install` or `helm upgrade` of a chart that is not ours: its page, its words."""
    return [
        (block.page, words)
        for block in all_blocks()
        if block.language == "sh" and "helm " in block.text
        for words in calls_of(block.text)
        if words[:2] in (["helm", "install"], ["helm", "upgrade"])
        and not words[3].startswith("deploy/")
    ]


def test_a_chart_of_others_has_its_version_and_its_repository() -> None:
    """Without --version, helm takes the newest, with --reuse-values too."""
    found = charts_of_others()

    assert len(found) >= 2
    for page, words in found:
        assert words[words.index("--version") + 1], words
        repository = words[3].partition("/")[0]
        text = "\n".join(texts_of(ROOT / page, "sh"))
        added = text.index(f"helm repo add {repository} https://")
        assert added < text.index(f" {words[3]} "), page


@pytest.mark.parametrize("guide", GUIDES, ids=lambda one: one.stem)
def test_the_image_is_named_before_anything_is_applied(guide: Path, tmp_path: Path) -> None:
    calls = [words for text in texts_of(guide, "sh") for words in calls_of(text)]
    (named,) = [words for words in calls if words[0] == "sed"]
    assert calls.index(named) < calls.index(["kubectl", "apply", "--filename", MANIFEST])
    copy = tmp_path / MANIFEST
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / MANIFEST, copy)

    subprocess.run(named, cwd=tmp_path, check=True, timeout=20)

    assert "/" not in image(ROOT / MANIFEST)
    assert image(copy).startswith("registry.example.com/envoy-mtls-authz:")


def test_as_many_checks_may_be_under_way_as_the_pods_answer() -> None:
    """In a tenth of a second (ADR-0038), behind a gateway of one pod; each in its own words."""
    (configured,) = [one for one in shipped(MANIFEST, "ConfigMap") if "authz.yaml" in one["data"]]
    settings = Settings.model_validate(yaml.safe_load(configured["data"]["authz.yaml"]))
    (pods,) = shipped(MANIFEST, "Deployment")
    most = most_checks(settings) * pods["spec"]["replicas"]

    (rule,) = shipped("deploy/istio/limit-checks.yaml", "DestinationRule")
    limits = rule["spec"]["trafficPolicy"]["connectionPool"]["http"]
    assert limits == {"http2MaxRequests": most, "http1MaxPendingRequests": most}
    (policy,) = shipped("deploy/envoy-gateway/policies.yaml", "SecurityPolicy")
    limits = policy["spec"]["extAuth"]["grpc"]["backendSettings"]["circuitBreaker"]
    assert limits == {"maxParallelRequests": most, "maxPendingRequests": most}
    for form in FORMS:
        made = json.loads(form.file.read_text(encoding="utf-8"))
        (cluster,) = [
            one for one in made["clusters"] if "50051" in one["name"] or "extauth" in one["name"]
        ]
        (threshold,) = cluster["circuitBreakers"]["thresholds"]
        assert threshold["maxRequests"] == threshold["maxPendingRequests"] == most, form.name


def shipped(name: str, kind: str) -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((ROOT / name).read_text(encoding="utf-8"))
    return [one for one in documents if one["kind"] == kind]


def image(manifest: Path) -> str:
    (pods,) = shipped(str(manifest), "Deployment")
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    name: str = container["image"]
    return name
