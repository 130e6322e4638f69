# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/upgrade-and-roll-back.md: two releases side by side under load, there and back."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz.demo.client import Connection
from authz.demo.stack import Authz, start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from authz.store.schema import SCHEMA
from tests.e2e.drill import client_pem
from tests.e2e.harness import Load, Stack, default_options, eventually, more, wait_for_health
from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name
from tests.factories.page_drills import Shell, commands_below, headings
from tests.factories.releases import VERSION, Release, later_release, this_release

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

pytestmark = pytest.mark.deploy

PAGE = "how-to/upgrade-and-roll-back.md"
HOST = "api.localhost"


@pytest.fixture
def shell(credentials: Credentials) -> Shell:
    """The commands of this release, on a store with a protected host and three clients."""
    made = Shell(directory=credentials.directory)
    (made.directory / "authz.yaml").write_text("metrics: {listen: off}\n")
    made.run(
        "authz ca create --name Acme",
        f"authz host add {HOST} --ca Acme --protect '/*'",
        *(f"authz cert issue --label {one} --out {one}" for one in ("alice", "bob", "carol")),
    )
    return made


class Nodes:
    """Instances of two releases on one data directory, each with an address of its own."""

    def __init__(self, children: Children, shell: Shell, transport: str) -> None:
        self.children = children
        self.shell = shell
        self.transport = transport
        self.addresses: dict[str, str] = {}

    def start(self, name: str, release: Release) -> Authz:
        """Start one, at the address that it had before if it had one."""
        settings: dict[str, Any] = {
            "data_dir": str(self.shell.directory / "authz-data"),
            "grpc": {
                "listen": self.addresses.get(name, "127.0.0.1:0"),
                "transport": self.transport,
            },
        }
        started = start_authz(
            self.children, self.shell.directory, settings, name=name, program=release.program
        )
        (self.addresses[name],) = started.grpc
        eventually(started.is_ready, f"{name} is ready")
        return started


def stop(node: Authz) -> None:
    """As a service manager does."""
    node.child.send_signal(signal.SIGTERM)
    assert node.child.wait(30) == 0, node.child.tail()


def test_no_check_fails_on_the_way_there_and_back(
    transport: str, children: Children, shell: Shell, credentials: Credentials, upstream: Upstream
) -> None:
    old, new = this_release(), later_release(shell.directory / "later")
    shell.follow(PAGE, "Before")
    nodes = Nodes(children, shell, transport)
    first = nodes.start("old", old)
    second = nodes.start("new", old)  # for its address: Envoy has both for good
    config = render_envoy_config(
        load_settings(shell.directory / "old.yaml"),
        default_options(credentials, upstream, (*first.grpc, *second.grpc)),
    )
    stop(second)
    envoy = start_envoy(children, shell.directory, config)
    wait_for_health(envoy, 1)
    stack = Stack(credentials=credentials, authz=first, envoy=envoy)

    def connect(client: str) -> Connection:
        return Connection(
            envoy.port, HOST, credentials.server_ca, client_pem(shell.directory / client)
        )

    def status(client: str) -> int:
        connection = connect(client)
        try:
            return int(connection.send_request("/", hosts=(HOST,)).status)
        finally:
            connection.close()

    load = Load(
        connect=lambda: connect("alice"),
        send=lambda connection: connection.send_request("/", hosts=(HOST,)),
    )
    assert (status("alice"), status("bob"), status("carol")) == (200, 200, 200)
    with load.running():
        more(load, 100)
        # (1) Migrated under the old one, which goes on following the store.
        said = shell.run(
            *(one.replace("authz", new.command, 1) for one in commands_below(PAGE, "Migrate"))
        )
        assert f"from {SCHEMA:04} to {SCHEMA + 1:04}" in said
        shell.run(
            "authz cert label $(cd bob && openssl x509 -in client.pem -noout -serial | "
            "cut -d= -f2) renamed"
        )
        more(load, 50)
        # (2) Side by side.
        second = nodes.start("new", new)
        assert second.metric("authz_build_info", version=VERSION) == 1
        wait_for_health(envoy, 2)
        more(load, 100)
        # (3) The old one ends; the new one enforces.
        stop(first)
        shell.run(
            f"{new.command} incident revoke bob/client.pem --yes --node {second.metrics_address}"
        )
        assert status("bob") == 403
        more(load, 100)
        # (4) Back, on the migrated tables; the new one ends.
        first = nodes.start("old", old)
        wait_for_health(envoy, 2)
        more(load, 50)
        stop(second)
        shell.run(f"authz incident revoke carol/client.pem --yes --node {first.metrics_address}")
        assert (status("bob"), status("carol")) == (403, 403)
        more(load, 100)

    assert load.counts == {"200": load.total}, load.details
    assert stack.envoy.stat("http.ingress.ext_authz.error") == 0
    followed(
        PAGE,
        envoy_name(),
        f"{transport}: there and back under load, {load.total} requests, none failed",
    )


