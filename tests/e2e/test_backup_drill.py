# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/back-up-and-restore.md, "Practise it", step by step behind a real Envoy."""

from __future__ import annotations

import json
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from authz.demo.stack import start_authz
from tests.e2e.drill import HOST, Drill, start_drill
from tests.e2e.harness import eventually
from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name
from tests.factories.page_drills import Shell, commands_below, headings
from tests.factories.postgres import running_server

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

pytestmark = pytest.mark.deploy

PAGE = "how-to/back-up-and-restore.md"


@pytest.fixture
def shell_names(tmp_path: Path) -> dict[str, str]:
    for name in ("backups", "safe"):
        (tmp_path / name).mkdir(mode=0o700)
    return {"/backups": str(tmp_path / "backups"), "/safe": str(tmp_path / "safe")}


@pytest.fixture
def drill(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    shell_names: dict[str, str],
    tmp_path: Path,
) -> Drill:
    """A running service with two clients; its backup; and one of them revoked since."""
    started = start_drill(children, credentials, upstream)
    shell = started.shell
    shell.names.update(shell_names)
    shell.run(
        "authz ca create --name Acme",
        f"authz host add {HOST} --ca Acme --protect '/*'",
        "authz cert issue --label alice --out alice",
        "authz cert issue --label bob --out bob",
    )
    for client in ("alice", "bob"):
        started.becomes(200, client)
    shell.follow(PAGE, "What is kept")
    # A real one has paths of its own; this one would lead the other machine back here.
    kept = tmp_path / "safe" / "authz.yaml"
    settings = json.loads(kept.read_text())
    del settings["data_dir"]
    kept.write_text(json.dumps(settings))
    shell.run("authz incident revoke bob/client.pem --yes")
    return started


def test_the_database_is_lost(drill: Drill) -> None:
    shell = drill.shell
    gone, *rest = commands_below(PAGE, "The database is lost")
    shell.run(gone)
    # What is in force stays so.
    assert [drill.status(one) for one in ("alice", "bob")] == [200, 403]

    said = shell.run(*rest)

    assert "revoked since the backup, and revoked again: " in said
    assert "ok: nothing is wrong" in said
    assert [drill.status(one) for one in ("alice", "bob")] == [200, 403]
    drill.authz.child.send_signal(signal.SIGTERM)
    assert drill.authz.child.wait(30) == 0
    settings = {"grpc": {"listen": drill.authz.grpc[0], "workers": 2, "port_per_worker": True}}
    again = start_authz(drill.children, shell.directory, settings)
    eventually(again.is_ready, "it is ready again")
    drill.becomes(200, "alice")
    assert drill.status("bob") == 403
    followed(PAGE, envoy_name(), "followed on a running service")


def test_the_machine_is_lost(drill: Drill) -> None:
    said = drill.shell.follow(PAGE, "The machine is lost")

    assert "nothing here knows what was revoked after the backup" in said
    assert "ok: nothing is wrong" in said
    assert (drill.shell.directory / "other" / "after" / "client.pem").exists()


def test_without_the_secret_a_backup_can_sign_nothing(drill: Drill) -> None:
    shell = drill.shell
    shutil.rmtree(shell.directory / "safe")
    shell.run("mkdir -m 700 other", "authz db restore /backups/daily.db --data-dir other")
    said = shell.run("authz cert issue --label x --data-dir other --out x", status=2)

    assert "put it back from a backup" in said


@pytest.mark.postgres
def test_with_postgresql(tmp_path: Path, shell_names: dict[str, str]) -> None:
    with running_server("-c fsync=off") as server:
        address = server.address(server.new_database())
        shell = Shell(directory=tmp_path, names={**shell_names, '"$DATABASE"': f"'{address}'"})
        shell.run(
            f"authz db migrate --database '{address}'",
            f"authz ca create --name Acme --database '{address}'",
            f"authz cert issue --label bob --out bob --database '{address}'",
        )
        backup, restore = commands_below(PAGE, "With PostgreSQL")
        shell.run(backup)
        shell.run(f"authz incident revoke bob/client.pem --yes --no-wait --database '{address}'")

        said = shell.run(restore)

        assert "revoked since the backup, and revoked again: " in said


def test_every_step_is_followed() -> None:
    steps = headings(PAGE)
    assert steps[steps.index("What is kept") :] == [
        "What is kept",
        "The database is lost",
        "The machine is lost",
        "With PostgreSQL",
    ]
