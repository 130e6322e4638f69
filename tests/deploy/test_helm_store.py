# SPDX-License-Identifier: Apache-2.0
"""A pod of the Helm chart with a store as processes: its secrets, its claim, its commands.

Volumes are laid out as kubelet does it; ports are values of the chart, only paths are replaced.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import authz
from authz.demo.processes import Children, free_port
from authz.demo.stack import ask
from authz.store.schema import SCHEMA
from tests.factories.accepted import accepted
from tests.factories.helm import CHART, changed, render, values_of
from tests.factories.mounts import mount_pod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.processes import Child

pytestmark = pytest.mark.deploy

TOKEN = "t" * 44
GIVEN = {
    "authz-keys": {"passphrase": b"correct horse battery staple\n"},
    "authz-first-token": {"token": f"{TOKEN}\n".encode()},
    "first-sites": {"sites.yaml": b'sites: [{name: first, hosts: ["first.example"]}]\n'},
}


class StorePod:
    """The pod of ci/deployment-sqlite.yaml, with a secret of keys and a first token."""

    def __init__(self, home: Path, children: Children) -> None:
        self.metrics, self.admin, grpc = (free_port() for _ in range(3))
        values = values_of("deployment-sqlite")
        for path, value in {
            "listenHost": "127.0.0.1",
            "grpc.port": grpc,
            "metrics.port": self.metrics,
            "admin.port": self.admin,
            "admin.firstToken": {"existingSecret": "authz-first-token"},
            "keys": {"existingSecret": "authz-keys", "passphraseKey": "passphrase"},
            "tests.apiToken": {"existingSecret": "authz-first-token"},
        }.items():
            values = changed(values, path, value)
        self.release = render(values)
        self.pod = mount_pod(self.release, home / "pod", GIVEN)
        self.children = children
        self.home = home

    def start(self) -> Child:
        """As kubelet does, until it is ready: first the container that migrates, to its end."""
        (first,) = self.release.pod["initContainers"]
        self.migrated = subprocess.run(
            [
                *(sys.executable, "-m", "authz"),
                *(self.pod.localized("migrate", one) for one in first["args"]),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        arguments = [self.pod.localized("authz", one) for one in self.release.container()["args"]]
        child = self.children.start(
            "authz", [sys.executable, "-m", "authz", *arguments], self.home / "authz.log"
        )
        child.wait_until(lambda: ask(f"127.0.0.1:{self.metrics}", "/readyz")[0] == 200, "ready")
        return child

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`kubectl exec … -- authz ARGUMENTS`: in the directory that the container names."""
        directory = self.pod.localized("authz", self.release.container()["workingDir"])
        return subprocess.run(
            [sys.executable, "-m", "authz", *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def helm_test(self, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
        """The program of `helm test`, with this machine's addresses."""
        (test,) = self.release.all("Pod")
        (container,) = test["spec"]["containers"]
        options = [one.partition("=")[0] for one in container["args"]]
        assert options == ["--metrics", "--admin", "--token"]
        file = self.home / "token"
        file.write_text(token, encoding="ascii")
        return subprocess.run(
            [
                *(sys.executable, CHART / "files" / "ask.py"),
                f"--metrics=http://127.0.0.1:{self.metrics}",
                f"--admin=http://127.0.0.1:{self.admin}",
                f"--token={file}",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[StorePod]:
    with Children() as children:
        yield StorePod(tmp_path, children)


def test_a_pod_with_a_store_and_the_one_after_it(pod: StorePod) -> None:
    first = pod.start()
    assert pod.migrated == f"ok: from no tables to {SCHEMA:04}\n"

    # The first token is the secret's, and the API takes it.
    first.wait_until(lambda: pod.helm_test().returncode == 0, "the first token counts")
    assert pod.helm_test().stdout == "it is ready and decides\n"
    refused = pod.helm_test("x" * 44)
    assert (refused.returncode, refused.stdout) == (1, "the API does not take the token: 401\n")

    # Commands find the settings by themselves, and the keys are the secret's.
    assert pod.command("token", "create", "--name", "operator").returncode == 0
    made = pod.command("ca", "create", "--name", "acme")
    assert made.returncode == 0, made.stderr
    data = pod.pod.file("authz", "/var/lib/authz/authz.db").parent
    assert (data / "authz.db").is_file()
    assert not (data / "ca.key").exists()
    assert not (data / "admin-token").exists()

    # Recreate: the next pod has the same claim.
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    pod.start()
    assert pod.migrated == f"ok: the tables are those of this release ({SCHEMA:04})\n"

    assert "acme" in pod.command("ca", "list").stdout
    assert pod.command("cert", "issue", "--label", "a", "--days", "1", "--json").returncode == 0
    accepted(
        CHART / "ci" / "deployment-sqlite.yaml", f"authz {authz.__version__}", "serve, as processes"
    )