def test_what_works_with_which_tables(shell: Shell) -> None:
    new = later_release(shell.directory / "later")
    early = shell.run(f"{new.command} ca list", status=2)
    assert f"of an earlier release ({SCHEMA}, this is {SCHEMA + 1})" in early
    assert "authz db migrate" in early
    shell.run("authz db backup before.db", f"{new.command} db migrate")

    assert "Acme" in shell.run("authz ca list")
    assert "older-program" in shell.run("authz doctor", status=1)
    for command in ("authz db migrate", "authz db restore before.db --replace --yes"):
        assert "of a later release" in shell.run(command, status=2)
    shell.run(f"{new.command} db backup later.db")
    refused = shell.run("authz db restore later.db --data-dir other", status=2)
    assert "the backup is of a later release" in refused


def test_back_to_before_a_migration_that_took_something_away(
    children: Children, shell: Shell
) -> None:
    new = later_release(shell.directory / "later", takes_away=True)
    shell.follow(PAGE, "Before")
    nodes = Nodes(children, shell, "auto")
    shell.run(f"{new.command} db migrate")
    later = nodes.start("new", new)
    revoked = shell.run(
        f"{new.command} incident revoke bob/client.pem --yes --node {later.metrics_address}"
    )
    assert "in force on" in revoked
    stop(later)

    assert "needs a later release of authz" in shell.run("authz ca list", status=2)
    node = children.start(
        "refused",
        [*this_release().program, "serve", "--config", shell.directory / "new.yaml"],
        shell.directory / "refused.log",
    )
    node.wait_until(lambda: "needs a later release of authz" in node.tail(), "it said why")
    # It waits for a store that it can use, and answers nobody until then.
    assert not (shell.directory / "authz-data" / "addresses.json").exists()
    node.send_signal(signal.SIGTERM)
    node.wait(30)
    said = shell.follow(PAGE, "Back to before a migration")

    assert "nothing is wrong" in said
    # Revoked under the later release, whose snapshots are no use to this one.
    assert "revoked since the backup, and revoked again" in said
    serial = "$(openssl x509 -in bob/client.pem -noout -serial | cut -d= -f2)"
    assert "revoked (keyCompromise)" not in (shown := shell.run(f"authz cert show {serial}"))
    assert "status         revoked" in shown
    nodes.start("old", this_release())


def test_envoy_has_the_address_of_the_bridge_for_good(shell: Shell) -> None:
    shell.follow(PAGE, "One machine")

    config = yaml.safe_load((shell.directory / "envoy.yaml").read_text(encoding="utf-8"))
    (cluster,) = [one for one in config["static_resources"]["clusters"] if one["name"] == "authz"]
    endpoints = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    addresses = [one["endpoint"]["address"]["socket_address"] for one in endpoints]
    assert [(one["address"], one["port_value"]) for one in addresses] == [
        ("127.0.0.1", 50051),
        ("127.0.0.1", 50061),
    ]
    assert cluster["health_checks"]


def test_every_command_of_the_page_is_followed() -> None:
    followed = ["Before", "Migrate", "One machine", "Back to before a migration"]
    assert headings(PAGE) == followed
