# SPDX-License-Identifier: Apache-2.0
"""deploy/istio by Istio itself: its validation, its analysis, and what it generates.

What is generated here is compared with the files in tests/e2e/generated, which the end-to-end
tests run on a real Envoy.
"""

from __future__ import annotations

import json
import re
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz.cli.doctor.envoy_limit import NO_LIMIT
from tests.docs.dry_run import calls_of
from tests.factories.accepted import ROOT, accepted, followed, tool
from tests.factories.page_blocks import texts_of
from tests.factories.pages import DOCS
from tests.factories.translations import FORMS, ISTIO, VERSIONS, Form, form_named, translate

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

ISTIO_FILES = ROOT / "deploy" / "istio"
#: Objects of Istio; the other files are values of Helm charts.
OBJECTS = sorted(
    file
    for file in ISTIO_FILES.glob("*.yaml")
    if "kind" in yaml.safe_load(file.read_text(encoding="utf-8").split("\n---")[0])
)
VALUES = sorted(set(ISTIO_FILES.glob("*.yaml")) - set(OBJECTS))
GUIDE = "how-to/behind-istio.md"
MODULE = VERSIONS[ISTIO].split()[1]
#: What istioctl says of every EnvoyFilter, whatever is in it.
ALWAYS = "EnvoyFilter exposes internal implementation details that may change at any time."
ISTIO_FORMS = [form for form in FORMS if form.program == ISTIO]


