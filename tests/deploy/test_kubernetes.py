# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes: schemas of Kubernetes by two programs, and what the objects must say.

No cluster is here. What the ConfigMaps hold is read by the service itself.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz import __version__
from authz.errors import SettingsError
from authz.node.plan import plan_of
from authz.policy.snapshot import compile_snapshot
from authz.settings import Settings, load_settings
from authz.sources.key_secret import passphrase_secret
from authz.sources.policy_file import load_policy
from tests.factories.accepted import accepted
from tests.factories.kubeconform import VERSION, kubeconform, schemas
from tests.factories.shipped import DEPLOY, documents, linter, make_certificates, of_kind

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
POLICY_FILE = DEPLOY / "kubernetes" / "authz.yaml"
STORE = DEPLOY / "kubernetes" / "store.yaml"
FORMS = [pytest.param(POLICY_FILE, id="policy file"), pytest.param(STORE, id="store")]


def pod_of(file: Path) -> dict[str, Any]:
    """The pod that the Deployment of a file makes."""
    pod: dict[str, Any] = of_kind(file, "Deployment")["spec"]["template"]["spec"]
    return pod


def container_of(file: Path) -> dict[str, Any]:
    (container,) = pod_of(file)["containers"]
    found: dict[str, Any] = container
    return found


def settings_of(file: Path, directory: Path) -> Settings:
    """authz.yaml of a ConfigMap."""
    text = of_kind(file, "ConfigMap")["data"]["authz.yaml"]
    (directory / "authz.yaml").write_text(text, encoding="utf-8")
    return load_settings(directory / "authz.yaml")


# --- schemas -------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_objects_follow_their_schemas(file: Path) -> None:
    run = linter("kubernetes-validate", "--strict", file)

    assert run.returncode == 0, run.stdout + run.stderr
    program = f"kubernetes-validate {version('kubernetes-validate')}"
    accepted(file, program, "schemas of Kubernetes, strict")


def test_kubeconform_says_the_same(tmp_path: Path) -> None:
    run = kubeconform(schemas(tmp_path), *MANIFESTS)

    objects = sum(len(documents(file)) for file in MANIFESTS)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Valid: {objects}, Invalid: 0, Errors: 0, Skipped: 0" in run.stdout
    for file in MANIFESTS:
        accepted(file, "kubeconform", f"schemas of Kubernetes {VERSION}, strict, offline")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("replicas: 2", "replicas: two"),
        ("automountServiceAccountToken: false\n      enable", "automount: false\n      enable"),
    ],
    ids=["a wrong type", "an unknown field"],
)
def test_kubeconform_would_notice_a_mistake(tmp_path: Path, theirs: str, ours: str) -> None:
    text = STORE.read_text(encoding="utf-8")
    assert theirs in text
    (tmp_path / "schemas").mkdir()
    broken = tmp_path / "store.yaml"
    broken.write_text(text.replace(theirs, ours), encoding="utf-8")

    run = kubeconform(schemas(tmp_path / "schemas"), broken)

    assert run.returncode == 1
    assert "Invalid: 1" in run.stdout


# --- what the service itself makes of them -------------------------------------------------------


def test_the_policy_file_form_is_one_process_and_its_policy_is_valid(tmp_path: Path) -> None:
    settings = settings_of(POLICY_FILE, tmp_path)
    make_certificates(tmp_path / "trust")
    policy = of_kind(POLICY_FILE, "ConfigMap")["data"]["policy.yaml"]
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")

    plan = plan_of(settings)
    model = load_policy(tmp_path / "policy.yaml").model
    (site,) = model.sites

    assert plan.alone
    assert (plan.admin, plan.admin_closed) == (None, "")
    assert settings.policy == tmp_path / "policy.yaml"
    assert site.trust
    assert site.rules
    # It is copied: nothing that lint would warn of.
    assert compile_snapshot(model, 1, time.time()).findings == ()
    accepted(POLICY_FILE, f"authz {__version__}", "its settings and policy")


def test_the_store_form_has_its_api_on_loopback_and_its_secret_mounted(tmp_path: Path) -> None:
    settings = settings_of(STORE, tmp_path)
    pod, container = pod_of(STORE), container_of(STORE)
    mounted = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    (secret,) = [one["secret"] for one in pod["volumes"] if "secret" in one]

    assert settings.store_active
    assert settings.admin.listen == "127.0.0.1:8080"
    assert settings.database.startswith("postgresql://authz@")
    assert "sslmode=verify-full" in settings.database
    path = settings.keys.passphrase_file
    assert path is not None
    assert mounted[str(path.parent)] == "secret"
    assert [one["path"] for one in secret["items"]] == [path.name]
    # YAML 1.1 reads this as octal, as Kubernetes does: read by root, and fsGroup adds the group.
    assert secret["defaultMode"] == 0o400
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    accepted(STORE, f"authz {__version__}", "its settings")


