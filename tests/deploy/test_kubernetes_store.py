# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes/store.yaml and migrate.yaml as processes (tests.factories.kubernetes_store)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children
from authz.demo.stack import ask
from authz.store.schema import SCHEMA
from tests.conftest import absent
from tests.factories.accepted import accepted
from tests.factories.kubernetes_store import STORE, Pod, database
from tests.factories.postgres import require_postgres
from tests.factories.releases import later_release
from tests.factories.shipped import DEPLOY, of_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.deploy, pytest.mark.postgres]

MIGRATE = DEPLOY / "kubernetes" / "migrate.yaml"


@pytest.fixture
def home() -> Iterator[Path]:
    require_postgres()
    if os.geteuid() != 0:
        absent("root", "root is needed to mount a secret as Kubernetes does")
    # Not below pytest's own directory: its parents are closed to the users of pod and database.
    home = Path(tempfile.mkdtemp(prefix="authz-kubernetes-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


def test_it_answers_by_the_database_and_keeps_keys_there(home: Path) -> None:
    with ExitStack() as stack:
        pod = Pod(home, stack.enter_context(database(home)))
        children = stack.enter_context(Children())
        node = children.start("authz", pod.command("serve"), home / "authz.log")
        node.wait_until(lambda: ask(pod.metrics, "/readyz") == (200, "ready\n"), "it was ready")

        assert pod.run("health").returncode == 0
        made = pod.run("ca", "create", "--name", "devices")
        assert made.returncode == 0, made.stderr
        issued = pod.run("cert", "issue", "--label", "tablet", "--out", str(pod.data / "tablet"))
        assert issued.returncode == 0, issued.stderr
        token = pod.run("token", "create", "--name", "me")
        assert len(token.stdout.strip()) == 43, token.stderr

        wrong = pod.run("ca", "list", password="another")
        assert wrong.returncode == 2
        assert "password authentication failed" in wrong.stderr
    accepted(STORE, "PostgreSQL, authz", "its settings and secret run: TLS, password, passphrase")


def job_of(pod: Pod) -> subprocess.Popen[str]:
    """The container of migrate.yaml, started in the place of the pod's own."""
    (container,) = of_kind(MIGRATE, "Job")["spec"]["template"]["spec"]["containers"]
    *arguments, option, settings = container["args"]
    assert (option, settings) == ("--config", "/etc/authz/authz.yaml")
    assert [one["name"] for one in container["env"]] == ["PGPASSWORD"]
    return subprocess.Popen(
        pod.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(*jobs: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Status and words of each."""
    found = []
    for one in jobs:
        said, _ = one.communicate(timeout=120)
        found.append((one.returncode, said.strip()))
    return found


def test_replicas_that_start_at_once_and_a_job_before_the_next_release(home: Path) -> None:
    later = home / "later"
    later_release(later)
    with ExitStack() as stack:
        server = stack.enter_context(database(home))
        children = stack.enter_context(Children())
        # The first installation: two replicas meet an empty database, and no Job was run.
        pods = [Pod(home, server, name) for name in ("first", "second")]
        nodes = [
            children.start(pod.own.name, pod.command("serve"), pod.own / "log") for pod in pods
        ]
        for pod, node in zip(pods, nodes, strict=True):
            node.wait_until(lambda pod=pod: ask(pod.metrics, "/readyz")[0] == 200, "it was ready")

        # A pod of the next release is not ready by itself, and says what it waits for.
        new = Pod(home, server, "new", later)
        early = children.start("early", new.command("serve"), new.own / "log")
        early.wait_until(lambda: "of an earlier release" in early.tail(), "it said why")
        assert ask(new.metrics, "/readyz")[0] == 503

        # The Job twice at once, as when two pipelines deploy: one waits for the other.
        again = Pod(home, server, "again", later)
        said = sorted(ended(job_of(new), job_of(again)))
        assert said == [
            (0, f"ok: from {SCHEMA:04} to {SCHEMA + 1:04}"),
            (0, f"ok: the tables are those of this release ({SCHEMA + 1:04})"),
        ]
        early.wait_until(lambda: ask(new.metrics, "/readyz")[0] == 200, "the new one was ready")

        # The old ones went on, go on, and write.
        assert [ask(pod.metrics, "/readyz")[0] for pod in pods] == [200, 200]
        assert [node.is_running for node in nodes] == [True, True]
        made = pods[0].run("ca", "create", "--name", "devices")
        assert made.returncode == 0, made.stderr

        # Back, by somebody who runs the Job each time: the old image leaves the tables alone.
        works = (
            f"ok: the tables are of a later release ({SCHEMA + 1:04}), which this one works with"
        )
        assert ended(job_of(pods[1])) == [(0, works)]
        refused = pods[1].run("db", "migrate")
        assert (refused.returncode, "of a later release" in refused.stderr) == (2, True)
    accepted(MIGRATE, "PostgreSQL, authz", "its command: twice at once, under pods of before")
