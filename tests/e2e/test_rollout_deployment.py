# SPDX-License-Identifier: Apache-2.0
"""Upgrade and rollback of the chart's form `deployment` under load.

Two releases, the commands, probes and pauses of the rendered pods, a real Envoy; what a cluster
does in between is tests.factories.cluster.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

import authz
from authz.demo.processes import free_port
from authz.store.schema import SCHEMA
from tests.e2e.drill import client_pem
from tests.e2e.harness import eventually, more, wait_for_health
from tests.e2e.rollout import HOST, Clients, envoy_for, release_with, run
from tests.factories.accepted import accepted
from tests.factories.cluster import KubePod, Names
from tests.factories.helm import CHART
from tests.factories.postgres import require_postgres, running_server
from tests.factories.releases import later_release, this_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream
    from tests.factories.helm import Release

pytestmark = [pytest.mark.deploy, pytest.mark.postgres]

#: The headless Service.
NAME = "gate-envoy-mtls-authz.edge.svc.cluster.local"


class Deployment:
    """The controller of a Deployment: pods are replaced as its strategy says."""

    def __init__(self, names: Names, start: Callable[[Release, tuple[str, ...]], KubePod]) -> None:
        self._names = names
        self._start = start
        self.pods: list[KubePod] = []

    def install(self, release: Release, program: tuple[str, ...]) -> None:
        """Every replica at once, on an empty database."""
        self.pods = [self._start(release, program) for _ in range(2)]
        for pod in self.pods:
            pod.start()
        for pod in self.pods:
            pod.wait_ready()
        self._names.serve(self.pods)

    def roll(self, release: Release, program: tuple[str, ...]) -> list[float]:
        """maxSurge 1, maxUnavailable 0: a new one is ready before an old one goes."""
        strategy = release.workload["spec"]["strategy"]
        assert strategy == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        }
        seconds = []
        for old in list(self.pods):
            new = self._start(release, program)
            new.start()
            new.wait_ready()
            self.pods.append(new)
            self._names.serve(self.pods)
            # Its name is gone when it is told to end, and Envoy hears of it a moment later.
            self.pods.remove(old)
            self._names.serve(self.pods)
            seconds.append(old.terminate())
        return seconds


def migrate(release: Release, program: tuple[str, ...], database: bytes, directory: Path) -> str:
    """What the Job says that helm runs before an upgrade."""
    job = release.one("Job", "-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    place = directory / "hook"
    place.mkdir()
    (place / "url").write_bytes(database)
    text = release.one("ConfigMap", "-migrate")["data"]["authz.yaml"]
    text = text.replace("/etc/authz/database/url", str(place / "url"))
    (place / "authz.yaml").write_text(text.replace("/var/lib/authz", str(place)))
    *arguments, option, file = container["args"]
    assert (option, file) == ("--config", "/etc/authz/settings/authz.yaml")
    return run([*program, *arguments, option, str(place / "authz.yaml")], directory)


def test_a_deployment_on_postgresql_there_and_back(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    require_postgres()
    directory = credentials.directory
    old, new = this_release().program, later_release(directory / "later").program
    with ExitStack() as stack:
        server = stack.enter_context(running_server("-c fsync=off"))
        given = {
            "authz-database": {"uri": server.address(server.new_database()).encode()},
            "authz-keys": {"passphrase": b"correct horse battery staple\n"},
        }
        release = release_with(
            "deployment-postgresql",
            **{
                "grpc.tls": {},
                "grpc.workers": 1,
                "admin.tls": {},
                "admin.allowPlaintext": True,
                "admin.port": free_port(),
                "admin.firstToken": {},
                "tests.apiToken": {},
                "publication.enabled": False,
                "settings.admin": {},
                "extraVolumes": [],
                "extraVolumeMounts": [],
            },
        )
        names = stack.enter_context(Names(NAME))
        deployment = Deployment(
            names, lambda of, program: KubePod(directory, children, of, program, given)
        )
        deployment.install(release, old)

        def administer(*arguments: str) -> str:
            return run(deployment.pods[0].administer(*arguments), directory)

        administer("ca", "create", "--name", "Acme")
        administer("host", "add", HOST, "--ca", "Acme", "--protect", "/*")
        for one in ("alice", "bob"):
            administer("cert", "issue", "--label", one, "--out", str(directory / one))
        alice, bob = (client_pem(directory / one) for one in ("alice", "bob"))
        port = release.container()["ports"][0]["containerPort"]
        envoy = envoy_for(children, credentials, upstream, (f"{NAME}:{port}",), names)
        wait_for_health(envoy, 2)
        clients = Clients(envoy, credentials)
        eventually(lambda: clients.status(alice) == 200, "the pods enforce it")
        assert clients.status(bob) == 200

        load = clients.load(alice)
        with load.running():
            more(load, 100)
            # helm upgrade: the hook by the new image, while the old pods go on.
            said = migrate(release, new, given["authz-database"]["uri"], directory)
            assert said == f"ok: from {SCHEMA:04} to {SCHEMA + 1:04}\n"
            more(load, 50)

            there = deployment.roll(release, new)
            more(load, 100)
            administer(
                "incident", "revoke", str(directory / "bob" / "client.pem"), "--yes", "--no-wait"
            )
            eventually(lambda: clients.status(bob) == 403, "the new pods enforce it")

            # helm rollback runs no such hook: the old image on the tables of the new one.
            back = deployment.roll(release, old)
            more(load, 100)
            assert clients.status(bob) == 403

        assert load.counts == {"200": load.total}, (load.counts, load.details[:3])
        assert envoy.stat("http.ingress.ext_authz.error") == 0
        assert max(there + back) < 20
    accepted(
        CHART / "ci" / "deployment-postgresql.yaml",
        f"authz {authz.__version__}, envoy",
        f"two releases rolled there and back under load, {load.total} requests, none failed",
    )
