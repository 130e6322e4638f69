# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/a-key-leaked.md followed on a running installation: what it says is in force, is."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from authz.demo.stack import data_of
from tests.e2e.drill import HOST, LENIENT, REFUSED, STRICT, Drill, start_drill
from tests.e2e.harness import eventually
from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name
from tests.factories.page_drills import headings

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

pytestmark = pytest.mark.deploy

PAGE = "how-to/a-key-leaked.md"


@pytest.fixture
def drill(children: Children, credentials: Credentials, upstream: Upstream) -> Drill:
    """Two certificates of one key, alice's, and one of bob."""
    started = start_drill(children, credentials, upstream)
    shell = started.shell
    shell.names["HOST:9464"] = started.authz.metrics_address
    shell.run(
        "authz ca create --name Acme",
        f"authz host add {HOST} --ca Acme --protect '/*'",
        "mkdir alice",
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-keyout alice/client.key -subj /CN=alice -out alice.csr 2>/dev/null",
        "authz cert issue --label alice --csr alice.csr --out renewed",
        "authz cert issue --label 'alice 2' --csr alice.csr --out alice --force",
        "authz cert issue --label bob --out bob",
    )
    shutil.copy(shell.directory / "alice" / "client.key", shell.directory / "renewed")
    for client in ("alice", "renewed", "bob"):
        started.becomes(200, client)
        started.becomes(200, client, STRICT)
    return started


def test_a_clients_key(drill: Drill) -> None:
    with contextlib.closing(drill.connect("renewed")) as kept:
        assert kept.send_request("/", hosts=(HOST,)).status == 200

        said = drill.shell.follow(PAGE, "A client's key")

        # At once, when the command has returned, also on a connection that was open before.
        assert kept.send_request("/", hosts=(HOST,)).status == 403
    assert [drill.status(one) for one in ("alice", "renewed", "bob")] == [403, 403, 200]
    assert "found by the private key" in said
    assert len(re.findall(r"^revoked: [0-9a-f]+ of Acme$", said, re.MULTILINE)) == 2
    assert len(re.findall(r"^revoked already: ", said, re.MULTILINE)) == 2
    node = re.escape(drill.authz.metrics_address)
    in_force = rf"^in force on {node}: revision \d+, snapshot \d+, 2 workers, \d+\.\d\d s after"
    assert len(re.findall(in_force, said, re.MULTILINE)) == 2
    drill.becomes(200, "alice-again")
    followed(PAGE, envoy_name(), "followed on a running service")


def test_a_node_that_does_not_come_to_enforce_it_is_named(drill: Drill) -> None:
    said = drill.shell.run(
        "authz incident revoke bob/client.pem --yes --node 127.0.0.1:1", status=2
    )

    assert "127.0.0.1:1: the change is committed" in said
    # It is so all the same.
    drill.becomes(403, "bob")


def test_the_key_of_a_ca(drill: Drill) -> None:
    with contextlib.closing(drill.connect("bob", STRICT)) as kept:
        assert kept.send_request("/", hosts=(HOST,)).status == 200

        said = drill.shell.follow(PAGE, "The key of a CA")

        assert kept.send_request("/", hosts=(HOST,)).status == 403
    assert "3 client certificates that have not expired stop working; hosts: " + HOST in said
    assert re.search(r"^in force on .* 2 workers, ", said, re.MULTILINE)
    assert [drill.status(one) for one in ("alice", "renewed", "bob")] == [403] * 3
    # What Envoy itself refuses follows over SDS.
    drill.becomes(REFUSED, "alice", STRICT)
    for listener in (LENIENT, STRICT):
        drill.becomes(200, "bob-again", listener)


def test_a_token(drill: Drill) -> None:
    def call(token: str) -> int:
        address = f"http://{drill.authz.admin}/client/v4/user/tokens/verify"
        return httpx.get(address, headers={"Authorization": f"Bearer {token}"}).status_code

    first = data_of(drill.shell.directory) / "admin-token"
    eventually(first.exists, "the first token")
    eventually(lambda: call(first.read_text().strip()) == 200, "the API answers")

    said = drill.shell.follow(PAGE, "A token")

    tokens = drill.shell.directory
    for name in ("renewal.token", "new.token"):
        assert (tokens / name).stat().st_mode & 0o077 == 0, name
    assert [
        call(file.read_text().strip())
        for file in (first, tokens / "renewal.token", tokens / "new.token")
    ] == [401, 401, 200]
    assert "ended: 2 tokens, 0 sessions" in said


def test_a_database_that_leaked_has_no_key_without_the_secret(drill: Drill) -> None:
    drill.shell.run("authz db backup leaked.db")
    drill.shell.follow(PAGE, "A backup, or the database")

    drill.shell.run("authz db restore leaked.db --data-dir thief")
    drill.shell.run("openssl rand -out thief/ca.key 32 && chmod 600 thief/ca.key")
    said = drill.shell.run("authz cert issue --label eve --data-dir thief --out eve", status=2)

    assert "the private key cannot be decrypted" in said
    leaked = (drill.shell.directory / "leaked.db").read_bytes()
    assert b"PRIVATE KEY" not in leaked
    first = data_of(drill.shell.directory) / "admin-token"
    assert first.read_bytes().strip() not in leaked
    # New ones are made by the new secret, once it is named.
    (drill.shell.directory / "authz.yaml").write_text(
        json.dumps(
            json.loads((drill.shell.directory / "authz.yaml").read_text())
            | {"keys": {"key_file": "new.key"}}
        )
    )
    drill.shell.run("authz cert issue --label carol --out carol")


def test_every_command_of_the_page_is_followed() -> None:
    assert headings(PAGE) == [
        "A client's key",
        "The key of a CA",
        "A token",
        "A backup, or the database",
    ]
