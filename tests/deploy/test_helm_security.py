# SPDX-License-Identifier: Apache-2.0
"""Pods of the Helm chart fit the Pod Security Standard "restricted", and secrets stay secrets.

The rules are those of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.helm import VALUES, Release, changed, release_of, render, values_of

pytestmark = pytest.mark.deploy

WITH_PODS = [file.stem for file in VALUES if file.stem != "sidecar-container"]
#: What a restricted pod may mount.
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def pods(release: Release) -> list[Any]:
    """The spec of every pod, those of `helm test` and of hooks included."""
    hooks = [one["spec"]["template"]["spec"] for one in release.all("Job")]
    return [release.pod, *(one["spec"] for one in release.all("Pod")), *hooks]


def containers(pod: Any) -> list[Any]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


@pytest.mark.parametrize("name", WITH_PODS)
def test_pods_are_restricted(name: str) -> None:
    for pod in pods(release_of(name)):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= VOLUMES
        for container in containers(pod):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in own


@pytest.mark.parametrize("name", WITH_PODS)
def test_nothing_is_written_but_into_volumes(name: str) -> None:
    for pod in pods(release_of(name)):
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            for mount in container["volumeMounts"]:
                volume = next(one for one in pod["volumes"] if one["name"] == mount["name"])
                if "configMap" in volume or "secret" in volume:
                    assert mount["readOnly"] is True


@pytest.mark.parametrize("name", WITH_PODS)
def test_nobody_gets_a_token_of_the_cluster(name: str) -> None:
    release = release_of(name)

    assert release.one("ServiceAccount")["automountServiceAccountToken"] is False
    for pod in pods(release):
        assert pod["automountServiceAccountToken"] is False
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & release.kinds


@pytest.mark.parametrize("name", WITH_PODS)
def test_memory_is_limited_and_the_processor_is_not(name: str) -> None:
    """A limit of processors is a pause in the middle of a check."""
    for container in containers(release_of(name).pod):
        assert set(container["resources"]["limits"]) == {"memory"}
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_secrets_are_mounted_for_nobody_but_the_pod_and_never_in_the_environment() -> None:
    release = release_of("deployment-postgresql")

    assert "Secret" not in release.kinds
    secrets = {one["name"]: one["secret"] for one in release.pod["volumes"] if "secret" in one}
    assert set(secrets) == {
        "database",
        "keys",
        "grpc-tls",
        "admin-tls",
        "first-token",
    }
    # 0400 and the pod's group, which kubelet adds: readable by this group, owned by root.
    assert {one["defaultMode"] for one in secrets.values()} == {0o400}
    assert release.container()["env"] == [{"name": "TZ", "value": "UTC"}]
    assert not [one for one in release.container()["args"] if "$(" in one]


def test_the_secrets_are_where_the_settings_say() -> None:
    release = release_of("deployment-postgresql")
    mounts = {one["name"]: one["mountPath"] for one in release.container()["volumeMounts"]}
    settings = release.settings

    assert settings["database_file"] == f"{mounts['database']}/url"
    assert settings["keys"] == {"passphrase_file": f"{mounts['keys']}/passphrase"}
    assert settings["grpc"]["tls"] == {
        "certificate": f"{mounts['grpc-tls']}/tls.crt",
        "key": f"{mounts['grpc-tls']}/tls.key",
        "client_ca": f"{mounts['grpc-tls']}/ca.crt",
    }
    assert settings["admin"]["first_token_file"] == f"{mounts['first-token']}/token"
    assert settings["admin"]["tls"]["key"] == f"{mounts['admin-tls']}/tls.key"


def test_files_that_the_service_makes_are_not_opened_to_the_group_at_every_start() -> None:
    """`ca.key` in the data directory is refused when others can read it."""
    context = release_of("deployment-sqlite").pod["securityContext"]

    assert context["fsGroupChangePolicy"] == "OnRootMismatch"


def test_envoy_may_use_the_socket_and_nobody_else_sees_it() -> None:
    release = release_of("sidecar-policy")
    settings = release.settings

    assert settings["grpc"]["listen"] == "unix:/run/authz/authz.sock"
    for name in ("authz", "envoy"):
        container = release.container(name)
        assert {"name": "socket", "mountPath": "/run/authz"} in container["volumeMounts"]
        # One user for both: connecting to a socket is writing to it.
        assert "runAsUser" not in container["securityContext"]
    assert [port["name"] for port in release.container("authz")["ports"]] == ["metrics"]


def test_the_authorizer_is_there_before_envoy_and_after_it() -> None:
    pod = release_of("sidecar-policy").pod

    assert [one["name"] for one in pod["initContainers"]] == ["authz"]
    assert pod["initContainers"][0]["restartPolicy"] == "Always"
    assert [one["name"] for one in pod["containers"]] == ["envoy"]


# --- the network ---------------------------------------------------------------------------------


def rules(release: Release, way: str = "ingress") -> dict[str, Any]:
    """Peers by the first port of each rule; None where everybody may.

    Without the rule of the pods among themselves.
    """
    found = release.one("NetworkPolicy")["spec"][way]
    key = "from" if way == "ingress" else "to"
    own = between_pods(release, way)
    return {
        str(one["ports"][0]["port"]): one.get(key)
        for one in found
        if "ports" in one and one not in own
    }


def between_pods(release: Release, way: str) -> list[dict[str, Any]]:
    """The rules whose peers are the pods that the policy is for."""
    spec = release.one("NetworkPolicy")["spec"]
    peers = [{"podSelector": spec["podSelector"]}]
    return [one for one in spec[way] if one.get("from" if way == "ingress" else "to") == peers]


def test_nobody_may_ask_until_somebody_is_named() -> None:
    assert "grpc" not in rules(render())
    assert render().one("NetworkPolicy")["spec"]["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize("name", WITH_PODS)
def test_every_rule_names_its_peers(name: str) -> None:
    release = release_of(name)

    for port, peers in rules(release).items():
        assert peers or port in {"https", "publication"}, port
    for peers in rules(release, "egress").values():
        assert peers
    selector = release.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert selector == release.workload["spec"]["selector"]["matchLabels"]


def test_every_worker_s_port_is_for_the_same_callers() -> None:
    spec = release_of("deployment-postgresql").one("NetworkPolicy")["spec"]

    assert spec["ingress"][0]["ports"] == [{"port": "grpc"}, {"port": "grpc-1"}]


def test_admin_and_metrics_are_for_those_that_are_named_and_for_helm_test() -> None:
    allowed = rules(release_of("deployment-postgresql"))

    test = {"podSelector": {"matchLabels": labels_of_test()}}
    monitoring = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    operations = {"matchLabels": {"kubernetes.io/metadata.name": "operations"}}
    assert allowed["metrics"] == [{"namespaceSelector": monitoring}, test]
    assert allowed["admin"] == [{"namespaceSelector": operations}, test]
    assert "admin" not in rules(release_of("deployment-policy"))


def labels_of_test() -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "envoy-mtls-authz",
        "app.kubernetes.io/instance": "gate",
        "app.kubernetes.io/component": "test",
    }


def test_the_pod_of_helm_test_has_the_labels_that_let_it_in() -> None:
    (pod,) = release_of("deployment-policy").all("Pod")

    assert pod["metadata"]["labels"].items() >= labels_of_test().items()
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_the_pod_of_helm_test_may_ask_for_health_only_where_that_is_wanted() -> None:
    """It could claim any certificate there, as whoever takes its labels could."""
    peer = {"podSelector": {"matchLabels": labels_of_test()}}
    values = values_of("deployment-policy")
    without, wanted = (
        rules(render(changed(values, "tests.grpc", value)))["grpc"] for value in (False, True)
    )

    assert peer not in without
    assert wanted == [*without, peer]
    nobody = changed(changed(values, "networkPolicy.clients", []), "tests.grpc", True)
    assert rules(render(nobody))["grpc"] == [peer]
    off = changed(changed(values, "tests.grpc", True), "tests.enabled", False)
    assert peer not in rules(render(off))["grpc"]


def test_what_may_be_reached_is_what_the_form_needs() -> None:
    assert set(rules(release_of("deployment-policy"), "egress")) == {"53"}
    # 80 and 443 are CRLs and OCSP; the last one is extra.
    assert set(rules(release_of("deployment-postgresql"), "egress")) == {"53", "5432", "80", "443"}
    sidecar = release_of("sidecar-policy").one("NetworkPolicy")["spec"]["egress"]
    assert sidecar[-1] == {"to": [{"podSelector": {}}]}


@pytest.mark.parametrize("name", ["deployment-postgresql", "sidecar-postgresql"])
def test_pods_of_a_store_read_one_another_s_metrics_and_nothing_else(name: str) -> None:
    """`authz incident --node` waits for every pod, from within one of them."""
    for way in ("ingress", "egress"):
        (own,) = between_pods(release_of(name), way)
        assert own["ports"] == [{"port": "metrics"}]

    off = render(changed(values_of(name), "networkPolicy.betweenPods", False))
    assert not between_pods(off, "ingress")
    assert not between_pods(off, "egress")


@pytest.mark.parametrize("name", ["deployment-policy", "deployment-sqlite"])
def test_pods_that_share_no_store_have_nothing_to_ask_one_another(name: str) -> None:
    assert not between_pods(release_of(name), "ingress")
    assert not between_pods(release_of(name), "egress")


def test_without_a_policy_of_the_network_there_is_none() -> None:
    values = {**values_of("deployment-policy"), "networkPolicy": {"enabled": False}}

    assert "NetworkPolicy" not in render(values).kinds
