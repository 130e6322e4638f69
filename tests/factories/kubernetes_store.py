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
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg

from authz.demo.processes import free_port
from tests.factories.postgres import running_server
from tests.factories.relocated import bind_commands, python
from tests.factories.shipped import DEPLOY, make_certificates, of_kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.factories.postgres import Server

STORE: Final = DEPLOY / "kubernetes" / "store.yaml"
PASSWORD: Final = "not-the-one-of-the-example"
#: The user of the pod.
USER: Final = 65532


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


class Pod:
    """A process with the settings, the environment and the user of a pod.

    Args:
        home: what its database has made, and where `name` gets a directory.
        release: a directory with the program of another release; None: this one.
    """

    def __init__(
        self, home: Path, server: Server, name: str = "pod", release: Path | None = None
    ) -> None:
        self.release = release
        self.own = home / name
        self.own.mkdir()
        self.metrics = f"127.0.0.1:{free_port()}"
        self.data = self.own / "data"
        self.data.mkdir()
        os.chown(self.data, USER, USER)
        secret = self.own / "secret" / "key-passphrase"
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
        self.settings = self.own / "authz.yaml"
        self.settings.write_text(text, encoding="utf-8")

    def command(self, *arguments: str, password: str = PASSWORD) -> list[str]:
        """`kubectl exec … authz …`: as the pod's user, with its environment."""
        place = str(self.own / "relocated")
        enter = f'{bind_commands(place)}exec "$@"'
        program = python(place)
        if self.release is not None:
            program[1] = program[1].replace("PYTHONPATH=", f"PYTHONPATH={self.release}:")
        return [
            *("unshare", "--mount", "sh", "-euc", enter, "sh"),
            *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"),
            # What an engine gives to a user that is not in /etc/passwd.
            *("env", "HOME=/", f"PGPASSWORD={password}"),
            *(*program, "-P", "-m", "authz", *arguments, "--config", str(self.settings)),
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
