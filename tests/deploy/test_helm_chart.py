# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: helm takes it, Kubernetes' schemas take what it makes, in every form."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

import authz
from tests.factories.accepted import accepted, built_version, tool
from tests.factories.helm import (
    CHART,
    NAMESPACE,
    VALUES,
    Release,
    changed,
    helm,
    release_of,
    render,
    template,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.deploy

#: Of the Prometheus Operator: not in Kubernetes' own schemas.
CUSTOM = {"ServiceMonitor", "PrometheusRule"}
FORMS = [file.stem for file in VALUES]
WITH_PODS = [name for name in FORMS if name != "sidecar-container"]


def test_there_are_values_for_every_form_and_store() -> None:
    made = {(values_of(name).get("form", "deployment")) for name in FORMS}
    stores = {values_of(name).get("store", {}).get("kind", "none") for name in FORMS}

    assert made == {"deployment", "daemonset", "sidecar"}
    assert stores == {"none", "postgresql"}, "sqlite is the default kind"
    assert values_of("deployment-sqlite")["store"]["enabled"] is True


def test_helm_finds_nothing_to_say() -> None:
    for file in (CHART / "values.yaml", *VALUES):
        run = helm("lint", "--strict", CHART, "--values", file)

        assert run.returncode == 0, run.stdout
        assert "WARNING" not in run.stdout
    for name in ("Chart.yaml", "values.yaml", "values.schema.json"):
        how = "lint --strict, with the values of every form"
        accepted(CHART / name, built_version("helm"), how)


def test_helm_needs_every_template_that_others_include(tmp_path: Path) -> None:
    """They make nothing by themselves, so helm names none of them as the source of an object."""
    helpers = sorted((CHART / "templates").glob("_*.tpl"))

    assert len(helpers) >= 8
    for helper in helpers:
        chart = tmp_path / helper.stem
        shutil.copytree(CHART, chart)
        (chart / "templates" / helper.name).unlink()
        failed = [name for name in FORMS if template(values_of(name), chart).returncode != 0]
        assert failed, f"no form needs {helper.name}"
        how = f"rendered; without it {len(failed)} of {len(FORMS)} forms are not"
        accepted(helper, built_version("helm"), how)


def test_a_packed_chart_has_no_values_of_tests(tmp_path: Path) -> None:
    """By .helmignore, and what is shipped otherwise is in it."""
    (tmp_path / "chart").mkdir()
    chart = tmp_path / "chart" / CHART.name
    shutil.copytree(CHART, chart)
    (chart / "templates" / "service.yaml.orig").touch()

    run = helm("package", chart, "--destination", tmp_path)

    assert run.returncode == 0, run.stderr
    (packed,) = tmp_path.glob("*.tgz")
    with tarfile.open(packed) as archive:
        names = {Path(one.name).relative_to(CHART.name) for one in archive if one.isfile()}
    shipped = {one.relative_to(CHART) for one in CHART.rglob("*") if one.is_file()}
    assert names == {one for one in shipped if one.parts[0] != "ci"}
    assert Path("templates/NOTES.txt") in names
    accepted(CHART / ".helmignore", built_version("helm"), "package: no values of tests in it")


def follows_the_schemas(release: Release, file: Path, form: str) -> str:
    """Have kubernetes-validate read the objects, and say which templates made them; its name."""
    own = [one for one in release.objects if one["kind"] not in CUSTOM]
    file.write_text(yaml.safe_dump_all(own), encoding="utf-8")
    for kubernetes in ("1.30", "1.37"):
        run = subprocess.run(
            [
                Path(sys.executable).parent / "kubernetes-validate",
                *("--strict", "--no-warn", "--kubernetes-version", kubernetes, file),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
    program = f"kubernetes-validate {version('kubernetes-validate')}"
    for source, kinds in release.sources().items():
        # Objects of the operator were left out: test_helm_monitoring.py has their definitions.
        if kinds and not kinds & CUSTOM:
            accepted(source, f"{built_version('helm')}, {program}", f"rendered by {form}")
    return program


@pytest.mark.parametrize("name", FORMS)
def test_what_it_makes_follows_the_schemas_of_kubernetes(name: str, tmp_path: Path) -> None:
    program = follows_the_schemas(release_of(name), tmp_path / "objects.yaml", name)

    how = "what it renders: schemas of Kubernetes 1.30 and 1.37, strict"
    accepted(CHART / "ci" / f"{name}.yaml", program, how)


#: Templates that make nothing unless they are asked to, which no file of values does.
ASKED_FOR = {
    "dashboards": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "beside"},
            "data": {"about": "an object of the operator's own"},
        }
    ],
}


def test_so_does_what_no_form_asks_for_by_itself(tmp_path: Path) -> None:
    release = render({**values_of("deployment-policy"), **ASKED_FOR})

    follows_the_schemas(release, tmp_path / "objects.yaml", "deployment-policy, all switched on")

    assert [one for one in release.all("ConfigMap") if one["metadata"]["name"] == "beside"]
    made = {source for name in FORMS for source in release_of(name).sources()}
    assert made | set(release.sources()) == {*(CHART / "templates").rglob("*.yaml")}


