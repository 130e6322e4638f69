# SPDX-License-Identifier: Apache-2.0
"""The guides about running the service: Prometheus, and PostgreSQL."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask, start_authz
from tests.factories.accepted import followed
from tests.factories.page_blocks import ROOT
from tests.factories.page_session import follow, with_authz
from tests.factories.pages import fenced
from tests.factories.postgres import Server, running_server
from tests.factories.prometheus import require_prometheus
from tests.guides.installation import shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.deploy


# --- Prometheus ----------------------------------------------------------------------------------


@pytest.mark.prometheus
def test_monitor(children: Children, tmp_path: Path) -> None:
    page = "how-to/monitor.md"
    version = require_prometheus()
    shutil.copytree(ROOT / "deploy" / "prometheus", tmp_path / "deploy" / "prometheus")
    node = start_authz(children, tmp_path, {})

    ran = follow(
        page,
        cwd=tmp_path,
        environment=with_authz(tmp_path),
        languages=("sh",),
        change=lambda text: text.replace("127.0.0.1:9464", node.metrics_address),
    )
    # It says so of each of the files, and nothing of the metrics.
    rules = sorted((tmp_path / "deploy" / "prometheus" / "rules").glob("*.yml"))
    assert ran[0].printed.count("SUCCESS") >= len(rules) > 0
    assert "FAILED" not in ran[0].printed

    config = tmp_path / "deploy" / "prometheus" / "prometheus.yml"
    text = fenced(page, "yaml")[0]
    text = re.sub(r"targets: \[.*\]", f'targets: ["{node.metrics_address}"]', text)
    config.write_text(text.replace("_interval: 15s", "_interval: 1s"))
    address = f"127.0.0.1:{free_port()}"
    prometheus = children.start(
        "prometheus",
        [
            "prometheus",
            f"--config.file={config}",
            f"--web.listen-address={address}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        ],
        tmp_path / "prometheus.log",
    )

    def said(path: str) -> Any:
        status, body = ask(address, f"/api/v1/{path}")
        return yaml.safe_load(body)["data"] if status == 200 else {}

    def series() -> list[Any]:
        found: list[Any] = said("query?query=authz_build_info").get("result", [])
        return found

    prometheus.wait_until(lambda: len(series()) == 1, "one series for each instance")
    (target,) = said("targets")["activeTargets"]
    assert (target["health"], target["labels"]["job"]) == ("up", "authz")
    groups = said("rules")["groups"]
    named = {one["name"] for group in groups for one in group["rules"] if one["type"] == "alerting"}
    assert named >= set(re.findall(r"alert: (\w+)", rules[0].read_text()))
    followed(page, version, "followed; Prometheus runs with the page's configuration")


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
