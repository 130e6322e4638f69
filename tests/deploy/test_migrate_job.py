# SPDX-License-Identifier: Apache-2.0
"""Who brings the tables up to date before an upgrade, in the Helm chart and in the manifests.

PostgreSQL: a Job, before any pod is replaced. SQLite: the pod itself, whose volume nobody else may
have. What the Job does to a database is in test_kubernetes_store.py and tests/e2e/test_rollout.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.helm import VALUES, changed, release_of, render, values_of
from tests.factories.shipped import DEPLOY, documents, of_kind

pytestmark = pytest.mark.deploy

WITH_POSTGRESQL = ["deployment-postgresql", "sidecar-postgresql"]
OTHERS = [file.stem for file in VALUES if file.stem not in WITH_POSTGRESQL]
COMMAND = ["db", "migrate", "--accept-later", "--config", "/etc/authz/settings/authz.yaml"]
MIGRATE = DEPLOY / "kubernetes" / "migrate.yaml"


def job(name: str) -> Any:
    return release_of(name).one("Job", "-migrate")


def pod(name: str) -> Any:
    return job(name)["spec"]["template"]["spec"]


def container(name: str) -> Any:
    (found,) = pod(name)["containers"]
    return found


@pytest.mark.parametrize("name", WITH_POSTGRESQL)
def test_it_is_run_by_the_new_image_before_any_pod_is_replaced(name: str) -> None:
    annotations = job(name)["metadata"]["annotations"]

    # Not before an installation: a database that comes with it would be waited for in vain.
    assert annotations["helm.sh/hook"] == "pre-upgrade"
    # One that failed stays, to be read.
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    assert container(name)["image"] == release_of(name).container()["image"]
    assert container(name)["args"] == COMMAND
    assert pod(name)["restartPolicy"] == "Never"
    assert job(name)["spec"]["activeDeadlineSeconds"] == 300


@pytest.mark.parametrize("name", WITH_POSTGRESQL)
def test_it_brings_all_that_it_needs_and_nothing_of_the_release(name: str) -> None:
    """A hook is run while the objects of the release are those of before."""
    release = release_of(name)
    with_it = ("ServiceAccount", "ConfigMap", "NetworkPolicy")
    hooks = [release.one(kind, "-migrate") for kind in with_it]
    for one in hooks:
        annotations = one["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-upgrade"
        assert int(annotations["helm.sh/hook-weight"]) < int(
            job(name)["metadata"]["annotations"]["helm.sh/hook-weight"]
        )
    account, settings, policy = hooks
    assert pod(name)["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False
    volumes = {one["name"]: one for one in pod(name)["volumes"]}
    assert volumes["settings"]["configMap"]["name"] == settings["metadata"]["name"]
    # What the service's own policy says does not hold for it: egress to names and the database.
    of_service = release.one("NetworkPolicy")["spec"]["egress"]
    assert policy["spec"]["ingress"] == []
    assert policy["spec"]["egress"] == of_service[:2]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    labels = job(name)["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("name", WITH_POSTGRESQL)
def test_it_sees_the_address_of_the_database_and_no_other_secret(name: str) -> None:
    secrets = [one for one in pod(name)["volumes"] if "secret" in one]

    assert [one["name"] for one in secrets] == ["database"]
    of_service = {one["name"]: one for one in release_of(name).pod["volumes"]}
    assert secrets[0] == of_service["database"]
    mounted = {one["name"] for one in container(name)["volumeMounts"]}
    assert mounted == {one["name"] for one in pod(name)["volumes"]}
    assert pod(name)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", WITH_POSTGRESQL)
def test_no_service_or_budget_takes_it_for_the_service(name: str) -> None:
    labels = job(name)["spec"]["template"]["metadata"]["labels"].items()
    release = release_of(name)
    selectors = [
        *(one["spec"]["selector"] for one in release.all("Service")),
        *(one["spec"]["selector"]["matchLabels"] for one in release.all("PodDisruptionBudget")),
        release.workload["spec"]["selector"]["matchLabels"],
        release.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]

    assert len(selectors) > 3
    assert not [one for one in selectors if one.items() <= labels]


def test_an_account_that_is_named_is_taken() -> None:
    release = render(
        changed(
            values_of("deployment-postgresql"), "serviceAccount", {"create": False, "name": "mine"}
        )
    )

    assert not release.all("ServiceAccount")
    made = release.one("Job", "-migrate")["spec"]["template"]["spec"]
    assert made["serviceAccountName"] == "mine"


@pytest.mark.parametrize("name", WITH_POSTGRESQL)
def test_whoever_migrates_by_other_means_switches_it_off(name: str) -> None:
    release = render(changed(values_of(name), "store.migrate", {"enabled": False}))

    assert not release.all("Job")
    assert not [one for one in release.objects if "migrate" in one["metadata"]["name"]]


@pytest.mark.parametrize("name", OTHERS)
def test_without_postgresql_there_is_no_job(name: str) -> None:
    assert not release_of(name).all("Job")


def test_with_sqlite_the_pod_does_it_before_it_serves() -> None:
    release = release_of("deployment-sqlite")
    assert release.workload["spec"]["strategy"] == {"type": "Recreate"}
    (first,) = release.pod["initContainers"]

    assert (first["name"], first["args"]) == ("migrate", COMMAND)
    served = {one["name"]: one for one in release.container()["volumeMounts"]}
    assert [served[one["name"]] for one in first["volumeMounts"]] == first["volumeMounts"]
    off = render(changed(values_of("deployment-sqlite"), "store.migrate", {"enabled": False}))
    assert "initContainers" not in off.pod


def test_the_job_of_the_manifests_needs_what_the_store_has_and_no_key() -> None:
    store = DEPLOY / "kubernetes" / "store.yaml"
    served = of_kind(store, "Deployment")["spec"]["template"]
    migrates = of_kind(MIGRATE, "Job")["spec"]["template"]
    own, theirs = migrates["spec"], served["spec"]
    (mine,), (service,) = own["containers"], theirs["containers"]

    assert mine["args"] == [*COMMAND[:-1], "/etc/authz/authz.yaml"]
    assert (mine["image"], mine["env"]) == (service["image"], service["env"])
    assert own["serviceAccountName"] == theirs["serviceAccountName"]
    volumes = {one["name"]: one for one in theirs["volumes"]}
    assert [volumes[one["name"]] for one in own["volumes"]] == own["volumes"]
    assert not [one for one in own["volumes"] if "secret" in one]
    # Labels: no Service, no budget and no Deployment takes it for the service.
    selector = of_kind(store, "Service")["spec"]["selector"]
    assert not selector.items() <= migrates["metadata"]["labels"].items()
    policy = of_kind(MIGRATE, "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == migrates["metadata"]["labels"]
    # The first one is for the service's own pods.
    assert policy["egress"] == of_kind(store, "NetworkPolicy")["spec"]["egress"][1:]
    assert policy["ingress"] == []
    assert {one["kind"] for one in documents(MIGRATE)} == {"Job", "NetworkPolicy"}


def test_the_pod_of_the_manifests_is_restricted() -> None:
    spec = of_kind(MIGRATE, "Job")["spec"]["template"]["spec"]
    (mine,) = spec["containers"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert mine["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(mine["resources"]["limits"]) == {"memory"}