def test_the_schemas_would_notice_a_mistake(tmp_path: Path) -> None:
    workload = release_of("deployment-policy").workload
    workload = {**workload, "spec": {**workload["spec"], "replica": 3}}
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump(workload), encoding="utf-8")

    run = subprocess.run(
        [Path(sys.executable).parent / "kubernetes-validate", "--strict", file],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode != 0
    assert "replica" in run.stdout + run.stderr


@pytest.mark.parametrize("name", FORMS)
def test_everything_is_in_the_release_s_namespace_and_labelled(name: str) -> None:
    for one in release_of(name).objects:
        metadata = one["metadata"]
        assert metadata["namespace"] == NAMESPACE
        assert metadata["labels"]["app.kubernetes.io/instance"] == "gate"
        assert len(metadata["name"]) <= 63


def test_long_names_stay_within_what_kubernetes_takes() -> None:
    values = changed(values_of("deployment-postgresql"), "fullnameOverride", "n" * 63)

    for one in render(values).objects:
        assert len(one["metadata"]["name"]) <= 63


def selected(labels: Any, selector: Any) -> bool:
    return bool(selector.items() <= labels.items())


@pytest.mark.parametrize("name", WITH_PODS)
def test_services_select_the_pods_and_ports_that_there_are(name: str) -> None:
    release = release_of(name)
    labels = release.workload["spec"]["template"]["metadata"]["labels"]
    containers = [*release.pod.get("initContainers", ()), *release.pod["containers"]]
    ports = {
        port["name"]: port["containerPort"] for one in containers for port in one.get("ports", ())
    }

    assert selected(labels, release.workload["spec"]["selector"]["matchLabels"])
    for service in release.all("Service"):
        assert selected(labels, service["spec"]["selector"])
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports
    (test,) = release.all("Pod")
    assert not selected(test["metadata"]["labels"], release.workload["spec"]["selector"])


@pytest.mark.parametrize("name", WITH_PODS)
def test_every_volume_is_there_and_used(name: str) -> None:
    pod = release_of(name).pod
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    mounted = [mount["name"] for one in containers for mount in one["volumeMounts"]]

    assert {one["name"] for one in pod["volumes"]} == set(mounted)
    assert len({one["name"] for one in pod["volumes"]}) == len(pod["volumes"])


@pytest.mark.parametrize("name", WITH_PODS)
def test_probes_ask_the_port_of_the_metrics(name: str) -> None:
    container = release_of(name).container()

    paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness")}
    assert paths == {
        "startup": {"path": "/readyz", "port": "metrics"},
        "liveness": {"path": "/healthz", "port": "metrics"},
    }
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


@pytest.mark.parametrize("name", WITH_PODS)
def test_the_grace_period_covers_the_pause_and_the_drain(name: str) -> None:
    from authz.node.drain import DRAIN_SECONDS, GRACE_SECONDS

    release = release_of(name)
    pauses = [
        one["lifecycle"]["preStop"].get("sleep", {}).get("seconds", 15)
        for one in release.pod["containers"]
    ]

    needed = max(pauses) + DRAIN_SECONDS + GRACE_SECONDS
    assert release.pod["terminationGracePeriodSeconds"] > needed


def test_a_change_of_settings_restarts_pods_and_one_of_the_policy_does_not() -> None:
    def annotations(**values: Any) -> Any:
        given = {**values_of("deployment-policy"), **values}
        return render(given).workload["spec"]["template"]["metadata"]["annotations"]

    before = annotations()

    assert annotations(policy={"content": "sites: []"}) == before
    assert annotations(settings={"log": {"level": "debug"}}) != before


def test_one_pod_has_the_file_of_sqlite_and_its_claim_outlives_the_release() -> None:
    release = release_of("deployment-sqlite")
    claim = release.one("PersistentVolumeClaim", "-data")

    assert release.workload["spec"]["replicas"] == 1
    assert release.workload["spec"]["strategy"] == {"type": "Recreate"}
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    volumes = {one["name"]: one for one in release.pod["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert "PodDisruptionBudget" not in release.kinds


def test_an_existing_claim_is_taken() -> None:
    values = changed(values_of("deployment-sqlite"), "store.sqlite.existingClaim", "old")

    release = render(values)

    assert "PersistentVolumeClaim" not in release.kinds
    volumes = {one["name"]: one for one in release.pod["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == "old"


def test_several_pods_are_spread_budgeted_and_scaled() -> None:
    release = release_of("deployment-postgresql")
    scaler = release.one("HorizontalPodAutoscaler")["spec"]

    assert "replicas" not in release.workload["spec"]
    assert scaler["scaleTargetRef"]["name"] == release.workload["metadata"]["name"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert release.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    spread = release_of("deployment-policy").pod["topologySpreadConstraints"]
    assert {one["topologyKey"] for one in spread} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }


def test_the_service_of_a_daemonset_stays_on_the_node() -> None:
    release = release_of("daemonset-service")

    service = release.one("Service")["spec"]
    assert service["internalTrafficPolicy"] == "Local"
    assert "clusterIP" not in service, "without a virtual address nothing keeps to the node"
    assert release.workload["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_port_of_the_node_is_free_before_the_next_pod_takes_it() -> None:
    release = release_of("daemonset-hostport")

    ports = {port.get("hostPort") for port in release.container()["ports"]}
    assert ports == {50051, 50052, None}
    assert release.workload["spec"]["updateStrategy"]["rollingUpdate"] == {
        "maxUnavailable": 1,
        "maxSurge": 0,
    }


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_of_the_node_s_loopback_needs_no_certificate(address: str) -> None:
    values = changed(values_of("daemonset-hostport"), "daemonset.hostIP", address)

    release = render(changed(values, "grpc.tls", {}))

    ports = [one for one in release.container()["ports"] if "hostPort" in one]
    assert {one["hostPort"]: one["hostIP"] for one in ports} == {50051: address, 50052: address}


def test_a_test_that_is_off_asks_for_no_service() -> None:
    values = changed(values_of("sidecar-policy"), "tests.grpc", True)

    assert not render(changed(values, "tests.enabled", False)).all("Pod")


def test_each_worker_has_its_port_in_the_service() -> None:
    service = release_of("deployment-postgresql").one("Service")["spec"]

    assert [(one["name"], one["port"], one["appProtocol"]) for one in service["ports"]] == [
        ("grpc", 50051, "https"),
        ("grpc-1", 50052, "https"),
    ]


def test_the_version_is_that_of_the_service() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert chart["appVersion"] == authz.__version__
    image = release_of("deployment-policy").container()["image"]
    assert image == f"envoy-mtls-authz:{authz.__version__}"
    pinned = release_of("deployment-postgresql").container()["image"]
    assert pinned.startswith("registry.example.com/envoy-mtls-authz@sha256:")


def leaves(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that the schema knows, by its path."""
    for key, one in schema.get("properties", {}).items():
        yield f"{path}{key}", one
        yield from leaves(one, f"{path}{key}.")


def test_every_value_has_a_default_and_a_description() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    known = dict(leaves(schema))
    assert not [path for path, one in known.items() if not one.get("description")]
    for path in known.keys() - {"global"}:
        value = values
        for key in path.split("."):
            assert key in value, f"values.yaml has no {path}"
            value = value[key]


def offline_schemas(directory: Path) -> Path:
    """Where kubeconform finds the schemas of kubernetes-validate's wheel; nothing is fetched."""
    wheel = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    strict = wheel / "v1.37.0-local-strict"
    kinds = {one["kind"].lower() for name in FORMS for one in release_of(name).objects}
    wanted = [file for kind in kinds for file in strict.glob(f"{kind}-*.json")]
    for file in [*wanted, strict / "_definitions.json"]:
        # They name each other by addresses of a server.
        text = file.read_text(encoding="utf-8").replace('"/api/_def', '"_def')
        schema = {key: value for key, value in json.loads(text).items() if key != "$id"}
        (directory / file.name).write_text(json.dumps(schema), encoding="utf-8")
    return directory / "{{.ResourceKind}}{{.KindSuffix}}.json"


def test_kubeconform_agrees(tmp_path: Path) -> None:
    program = tool("kubeconform")
    own = [one for name in FORMS for one in release_of(name).objects if one["kind"] not in CUSTOM]
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(own), encoding="utf-8")
    schemas = tmp_path / "schemas"
    schemas.mkdir()

    run = subprocess.run(
        [
            *(program, "-strict", "-summary", "-output", "json"),
            *("-schema-location", offline_schemas(schemas), file),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["summary"]["valid"] == len(own)
    how = "what every form renders: Kubernetes 1.37, strict, offline"
    accepted("the chart, all forms", built_version("kubeconform"), how)


def test_a_virtual_address_is_for_those_who_want_one() -> None:
    assert release_of("deployment-policy").one("Service")["spec"]["clusterIP"] == "None"

    values = changed(values_of("deployment-policy"), "service.headless", False)

    assert "clusterIP" not in render(values).one("Service")["spec"]


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("deployment-policy", ("128Mi", "256Mi")),
        ("deployment-sqlite", ("320Mi", "768Mi")),
        ("daemonset-hostport", ("192Mi", "384Mi")),
        ("sidecar-postgresql", ("384Mi", "896Mi")),
    ],
)
def test_memory_follows_what_was_measured(name: str, memory: tuple[str, str]) -> None:
    resources = release_of(name).container()["resources"]

    assert (resources["requests"]["memory"], resources["limits"]["memory"]) == memory


def test_resources_of_the_values_win() -> None:
    resources = release_of("deployment-postgresql").container()["resources"]

    assert resources == values_of("deployment-postgresql")["resources"]
