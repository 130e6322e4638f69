# SPDX-License-Identifier: Apache-2.0
"""The guides about running the service: Prometheus, and PostgreSQL."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask, start_authz
from tests.e2e.harness import eventually
from tests.factories.accepted import followed
from tests.factories.page_blocks import ROOT
from tests.factories.page_session import follow, with_authz
from tests.factories.pages import DOCS, fenced
from tests.factories.postgres import Server, running_server
from tests.factories.prometheus import require_prometheus
from tests.guides.installation import shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.stack import Authz

pytestmark = pytest.mark.deploy


# --- Prometheus ----------------------------------------------------------------------------------


POLICY = 'sites: [{name: api, hosts: ["*"]}]\n'
#: Inline commands of the page about alerts.
LOOK = re.compile(r"`(authz [^`]+)`")


@pytest.fixture(scope="module")
def watched(
    children: Children, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Authz, dict[str, str]]:
    """A service with a policy file, in a copy of what is shipped for Prometheus."""
    directory = tmp_path_factory.mktemp("watched")
    shutil.copytree(ROOT / "deploy" / "prometheus", directory / "deploy" / "prometheus")
    (directory / "policy.yaml").write_text(POLICY)
    ports = {name: {"listen": f"127.0.0.1:{free_port()}"} for name in ("grpc", "metrics")}
    node = start_authz(children, directory, {"policy": "policy.yaml", **ports})
    return directory, node, with_authz(directory)


@pytest.fixture(scope="module")
def prometheus(children: Children, watched: tuple[Path, Authz, dict[str, str]]) -> str:
    """Where a Prometheus with the configuration of the page answers; only how often is another."""
    directory, node, _ = watched
    require_prometheus()
    config = directory / "deploy" / "prometheus" / "page.yml"
    text = fenced("how-to/monitor.md", "yaml")[0]
    text = re.sub(r"targets: \[.*\]", f'targets: ["{node.metrics_address}"]', text)
    config.write_text(text.replace("_interval: 15s", "_interval: 1s"))
    address = f"127.0.0.1:{free_port()}"
    child = children.start(
        "prometheus",
        [
            "prometheus",
            f"--config.file={config}",
            f"--web.listen-address={address}",
            f"--storage.tsdb.path={directory / 'tsdb'}",
        ],
        directory / "prometheus.log",
    )
    child.wait_until(
        lambda: len(said(address, "query?query=authz_build_info").get("result", [])) == 1,
        "one series for each instance",
    )
    return address


def said(address: str, path: str) -> Any:
    """What Prometheus answers."""
    status, body = ask(address, f"/api/v1/{path}")
    return json.loads(body)["data"] if status == 200 else {}


@pytest.mark.prometheus
def test_monitor(watched: tuple[Path, Authz, dict[str, str]], prometheus: str) -> None:
    page = "how-to/monitor.md"
    directory, node, environment = watched

    ran = follow(
        page,
        cwd=directory,
        environment=environment,
        languages=("sh",),
        change=lambda text: re.sub(
            # Half a minute of work, which is tests/deploy/test_prometheus_rules.py.
            r"^promtool test rules .*$",
            "true",
            text.replace("127.0.0.1:9464", node.metrics_address),
            flags=re.MULTILINE,
        ),
    )
    # It says so of each of the files, and nothing of the metrics.
    rules = sorted((directory / "deploy" / "prometheus" / "rules").glob("*.yml"))
    assert ran[0].printed.count("SUCCESS") >= len(rules) > 0
    assert "FAILED" not in ran[0].printed

    (target,) = said(prometheus, "targets")["activeTargets"]
    assert (target["health"], target["labels"]["job"]) == ("up", "authz")
    groups = said(prometheus, "rules")["groups"]
    shown = {one["name"] for group in groups for one in group["rules"] if one["type"] == "alerting"}
    shipped = {
        name for file in rules for name in re.findall(r"- alert: (\w+)", file.read_text("utf-8"))
    }
    assert shown == shipped
    followed(page, require_prometheus(), "followed; Prometheus runs with the page's configuration")


@pytest.mark.prometheus
def test_alerts(watched: tuple[Path, Authz, dict[str, str]], prometheus: str) -> None:
    """One alert from its cause to its end; whatever else the page has people look with, works."""
    page = "how-to/alerts.md"
    directory, node, environment = watched
    sections = dict(
        part.split("\n", 1) for part in (DOCS / page).read_text("utf-8").split("\n### ")[1:]
    )

    def raised() -> bool:
        return any(
            one["labels"]["alertname"] == "AuthzPolicyRefused"
            for one in said(prometheus, "alerts").get("alerts", [])
        )

    assert not raised()
    broken = directory / "policy.yaml.new"
    broken.write_text(f"{POLICY}rulse: []\n")
    broken.replace(directory / "policy.yaml")
    eventually(raised, "the alert")
    (look,) = LOOK.findall(sections["AuthzPolicyRefused"])
    named = shell(
        f"{look.replace('FILE', 'policy.yaml')} 2>&1 || [ $? = 2 ]", directory, environment
    )
    assert "policy.yaml:2" in named
    assert "rulse" in named
    # "The log names file, line and key."
    assert "rulse" in node.child.log.read_text("utf-8")
    # "Mend the file. It is loaded at once."
    broken.write_text(f"{POLICY}# mended\n")
    broken.replace(directory / "policy.yaml")
    eventually(lambda: not raised(), "the end of the alert")

    shell("authz ca create --name Acme", directory, environment)
    commands = {one for text in sections.values() for one in LOOK.findall(text)} - {look}
    assert len(commands) >= 5
    for command in sorted(commands):
        # doctor ends with 1 where it has something to say.
        finding = " || [ $? = 1 ]" if "doctor" in command else ""
        names = " Acme" if command == "authz ca show" else ""
        shell(f"{command}{names}{finding}", directory, environment)
    how = "an alert raised and ended; each command that it has people look with"
    followed(page, require_prometheus(), how)


# --- PostgreSQL ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


#: "Change `database`, see to the secret of the keys, and start": what was revoked is, what was not
#: is not, and new ones are issued; a node without the secret says which one it is.
MOVED = """\
cd ../new && cp ../old/authz-data/ca.key ca.key && authz db check &&
authz cert list --json > all.json &&
jq -e 'map({(.label): .status}) | add == {alice: "active", bob: "revoked"}' all.json &&
authz cert issue --label carol --days 9 --out carol &&
cd ../bare && ! authz cert issue --label dave --days 9 --out dave 2> said && grep ca.key said"""


@pytest.mark.postgres
def test_use_postgresql(server: Server, children: Children, tmp_path: Path) -> None:
    page = "how-to/use-postgresql.md"
    (statements,) = fenced(page, "sql")
    for statement in statements.split(";\n"):
        if statement.strip():
            server.execute(statement)
    old, new, bare = (tmp_path / name for name in ("old", "new", "bare"))
    for one in (old, new, bare):
        one.mkdir()
    environment = with_authz(tmp_path)
    # A store in a file, with an authority and two certificates, of which one is revoked.
    shell(
        "authz ca create --name Acme; authz cert issue --label alice --days 9 --out alice;"
        "authz cert issue --label bob --days 9 --out bob;"
        "authz cert revoke $(openssl x509 -in bob/client.pem -noout -serial | cut -d= -f2)",
        old,
        environment,
    )
    first, second = (at_home(one, server) for one in fenced(page, "yaml"))
    (new / "authz.yaml").write_text(first)
    # The node whose key nobody has brought along.
    (bare / "authz.yaml").write_text(first)

    follow(
        page,
        cwd=new,
        environment=environment,
        change=lambda text: (
            # With the settings of the old store, which are none.
            f"cd ../old && {text}" if text.startswith("authz db backup") else at_home(text, server)
        ),
        then=[
            ("openssl rand", f"cat > authz.yaml <<'END'\n{second}END"),
            ("authz db restore", MOVED),
        ],
    )

    node = start_authz(children, new, yaml.safe_load(second))
    assert node.is_ready()
    assert (new / "authz-data").is_dir()
    assert not (new / "authz-data" / "authz.db").exists()
    with psycopg.connect(server.address("authz", "authz")) as connection:
        found = connection.execute("SHOW server_version").fetchone()
        assert found is not None
    followed(page, f"postgresql {found[0].split()[0]}", "followed: made, moved into, issued from")


def at_home(text: str, server: Server) -> str:
    """The page's database, here: no TLS, no password."""
    text = text.replace("db.example:5432", f"127.0.0.1:{server.port}")
    text = text.replace("@db.example/", f"@127.0.0.1:{server.port}/")
    return text.replace("?sslmode=verify-full", "").replace("authz:PASSWORD@", "authz@")
