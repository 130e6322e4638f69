# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes/store.yaml as processes: its settings and its secret, on a real PostgreSQL.

TLS with verification of the name, a password from the environment, and the passphrase in a file as
Kubernetes mounts it for a group (fsGroup): everything but the cluster.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask
from tests.factories.accepted import accepted
from tests.factories.postgres import require_postgres, running_server
from tests.factories.relocated import bind_commands, python
from tests.factories.shipped import DEPLOY, make_certificates, of_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.postgres import Server

pytestmark = [pytest.mark.deploy, pytest.mark.postgres]

STORE = DEPLOY / "kubernetes" / "store.yaml"
PASSWORD = "not-the-one-of-the-example"
#: The user of the pod.
USER = 65532


@contextmanager
def database(home: Path) -> Iterator[Server]:
    """A PostgreSQL for `localhost` that takes TLS and passwords alone, over TCP."""
    certificates = make_certificates(home / "certs")
    own = home / "postgresql"
    own.mkdir()
    for name in ("server.crt", "server.key"):
        shutil.copy(certificates / name, own)
    (own / "server.key").chmod(0o600)
    (own / "hba").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for one in (own, *own.iterdir()):
            os.chown(one, owner.pw_uid, owner.pw_gid)
    with running_server(
        f"-c ssl=on -c ssl_cert_file={own}/server.crt -c ssl_key_file={own}/server.key "
        f"-c hba_file={own}/hba"
    ) as server:
        with psycopg.connect(
            host=str(server.directory), port=server.port, user="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE ROLE authz LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(
                "CREATE DATABASE authz OWNER authz ENCODING 'UTF8' TEMPLATE template0"
            )
        yield server


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    require_postgres()
    if os.geteuid() != 0:
        pytest.skip("root is needed to mount a secret as Kubernetes does")
    # Not below pytest's own directory: its parents are closed to the users of pod and database.
    home = Path(tempfile.mkdtemp(prefix="authz-kubernetes-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


class Pod:
    """A process with the settings, the environment and the user of a pod."""

    def __init__(self, home: Path, server: Server) -> None:
        self.home = home
        self.metrics = f"127.0.0.1:{free_port()}"
        self.data = home / "data"
        self.data.mkdir()
        os.chown(self.data, USER, USER)
        secret = home / "secret" / "key-passphrase"
        secret.parent.mkdir()
        secret.write_text("a passphrase\n", encoding="utf-8")
        # As a volume of a secret with defaultMode 0400 and fsGroup: of root, for the group.
        os.chown(secret, 0, USER)
        secret.chmod(0o440)
        text: str = of_kind(STORE, "ConfigMap")["data"]["authz.yaml"]
        for theirs, ours in (
            ("postgresql.database.svc.cluster.local:5432", f"localhost:{server.port}"),
            ("/etc/authz/database/ca.crt", str(home / "certs" / "server-ca.crt")),
            ("/run/secrets/authz/key-passphrase", str(secret)),
            ("/var/lib/authz", str(self.data)),
            ("0.0.0.0:50051", f"127.0.0.1:{free_port()}"),
            ("0.0.0.0:9464", self.metrics),
            ("127.0.0.1:8080", f"127.0.0.1:{free_port()}"),
        ):
            assert theirs in text
            text = text.replace(theirs, ours)
        self.settings = home / "authz.yaml"
        self.settings.write_text(text, encoding="utf-8")

    def command(self, *arguments: str, password: str = PASSWORD) -> list[str]:
        """`kubectl exec … authz …`: as the pod's user, with its environment."""
        place = str(self.home / "relocated")
        enter = f'{bind_commands(place)}exec "$@"'
        return [
            *("unshare", "--mount", "sh", "-euc", enter, "sh"),
            *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"),
            # What an engine gives to a user that is not in /etc/passwd.
            *("env", "HOME=/", f"PGPASSWORD={password}"),
            *(*python(place), "-m", "authz", *arguments, "--config", str(self.settings)),
        ]

    def run(self, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        """What a command in the pod says."""
        return subprocess.run(
            self.command(*arguments, password=password),
            cwd=self.data,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )


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
