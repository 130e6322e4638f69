# SPDX-License-Identifier: Apache-2.0
"""One node's pod of the chart's form `daemonset` is replaced, and its Envoy goes on, under load.

Two releases, the commands, probes and pauses of the rendered pods, a real Envoy; what a cluster
does in between is tests.factories.cluster.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

import authz
from tests.e2e.harness import more, wait_for_health
from tests.e2e.rollout import Clients, envoy_for, release_with
from tests.factories.accepted import accepted
from tests.factories.cluster import KubePod, NodeService
from tests.factories.helm import CHART
from tests.factories.releases import later_release, this_release

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

pytestmark = pytest.mark.deploy

#: preStop of the chart: pods go on answering.
PRE_STOP_SECONDS = 5

POLICY = """
sites:
  - name: default
    hosts: ["*"]
    trust: [{name: clients, certificates: [/etc/authz/trust/clients/client-ca.crt]}]
    rules:
      - {ref: certificate, expression: not cf.tls_client_auth.cert_verified, action: block}
"""

#: How Envoy asks behind a virtual address: as behind one port that several workers share.
SHARED = {"grpc": {"workers": 2, "port_per_worker": False}}


class Node:
    """A node of a DaemonSet with a policy: its pods, of whichever release."""

    def __init__(
        self, children: Children, credentials: Credentials, name: str, **values: object
    ) -> None:
        self._children = children
        self._credentials = credentials
        self.release = release_with(
            name,
            **{
                "policy": {"content": POLICY},
                "trust": [{"name": "clients", "configMap": "client-authorities"}],
                **values,
            },
        )
        ports = self.release.container()["ports"]
        self.ports = [one["containerPort"] for one in ports if str(one["name"]).startswith("grpc")]

    def pod(self, program: tuple[str, ...], address: str = "") -> KubePod:
        """One that is started."""
        given = {
            "client-authorities": {"client-ca.crt": self._credentials.authority.pem},
        }
        made = KubePod(
            self._credentials.directory,
            self._children,
            self.release,
            program,
            given,
            address,
        )
        made.start()
        made.wait_ready()
        return made


@pytest.mark.parametrize(
    ("settings", "statuses"),
    [(SHARED, {"200"}), ({}, {"200", "503"})],
    ids=["no health checks", "health checks"],
)
def test_a_daemonset_by_its_service_there_and_back(
    settings: dict[str, Any],
    statuses: set[str],
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
) -> None:
    """The Service stays on the node, and Envoy asks by its virtual address.

    A health check keeps its connection to the pod that goes, and takes its NOT_SERVING for that of
    the only endpoint there is: so Envoy is told not to check behind a virtual address.
    """
    old, new = this_release().program, later_release(credentials.directory / "later").program
    node = Node(children, credentials, "daemonset-service")
    assert node.release.workload["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert node.release.one("Service")["spec"]["internalTrafficPolicy"] == "Local"
    with NodeService(*node.ports) as service:
        pod = node.pod(old)
        service.serve(pod)
        envoy = envoy_for(children, credentials, upstream, (service.address,), settings=settings)
        clients = Clients(envoy, credentials)
        valid = credentials.client_file("valid")
        load, strangers = clients.load(valid), clients.load(None)
        if not settings:
            wait_for_health(envoy, 1)
        with load.running(), strangers.running():
            more(load, 100)
            for program in (new, old):
                replaced, pod = pod, node.pod(program)
                service.serve(pod)
                replaced.terminate()
                more(load, 100)

    assert set(load.counts) == statuses, (load.counts, load.details[:3])
    # Nobody without a certificate is let in by that, either.
    assert set(strangers.counts) == {"403", *statuses - {"200"}}, strangers.counts
    if statuses == {"200"}:
        accepted(
            CHART / "ci" / "daemonset-service.yaml",
            f"authz {authz.__version__}, envoy",
            f"one node's pod replaced there and back under load, {load.total} checks, none failed",
        )


def test_helm_test_asks_the_service_and_fails_when_nobody_answers(
    children: Children, credentials: Credentials
) -> None:
    """`authz health` by the image, with the settings of the test's own ConfigMap."""
    program = this_release().program
    node = Node(children, credentials, "daemonset-service", **{"tests.grpc": True})
    (test,) = node.release.all("Pod")
    (container,) = [one for one in test["spec"]["containers"] if one["name"] == "gateway"]
    (mount,) = container["volumeMounts"]
    text = node.release.one("ConfigMap", "-test")["data"][mount["subPath"]]
    file = credentials.directory / "test.yaml"
    asked = f"gate-envoy-mtls-authz.edge:{node.ports[0]}"
    assert asked in text
    with NodeService(*node.ports) as service:
        file.write_text(text.replace(asked, service.address))
        arguments = [str(file) if one == mount["mountPath"] else one for one in container["args"]]

        def ends() -> tuple[int, str]:
            run = subprocess.run(
                [*program, *arguments], capture_output=True, text=True, timeout=60, check=False
            )
            return run.returncode, run.stdout + run.stderr

        assert ends()[0] == 1
        service.serve(node.pod(program))
        assert ends() == (0, f"{service.address} is serving\n")
        service.serve(None)
        status, said = ends()
    assert (status, "cannot be asked" in said) == (1, True)


def test_a_daemonset_with_a_port_of_the_node_is_away_for_a_moment_and_lets_nobody_in(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    """Old and new pod cannot have the port both: what clients see in between is 503."""
    old, new = this_release().program, later_release(credentials.directory / "later").program
    node = Node(
        children,
        credentials,
        "daemonset-hostport",
        **{"grpc.tls": {}, "daemonset.hostIP": "127.0.0.1"},
    )
    assert node.release.workload["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }
    address = "127.0.0.1"
    pod = node.pod(old, address)
    endpoints = tuple(f"{address}:{port}" for port in node.ports)
    envoy = envoy_for(children, credentials, upstream, endpoints)
    wait_for_health(envoy, len(endpoints))
    clients = Clients(envoy, credentials)
    load, strangers = clients.load(credentials.client_file("valid")), clients.load(None)
    away = []
    with load.running(), strangers.running():
        more(load, 100)
        for program in (new, old):
            assert set(load.counts) <= {"200", "503"}
            began = time.monotonic() + PRE_STOP_SECONDS
            denied = load.counts.get("503", 0)
            pod.terminate()
            # preStop: the port was answered until then.
            assert load.counts.get("503", 0) > denied
            pod = node.pod(program, address)
            wait_for_health(envoy, len(endpoints))
            away.append(time.monotonic() - began)
            more(load, 100)
            assert clients.status(credentials.client_file("valid")) == 200

    assert set(load.counts) == {"200", "503"}, (load.counts, load.details[:3])
    # Nobody was let in, and nobody without a certificate was told anything else.
    assert set(strangers.counts) == {"403", "503"}, strangers.counts
    accepted(
        CHART / "ci" / "daemonset-hostport.yaml",
        f"authz {authz.__version__}, envoy",
        "one node's pod replaced there and back under load: 503 for "
        f"{', '.join(f'{one:.1f} s' for one in away)}, then 200, nobody let in",
    )
