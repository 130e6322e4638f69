# SPDX-License-Identifier: Apache-2.0
"""The topology of deploy/compose.yaml as processes, and a shell for the commands of its README.

Only what a container engine would provide is replaced: paths, names and ports of the machine, and
`docker compose exec`, which runs a command beside the process instead of in its container.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask, start_envoy
from tests.e2e.harness import wait_for_health
from tests.factories.accepted import ROOT
from tests.factories.shipped import DEPLOY, documents, make_certificates

if TYPE_CHECKING:
    from pathlib import Path

#: The settings of each form, as it is in deploy/.
FORMS: Final = {"store": "authz.yaml", "policy file": "authz-policy-file.yaml"}


class Topology:
    """What `docker compose up` would start, in one directory."""

    def __init__(self, home: Path, children: Children, transport: str, form: str = "store") -> None:
        self.home = home
        self.transport = transport
        self.children = children
        self.form = form
        self.compose: Any = documents(DEPLOY / "compose.yaml")[0]
        self.metrics = f"127.0.0.1:{free_port()}"
        self.admin = f"127.0.0.1:{free_port()}"
        self.upstream = f"127.0.0.1:{free_port()}"
        self.prometheus = f"127.0.0.1:{free_port()}"
        make_certificates(home / "certs")
        (home / "secrets").mkdir()
        secret = home / "secrets" / "key-passphrase"
        secret.touch(mode=0o600)
        secret.write_text("a passphrase of this test\n", encoding="utf-8")
        (home / "authz.yaml").write_text(self._localized(FORMS[form]), encoding="utf-8")
        for name in ("policy.yaml", "prometheus.yml"):
            (home / name).write_text(self._localized(name), encoding="utf-8")
        # Mounted as it is; there may be none.
        (home / "rules").symlink_to(DEPLOY / "prometheus" / "rules")

    def _localized(self, name: str) -> str:
        """A file of deploy/, with this machine's names."""
        text = (DEPLOY / name).read_text(encoding="utf-8")
        for theirs, ours in (
            ("/run/authz/authz.sock", str(self.home / "authz.sock")),
            ("/run/secrets/key_passphrase", str(self.home / "secrets" / "key-passphrase")),
            ("/var/lib/authz", str(self.home / "data")),
            ("0.0.0.0:9464", self.metrics),
            ("0.0.0.0:8080", self.admin),
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

        self.envoy = start_envoy(self.children, self.home, self._localized("envoy.yaml"))
        wait_for_health(self.envoy, 1)

        flags = [
            flag.replace("/etc/prometheus", str(self.home)).replace(
                "=/prometheus", f"={self.home / 'tsdb'}"
            )
            for flag in services["prometheus"]["command"]
        ]
        prometheus = self.children.start(
            "prometheus",
            ["prometheus", *flags, f"--web.listen-address={self.prometheus}"],
            self.home / "prometheus.log",
        )
        prometheus.wait_until(lambda: ask(self.prometheus, "/-/ready")[0] == 200, "it was ready")

    def health_check(self, service: str) -> int:
        """The exit status of the command that compose.yaml asks for a service's health."""
        kind, program, *arguments = self.compose["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        if program == "authz":
            arguments = ["-m", "authz", *arguments, "--config", str(self.home / "authz.yaml")]
        ports = {
            "127.0.0.1/9901": self.envoy.admin_address.replace(":", "/"),
            "127.0.0.1:8000": self.upstream,
            "127.0.0.1:9090": self.prometheus,
        }
        for theirs, ours in ports.items():
            arguments = [one.replace(theirs, ours) for one in arguments]
        command = sys.executable if program in {"authz", "python"} else program
        return subprocess.run(
            [command, *arguments], check=False, capture_output=True, timeout=30
        ).returncode

    def get(self, path: str, *, certificate: bool) -> httpx.Response:
        """As the curl lines of compose.policy-file.yaml do."""
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

    def follow(self, commands: str) -> list[tuple[str, str]]:
        """Run lines of a shell as a reader would; what each curl was to print, and what it did.

        A reader takes a moment between a change and a look at it: curl is repeated until it prints
        what its line says, for ten seconds at most.
        """
        lines = re.sub(r"^(curl .*?)  # (\d{3})$", r"expected=\2; \1", commands, flags=re.MULTILINE)
        # Of the container; here it would be everybody's.
        lines = lines.replace("/tmp/tablet", str(self.home / "tablet"))
        run = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", f"{self._functions()}\n{lines}"],
            cwd=self.home,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return [tuple(one) for one in re.findall(r"^expected (\d+) got (\d+)$", run.stdout, re.M)]

    def _functions(self) -> str:
        directions = " ".join(
            f"--connect-to {there}:{here}"
            for there, here in (
                ("localhost:8443", f"127.0.0.1:{self.envoy.port}"),
                ("devices.localhost:8443", f"127.0.0.1:{self.envoy.port}"),
                ("localhost:8080", self.admin),
            )
        )
        curl = shutil.which("curl")
        return f"""\
docker() {{
    [ "$1 $2 $3 $4 $5" = "compose exec -T authz authz" ] || {{ echo "unknown: $*"; return 1; }}
    shift 5
    {sys.executable} -m authz "$@"
}}
curl() {{
    for _ in $(seq 100); do
        got=$({curl} {directions} "$@")
        [ "$got" = "$expected" ] && break
        sleep 0.1
    done
    echo "expected $expected got $got"
}}
"""