def istioctl(*arguments: str | Path) -> tuple[int, str]:
    run = subprocess.run(
        [tool("istioctl"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    return run.returncode, run.stdout + run.stderr


def warnings(text: str) -> list[str]:
    """Everything it complains of, without what it says of every EnvoyFilter."""
    lines = re.findall(r"^\s+\* (.*)$", text, re.MULTILINE)
    return [line for line in lines if ALWAYS not in line]


@pytest.mark.parametrize("file", OBJECTS, ids=lambda file: file.name)
def test_istioctl_validates(file: Path) -> None:
    status, text = istioctl("validate", "-f", file)

    assert status == 0, text
    assert warnings(text) == []
    accepted(file, f"istioctl {MODULE}", "validate, warnings read")


@pytest.mark.parametrize(
    ("right", "wrong", "status", "complaint"),
    [
        ("strip_trailing_host_dot", "strip_trailing_dot", 0, "strip_trailing_dot"),
        ("include_tls_session", "include_tls_sessions", 0, "include_tls_sessions"),
        ("operation: MERGE", "operation: MERGER", 1, "MERGER"),
    ],
)
def test_it_would_notice_a_mistake(
    tmp_path: Path, right: str, wrong: str, status: int, complaint: str
) -> None:
    """A field that Envoy does not know is a warning and exit status 0: hence they are read."""
    text = (ISTIO_FILES / "hardening.yaml").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")

    found, said = istioctl("validate", "-f", broken)

    assert found == status
    assert complaint in said
    assert status == 1 or warnings(said)


def test_istioctl_finds_nothing_wrong_with_them_together() -> None:
    inputs = ROOT / "tests" / "e2e" / "generated" / "istio"
    together = [file for file in OBJECTS if file.name != "gateway-mutual.yaml"]

    status, text = istioctl(
        "analyze",
        "--use-kube=false",
        *together,
        inputs / "cluster.yaml",
        inputs / "service.yaml",
        inputs / "routes.yaml",
    )

    assert status == 0, text
    assert "No validation issues found" in text
    for file in together:
        accepted(file, f"istioctl {MODULE}", "analyze")


def test_istioctl_takes_what_the_guide_has_one_apply() -> None:
    """What it calls for besides: the image (tests/docs/test_mesh_pages.py), and a cluster."""
    calls = [words for text in texts_of(DOCS / GUIDE, "sh") for words in calls_of(text)]

    def files(program: str, option: str) -> list[Path]:
        return [
            ROOT / after
            for words in calls
            for before, after in pairwise(words)
            if words[0] == program and before == option
        ]

    objects = [file for file in files("kubectl", "--filename") if file in OBJECTS]
    assert len(objects) == 4
    assert sorted(files("helm", "--values")) == sorted(VALUES)
    for file in objects:
        status, text = istioctl("validate", "-f", file)
        assert (status, warnings(text)) == (0, []), text
    how = "validates what the page has one apply; its values made the listeners"
    followed(GUIDE, f"istioctl {MODULE}", how)


@pytest.mark.parametrize("form", ISTIO_FORMS, ids=lambda form: form.name)
def test_istio_still_generates_the_same(form: Form, tmp_path: Path) -> None:
    """Otherwise: python -m tests.deploy.translate"""
    program = tool(ISTIO)

    made = translate(form, program, tmp_path)

    assert made == json.loads(form.file.read_text(encoding="utf-8"))
    for name in form.inputs:
        if name.startswith("deploy/"):
            accepted(ROOT / name, VERSIONS[ISTIO], "generates Envoy's configuration from it")


@pytest.mark.parametrize("file", VALUES, ids=lambda file: file.name)
def test_istio_would_notice_a_mistake_in_values(file: Path, tmp_path: Path) -> None:
    """Istio itself reads past a field it does not know; our program around its code does not."""
    form = form_named("istio/gateway")
    name = str(file.relative_to(ROOT))
    broken = tmp_path / "values.yaml"
    text = file.read_text(encoding="utf-8")
    wrong = re.sub("(failOpen|forwardClientCertDetails):", r"\1s:", text)
    assert wrong != text
    broken.write_text(wrong, encoding="utf-8")
    arguments = tuple(str(broken) if one == name else one for one in form.arguments)

    run = subprocess.run(
        [tool(ISTIO), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )

    assert run.returncode == 1
    assert "unknown field" in run.stderr


@pytest.mark.parametrize("name", ["istio/gateway", "istio/workload"])
def test_without_a_destination_rule_there_is_no_limit(name: str, tmp_path: Path) -> None:
    """What the guide says, and doctor finds."""
    form = form_named(name)
    rule = form.arguments.index("deploy/istio/limit-checks.yaml")
    without = (*form.arguments[: rule - 1], *form.arguments[rule + 1 :])
    changed = Form(name="changed", program=ISTIO, arguments=without, secrets=form.secrets)

    cluster = check_cluster(translate(changed, tool(ISTIO), tmp_path))

    (threshold,) = cluster["circuitBreakers"]["thresholds"]
    assert threshold["maxRequests"] == NO_LIMIT


MESH_RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: mesh, namespace: istio-system}
spec:
  host: "*.local"
  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, outlierDetection: {consecutive5xxErrors: 7}}
"""


@pytest.mark.parametrize(
    ("namespaces", "limit", "of_the_mesh"),
    [
        # Ours in its place; copied into ours; in the gateway's own namespace; ours there as well.
        ({"ours": "authz", "mesh": "istio-system"}, 1000, False),
        ({"merged": "authz", "mesh": "istio-system"}, 1000, True),
        ({"ours": "authz", "mesh": "istio-ingress"}, NO_LIMIT, True),
        ({"merged": "istio-ingress", "mesh": "istio-ingress"}, 1000, True),
    ],
)
def test_one_destination_rule_holds(
    namespaces: dict[str, str], limit: int, of_the_mesh: bool, tmp_path: Path
) -> None:
    """The most exact of the first namespace that has any: the client's, the service's, the root."""
    form = form_named("istio/gateway")
    shipped = "deploy/istio/limit-checks.yaml"
    ours = yaml.safe_load((ROOT / shipped).read_text(encoding="utf-8"))
    mesh = yaml.safe_load(MESH_RULE)
    policy = {**mesh["spec"]["trafficPolicy"], **ours["spec"]["trafficPolicy"]}
    rules = {
        "ours": ours,
        "mesh": mesh,
        "merged": {**ours, "spec": {**ours["spec"], "trafficPolicy": policy}},
    }
    at = form.arguments.index(shipped)
    arguments = (*form.arguments[: at - 1], *form.arguments[at + 1 :])
    for name, namespace in namespaces.items():
        file = tmp_path / f"{name}.yaml"
        rule = rules[name]
        rule["metadata"] = {**rule["metadata"], "namespace": namespace}
        file.write_text(json.dumps(rule), encoding="utf-8")
        arguments = (*arguments, "--config", str(file))
    changed = Form(name="changed", program=ISTIO, arguments=arguments, secrets=form.secrets)

    cluster = check_cluster(translate(changed, tool(ISTIO), tmp_path))

    (threshold,) = cluster["circuitBreakers"]["thresholds"]
    assert threshold["maxRequests"] == limit
    assert ("outlierDetection" in cluster) == of_the_mesh
    assert ("transportSocket" in cluster) == of_the_mesh


def check_cluster(made: dict[str, Any]) -> dict[str, Any]:
    """The one that checks go to."""
    name = "outbound|50051||authz.authz.svc.cluster.local"
    (cluster,) = [one for one in made["clusters"] if one["name"] == name]
    found: dict[str, Any] = cluster
    return found


def test_a_sidecar_does_not_reach_a_service_without_a_virtual_address(tmp_path: Path) -> None:
    """So the guide gives sidecars a Service of their own; a gateway reaches either."""
    workload = form_named("istio/workload")
    headless = tuple(one.replace("service-workload", "service") for one in workload.arguments)
    changed = Form(name="changed", program=ISTIO, arguments=headless)

    def kind(made: dict[str, Any]) -> str:
        (one,) = [one for one in made["clusters"] if "50051" in one["name"]]
        return str(one["type"])

    assert kind(translate(changed, tool(ISTIO), tmp_path)) == "ORIGINAL_DST"
    assert kind(json.loads(workload.file.read_text(encoding="utf-8"))) == "EDS"
    gateway = form_named("istio/gateway").file.read_text(encoding="utf-8")
    assert kind(json.loads(gateway)) == "EDS"
