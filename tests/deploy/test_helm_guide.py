# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/install-with-helm.md: its values are values, and its commands are helm's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.factories.helm import CHART, Release, helm, notes, render, values_of
from tests.factories.page_blocks import ROOT, texts_of
from tests.factories.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

PAGE = DOCS / "how-to" / "install-with-helm.md"
BLOCKS = texts_of(PAGE, "yaml")
#: Values of this chart; the last two blocks of the section about other charts are theirs.
VALUES = [one for one in BLOCKS if "of your chart" not in one]
#: What the page leaves to its reader.
DIGEST = "sha256:" + "0" * 64


def values_in(block: str) -> Any:
    return yaml.safe_load(block.replace("sha256:…", DIGEST))


def test_there_is_something_to_try() -> None:
    assert len(VALUES) >= 7
    assert len(BLOCKS) == len(VALUES) + 2


@pytest.mark.parametrize("block", VALUES, ids=range(len(VALUES)))
def test_the_values_are_values(block: str) -> None:
    assert render(values_in(block)).objects


def test_every_form_and_store_is_shown() -> None:
    given = [values_in(block) for block in VALUES]

    assert {one.get("form") for one in given} >= {"daemonset", "sidecar", None}
    stores = {one["store"].get("kind", "sqlite") for one in given if "store" in one}
    assert stores == {"sqlite", "postgresql"}


def test_the_service_is_the_one_that_the_meshes_name() -> None:
    """As deploy/istio and deploy/envoy-gateway have it."""
    (gate,) = [block for block in VALUES if block.startswith("# gate.yaml")]
    release = render({**values_in(gate), "fullnameOverride": "authz"})

    (service,) = [one for one in release.all("Service") if one["metadata"]["name"] == "authz"]
    assert service["spec"]["ports"][0]["port"] == 50051
    mesh = (ROOT / "deploy" / "istio" / "mesh-config.yaml").read_text(encoding="utf-8")
    assert "authz.authz.svc.cluster.local" in mesh
    assert "authz.authz.svc.cluster.local:50051" in PAGE.read_text(encoding="utf-8")


# --- what helm says afterwards -------------------------------------------------------------------


def test_the_notes_say_what_is_still_to_be_done() -> None:
    text = notes({})

    assert "NOBODY MAY ASK YET" in text
    assert "EVERYTHING IS DENIED" in text
    assert "gate-envoy-mtls-authz.edge.svc:50051" in text


def test_the_notes_keep_quiet_about_what_is_done() -> None:
    text = notes(values_of("deployment-policy"))

    assert "NOBODY" not in text
    assert "DENIED" not in text
    assert "token" not in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("deployment-postgresql", "besides the one in the secret authz-first-token:"),
        ("deployment-postgresql", "gate-envoy-mtls-authz.edge.svc:50052"),
        ("deployment-sqlite", "The admin port has no TLS"),
        ("deployment-sqlite", "-- authz token create --name operator"),
        ("daemonset-hostport", "port 50052 of their own node"),
        ("sidecar-policy", "the Service gate-envoy-mtls-authz, port 443"),
        ("sidecar-container", "No pods"),
    ],
)
def test_the_notes_of_each_form(name: str, said: str) -> None:
    assert said in notes(values_of(name))


# --- a chart above -------------------------------------------------------------------------------

_ABOVE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop, namespace: edge}}
spec:
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
{pod}
      containers:
        - name: envoy
          image: envoy
          volumeMounts: [{{name: socket, mountPath: /run/authz}}]
"""


def chart_above(directory: Path) -> Path:
    """A chart as the page describes it, this one below charts/."""
    values, pod = (one for one in BLOCKS if "of your chart" in one)
    chart = directory / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "charts").mkdir()
    (chart / "charts" / "envoy-mtls-authz").symlink_to(CHART)
    (chart / "Chart.yaml").write_text(
        "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
        "dependencies: [{name: envoy-mtls-authz, version: 0.1.0}]\n",
        encoding="utf-8",
    )
    (chart / "values.yaml").write_text(values, encoding="utf-8")
    lines = pod.splitlines()[1:]
    # The page has it at the beginning of the line, a pod's spec six columns further.
    text = "\n".join(f"      {line}" for line in lines)
    text = text.replace("nindent 4", "nindent 10").replace("nindent 2", "nindent 8")
    (chart / "templates" / "deployment.yaml").write_text(_ABOVE.format(pod=text), encoding="utf-8")
    return chart


def test_a_chart_above_takes_container_and_volumes(tmp_path: Path) -> None:
    chart = chart_above(tmp_path)

    release: Release = render({}, chart)

    (container,) = release.pod["initContainers"]
    assert (container["name"], container["restartPolicy"]) == ("authz", "Always")
    volumes = {one["name"] for one in release.pod["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} <= volumes
    assert "socket" in volumes
    assert release.kinds == {"ConfigMap", "Deployment"}
    named = {one["configMap"]["name"] for one in release.pod["volumes"] if "configMap" in one}
    assert named == {one["metadata"]["name"] for one in release.all("ConfigMap")}


def test_the_chart_can_be_packed(tmp_path: Path) -> None:
    run = helm("package", CHART, "--destination", tmp_path)

    assert run.returncode == 0, run.stderr
    (archive,) = tmp_path.glob("*.tgz")
    listed = helm("show", "readme", archive).stdout
    assert listed.strip() == (CHART / "README.md").read_text(encoding="utf-8").strip()
    assert render({}, archive).objects
