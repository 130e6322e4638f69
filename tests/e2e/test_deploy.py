# SPDX-License-Identifier: Apache-2.0
"""The topology of deploy/compose.yaml as processes: its own files, the real Prometheus.

Only what a container engine would provide is replaced: paths, names and ports of the machine.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
import yaml

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask, start_envoy
from tests.conftest import required
from tests.e2e.harness import eventually, wait_for_health

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy"

pytestmark = [pytest.mark.prometheus, pytest.mark.deploy]


class Topology:
    """What `docker compose up` would start, in one directory."""

    def __init__(self, home: Path, children: Children, transport: str) -> None:
        self.home = home
        self.transport = transport
        self.children = children
        self.compose: Any = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
        self.metrics = f"127.0.0.1:{free_port()}"
        self.upstream = f"127.0.0.1:{free_port()}"
        self.prometheus = f"127.0.0.1:{free_port()}"
        subprocess.run(
            [DEPLOY / "make-certificates.sh", home / "certs"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        for name in ("authz.yaml", "policy.yaml", "prometheus.yml"):
            self._localize(name)
        (home / "rules").symlink_to(DEPLOY / "prometheus" / "rules")

    def _localize(self, name: str) -> str:
        """Copy a file of deploy/, with this machine's names."""
        text = (DEPLOY / name).read_text(encoding="utf-8")
        for theirs, ours in (
            ("/run/authz/authz.sock", str(self.home / "authz.sock")),
            ("0.0.0.0:9464", self.metrics),
            ("authz:9464", self.metrics),
            ("/etc/envoy/tls", str(self.home / "certs")),
            ("port_value: 9901", "port_value: 0"),
            ('{address: "0.0.0.0", port_value: 8443}', '{address: "127.0.0.1", port_value: 0}'),
            (
                '{address: "upstream", port_value: 8000}',
                f'{{address: "127.0.0.1", port_value: {self.upstream.split(":")[1]}}}',
            ),
        ):
            text = text.replace(theirs, ours)
        (self.home / name).write_text(text, encoding="utf-8")
        return text

    def start(self) -> None:
        """Every service, by the command that compose.yaml gives it."""
        services = self.compose["services"]
        authz = self.children.start(
            "authz",
            [
                *(sys.executable, "-m", "authz", "serve"),
                *("--config", self.home / "authz.yaml"),
                # Native is what it chooses as shipped.
                *(() if self.transport == "native" else ("--transport", self.transport)),
            ],
            self.home / "authz.log",
        )
        authz.wait_until(lambda: ask(self.metrics, "/readyz")[0] == 200, "it was ready")
        assert f'transport="{self.transport}"' in ask(self.metrics, "/metrics")[1]

        program, *arguments = services["upstream"]["entrypoint"] + services["upstream"]["command"]
        assert program == "python"
        arguments = [a.replace("0.0.0.0:8000", self.upstream) for a in arguments]
        upstream = self.children.start(
            "upstream", [sys.executable, *arguments], self.home / "upstream.log"
        )
        upstream.wait_until(lambda: ask(self.upstream, "/")[0] == 200, "it answered")

        self.envoy = start_envoy(self.children, self.home, self._localize("envoy.yaml"))
        wait_for_health(self.envoy, 1)

        (flag,) = services["prometheus"]["command"]
        prometheus = self.children.start(
            "prometheus",
            [
                "prometheus",
                flag.replace("/etc/prometheus", str(self.home)),
                f"--web.listen-address={self.prometheus}",
                f"--storage.tsdb.path={self.home / 'tsdb'}",
            ],
            self.home / "prometheus.log",
        )
        prometheus.wait_until(lambda: ask(self.prometheus, "/-/ready")[0] == 200, "it was ready")

    def get(self, path: str, *, certificate: bool) -> httpx.Response:
        """As the curl lines of compose.yaml do."""
        certs = self.home / "certs"
        context = ssl.create_default_context(cafile=str(certs / "server-ca.crt"))
        if certificate:
            context.load_cert_chain(certs / "client.crt", certs / "client.key")
        with httpx.Client(verify=context) as client:
            return client.get(f"https://localhost:{self.envoy.port}{path}")

    def query(self, expression: str) -> list[float]:
        """The values of a Prometheus expression."""
        status, body = ask(self.prometheus, f"/api/v1/query?query={quote(expression)}")
        if status != 200:
            return []
        return [float(one["value"][1]) for one in json.loads(body)["data"]["result"]]


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory, transport: str) -> Iterator[Topology]:
    for program in ("prometheus", "promtool", "openssl"):
        if shutil.which(program) is None:
            if required("prometheus"):
                pytest.fail(f"{program} is not installed; Debian has it: apt-get install {program}")
            pytest.skip(f"{program} is not installed")
    with Children() as children:
        topology = Topology(tmp_path_factory.mktemp("compose"), children, transport)
        topology.start()
        yield topology


def test_promtool_accepts_the_configuration(topology: Topology) -> None:
    file = topology.home / "prometheus.yml"

    run = subprocess.run(
        ["promtool", "check", "config", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_it_answers_as_its_comments_promise(topology: Topology) -> None:
    assert topology.get("/admin", certificate=False).status_code == 403
    assert topology.get("/", certificate=False).status_code == 200
    allowed = topology.get("/admin", certificate=True)
    assert allowed.status_code == 200
    assert ["cf-cert-verified", "true"] in allowed.json()["headers"]


def test_prometheus_scrapes_the_decisions(topology: Topology) -> None:
    topology.get("/admin", certificate=False)

    eventually(lambda: topology.query("up") == [1.0], "the target is up", 30)
    blocked = 'sum(authz_decisions_total{site="default",action="block",reason="rule"})'
    eventually(lambda: (topology.query(blocked) or [0])[0] >= 1, "the denial was scraped", 30)


def test_promtool_finds_nothing_to_say_about_the_metrics(topology: Topology) -> None:
    run = subprocess.run(
        ["promtool", "check", "metrics"],
        input=ask(topology.metrics, "/metrics")[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
