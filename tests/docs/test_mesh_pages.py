# SPDX-License-Identifier: Apache-2.0
"""What the guides for Istio and Envoy Gateway have one type: charts and images are named exactly.

That a page's commands can be read at all is test_blocks.py.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docs.dry_run import calls_of
from tests.factories.page_blocks import ROOT, all_blocks, texts_of
from tests.factories.pages import DOCS

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


def image(manifest: Path) -> str:
    documents: list[Any] = list(yaml.safe_load_all(manifest.read_text(encoding="utf-8")))
    (pods,) = [one for one in documents if one["kind"] == "Deployment"]
    (container,) = pods["spec"]["template"]["spec"]["containers"]
    name: str = container["image"]
    return name
