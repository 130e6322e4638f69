# SPDX-License-Identifier: Apache-2.0
"""Whatever `deploy/` starts has no more rights than it needs: every manifest, those made later too.

The Helm chart is rendered, and looked at likewise, in tests/deploy/test_helm_security.py; the unit
of systemd by systemd itself in tests/deploy/test_systemd.py.
https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.factories.layout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(
    path for path in DEPLOY.rglob("*.yaml") if "helm" not in path.relative_to(DEPLOY).parts
)
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
#: The only volumes of a pod that are restricted.
VOLUMES = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
#: What gives a service of compose more, however it is written.
MORE = {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode", "network_mode", "cgroup"}


def _documents(path: Path) -> Iterator[Any]:
    # Anchors and tags of compose are YAML; whatever else it is has no kind.
    for one in yaml.safe_load_all(re.sub(r"!(reset|override)\b", "", path.read_text("utf-8"))):
        if isinstance(one, dict):
            yield one


def _pods() -> Iterator[tuple[str, Any]]:
    for path in MANIFESTS:
        for document in _documents(path):
            name = f"{path.relative_to(DEPLOY)} {document.get('kind')}"
            spec = document.get("spec")
            while isinstance(spec, dict) and "containers" not in spec:
                # CronJob: jobTemplate.spec.template.spec.
                spec = next(
                    (spec[key].get("spec") for key in ("jobTemplate", "template") if key in spec),
                    None,
                )
            if isinstance(spec, dict):
                yield name, spec


PODS = dict(_pods())
SERVICES = {
    f"{path.name} {name}": (path, service)
    for path in COMPOSE
    for document in _documents(path)
    for name, service in document.get("services", {}).items()
}


def test_there_is_something_to_look_at() -> None:
    assert len(PODS) >= 3
    assert len(SERVICES) >= 8


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_restricted(name: str) -> None:
    pod = PODS[name]
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["runAsGroup"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    for volume in pod.get("volumes", ()):
        assert set(volume) - {"name"} <= VOLUMES
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_compose_has_nothing_more(name: str) -> None:
    path, service = SERVICES[name]

    assert not MORE & set(service)
    assert "unconfined" not in str(service)
    assert "docker.sock" not in str(service)
    if path.name != "compose.yaml":
        # It is laid over the one below, and takes nothing away from it.
        assert not {"user", "read_only", "cap_drop", "security_opt"} & set(service)
        return
    assert int(str(service["user"]).partition(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_runs_as_a_number_that_is_not_root_and_raises_no_rights() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    final = text.rpartition("\nFROM ")[2]

    assert re.findall(r"^USER (\d+):(\d+)$", final, re.MULTILINE) == [("65532", "65532")]
    # Nothing is run as root after that, and nothing is given set-user-ID or a capability.
    assert not re.search(r"^(RUN|COPY|ADD)", final.partition("\nUSER ")[2], re.MULTILINE)
    assert not re.search(r"setcap|chmod [^\n]*(\+s|[2467][0-7]{3})|sudo", text)


def test_the_unit_of_systemd_has_no_user_that_is_root_and_no_capability() -> None:
    text = (DEPLOY / "systemd" / "authz.service").read_text("utf-8")
    lines = set(text.splitlines())

    assert {
        "User=authz",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "ProtectSystem=strict",
        "PrivateDevices=yes",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
    } <= lines
    for drop_in in (DEPLOY / "systemd").glob("*.conf"):
        assert not re.search(
            r"^(User|.*Capab|NoNew|Protect|Private)", drop_in.read_text("utf-8"), re.M
        )