def test_the_example_of_a_secret_has_what_is_asked_for() -> None:
    example = of_kind(DEPLOY / "kubernetes" / "secret.yaml", "Secret")
    environment = {one["name"]: one["valueFrom"] for one in container_of(STORE)["env"]}
    (mounted,) = [one["secret"] for one in pod_of(STORE)["volumes"] if "secret" in one]

    asked = {
        *(one["secretKeyRef"]["key"] for one in environment.values()),
        *(one["key"] for one in mounted["items"]),
    }
    assert asked == set(example["stringData"])
    names = {one["secretKeyRef"]["name"] for one in environment.values()}
    assert names == {mounted["secretName"]} == {example["metadata"]["name"]}


def test_the_example_of_a_secret_is_nobody_s_secret(tmp_path: Path) -> None:
    """Whoever applies it as it is has no published passphrase, but a service that says so."""
    example = of_kind(DEPLOY / "kubernetes" / "secret.yaml", "Secret")
    assert set(example["stringData"].values()) == {""}

    file = tmp_path / "key-passphrase"
    file.write_text(example["stringData"]["key-passphrase"], encoding="utf-8")
    file.chmod(0o400)
    with pytest.raises(SettingsError, match="is empty"):
        passphrase_secret(file, where="keys.passphrase_file")


@pytest.mark.parametrize("file", FORMS)
def test_where_the_service_listens_is_what_is_probed_and_reached(
    file: Path, tmp_path: Path
) -> None:
    settings = settings_of(file, tmp_path)
    container = container_of(file)
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}

    assert (settings.certificate_source, settings.xfcc.trusted_hops) == ("xfcc", 1)
    assert settings.grpc.listen == f"0.0.0.0:{ports['grpc']}"
    assert settings.metrics.listen == f"0.0.0.0:{ports['metrics']}"
    for probe, path in (("startup", "healthz"), ("readiness", "readyz"), ("liveness", "healthz")):
        asked = container[f"{probe}Probe"]["httpGet"]
        assert asked == {"path": f"/{path}", "port": "metrics"}
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    assert {str(settings.data_dir), "/tmp"} <= mounted


# --- who may do what -----------------------------------------------------------------------------


@pytest.mark.parametrize("file", FORMS)
def test_the_pod_is_not_root_and_only_gateways_reach_it(file: Path) -> None:
    pod, container = pod_of(file), container_of(file)
    account = of_kind(file, "ServiceAccount")

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is False
    policy = of_kind(file, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule["from"] and rule["ports"] for rule in policy["ingress"])
    # Nothing may be reached but the other pod's metrics, names and the database.
    allowed = [port["port"] for rule in policy["egress"] for port in rule["ports"]]
    assert allowed == (["metrics", 53, 53, 5432] if file == STORE else [])
    assert all(rule["to"] for rule in policy["egress"])


def test_pods_of_a_store_ask_one_another_whether_a_change_is_in_force() -> None:
    """`authz incident --node`: both ways, the port of the metrics alone."""
    policy = of_kind(STORE, "NetworkPolicy")["spec"]
    own = [{"podSelector": policy["podSelector"]}]
    (asked,) = [rule for rule in policy["ingress"] if rule["from"] == own]
    (asks,) = [rule for rule in policy["egress"] if rule["to"] == own]

    assert asked["ports"] == asks["ports"] == [{"port": "metrics"}]
    assert (
        policy["podSelector"]["matchLabels"]
        == (of_kind(STORE, "Deployment")["spec"]["template"]["metadata"]["labels"])
    )


@pytest.mark.parametrize("file", FORMS)
def test_two_pods_are_never_away_at_once(file: Path) -> None:
    deployment = of_kind(file, "Deployment")["spec"]
    budget = of_kind(file, "PodDisruptionBudget")["spec"]
    (spread,) = pod_of(file)["topologySpreadConstraints"]

    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["maxUnavailable"] == 1
    labels = deployment["template"]["metadata"]["labels"]
    assert budget["selector"]["matchLabels"] == labels
    assert spread["labelSelector"]["matchLabels"] == labels


@pytest.mark.parametrize("file", FORMS)
def test_stopping_has_time_for_the_drain(file: Path) -> None:
    from authz.node.admin.keeper import DRAIN_SECONDS as CALLS_SECONDS
    from authz.node.drain import DRAIN_SECONDS, GRACE_SECONDS

    pod, container = pod_of(file), container_of(file)
    calls = CALLS_SECONDS if file == STORE else 0.0
    # No shell: the kubelet itself waits.
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]

    needed = pause + DRAIN_SECONDS + GRACE_SECONDS + calls
    assert pod["terminationGracePeriodSeconds"] > needed


def test_the_two_forms_take_each_other_s_place() -> None:
    """What asks the one asks the other: the same objects by the same names."""
    forms = [
        {(one["kind"], one["metadata"]["name"]) for one in documents(file)}
        for file in (POLICY_FILE, STORE)
    ]
    services = [yaml.safe_dump(of_kind(file, "Service")) for file in (POLICY_FILE, STORE)]

    assert forms[0] == forms[1]
    assert services[0] == services[1]
