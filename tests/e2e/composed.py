# SPDX-License-Identifier: Apache-2.0
"""The topology of deploy/compose.yaml as processes.

Only what a container engine would provide is replaced: paths, names and ports of the machine. The
commands of its README are followed by tests.e2e.composed_shell.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask, start_envoy
from tests.conftest import absent
from tests.e2e.harness import eventually, wait_for_health
from tests.factories.shipped import DEPLOY, documents, make_certificates

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.processes import Child

#: The files of each form that compose.yaml is merged with, in this order.
FORMS: Final = {
    "store": (),
    "policy file": ("compose.policy-file.yaml",),
    "SDS": ("compose.sds.yaml",),
    "strict": ("compose.sds.yaml", "compose.strict.yaml"),
    "HTTP/3": ("compose.http3.yaml",),
}

#: Those whose program and image are the same here; of Grafana there is neither.
CHECKED: Final = ("authz", "envoy", "upstream", "prometheus")


def require_programs() -> None:
    """Skip the test where a program of the topology or of its guide is not there."""
    for name in ("prometheus", "promtool", "openssl", "curl", "jq"):
        if shutil.which(name) is None:
            absent("prometheus", f"{name} is not installed; Debian has it: apt-get install {name}")


class Topology:
    """What `docker compose up` would start, in one directory.

    Attributes:
        envoy: the running one; another one after `up`.
        form: one of FORMS.
    """

    def __init__(self, home: Path, children: Children, transport: str, form: str = "store") -> None:
        self.home = home
        self.transport = transport
        self.children = children
        self.form = form
        self.compose: Any = documents(DEPLOY / "compose.yaml")[0]
        self.metrics = f"127.0.0.1:{free_port()}"
        self.admin = f"127.0.0.1:{free_port()}"
        self.upstream = f"127.0.0.1:{free_port()}"
        self.sds = f"127.0.0.1:{free_port()}"
        self.prometheus = f"127.0.0.1:{free_port()}"
        self._authz: Child | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started."""
        return self._authz is not None

    def prepare(self) -> None:
        """What make-certificates.sh and make-secrets.sh make, for the user who runs the test."""
        make_certificates(self.home / "certs")
        (self.home / "secrets").mkdir()
        secret = self.home / "secrets" / "key-passphrase"
        secret.touch(mode=0o600)
        secret.write_text("a passphrase of this test\n", encoding="utf-8")

    def _others(self) -> list[Any]:
        """The files that compose.yaml is merged with."""
        return [documents(DEPLOY / name)[0] for name in FORMS[self.form]]

    def _mounted(self, service: str, target: str) -> str:
        """The file of deploy/ that a container has there: Compose merges volumes by target."""
        found = [
            volume.split(":")[0]
            for compose in (self.compose, *self._others())
            for volume in compose["services"].get(service, {}).get("volumes", ())
            if volume.split(":")[1] == target
        ]
        return str(found[-1]).removeprefix("./")

    def _serve(self) -> list[str]:
        """The arguments of the service."""
        # As the image has it.
        command = ["serve", "--config", "/etc/authz/authz.yaml"]
        for other in self._others():
            command = other["services"].get("authz", {}).get("command", command)
        ours = {"/etc/authz/authz.yaml": str(self.home / "authz.yaml"), "0.0.0.0:50052": self.sds}
        return [ours.get(one, one) for one in command]

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
            *(
                (
                    f'address: "0.0.0.0", port_value: {port}}}',
                    'address: "127.0.0.1", port_value: 0}',
                )
                for port in (8443, 8444)
            ),
            (
                '{address: "authz", port_value: 50052}',
                f'{{address: "127.0.0.1", port_value: {self.sds.split(":")[1]}}}',
            ),
            (
                '{address: "upstream", port_value: 8000}',
                f'{{address: "127.0.0.1", port_value: {self.upstream.split(":")[1]}}}',
            ),
        ):
            text = text.replace(theirs, ours)
        return text

    def start(self) -> None:
        """Every service, by the command that compose.yaml gives it."""
        self.prepare()
        self.up(self.form)

    def up(self, form: str) -> None:
        """As `docker compose up --detach --wait`: what runs in another form is started anew, and
        the health checks pass."""
        self.form = form
        for child in (self._authz, self.envoy.child) if self._authz else ():
            child.stop()
        (self.home / "authz.yaml").write_text(
            self._localized(self._mounted("authz", "/etc/authz/authz.yaml")), encoding="utf-8"
        )
        self._authz = self._start_authz()
        if not (self.home / "upstream.log").exists():
            self._start_upstream()
        envoy = self._localized(self._mounted("envoy", "/etc/envoy/envoy.yaml"))
        self.envoy = start_envoy(self.children, self.home, envoy)
        wait_for_health(self.envoy, 1)
        if not (self.home / "prometheus.log").exists():
            self._start_prometheus()
        for service in CHECKED:
            eventually(lambda name=service: self.health_check(name) == 0, service, 30)

    def _start_authz(self) -> Child:
        for name in ("policy.yaml", "prometheus.yml"):
            (self.home / name).write_text(self._localized(name), encoding="utf-8")
        authz = self.children.start(
            "authz",
            [
                *(sys.executable, "-m", "authz", *self._serve()),
                # Native is what it chooses as shipped.
                *(() if self.transport == "native" else ("--transport", self.transport)),
            ],
            self.home / "authz.log",
        )
        authz.wait_until(lambda: ask(self.metrics, "/readyz")[0] == 200, "it was ready")
        assert f'transport="{self.transport}"' in ask(self.metrics, "/metrics")[1]
        return authz

    def _start_upstream(self) -> None:
        service = self.compose["services"]["upstream"]
        program, *arguments = service["entrypoint"] + service["command"]
        assert program == "python"
        arguments = [a.replace("0.0.0.0:8000", self.upstream) for a in arguments]
        upstream = self.children.start(
            "upstream", [sys.executable, *arguments], self.home / "upstream.log"
        )
        upstream.wait_until(lambda: ask(self.upstream, "/")[0] == 200, "it answered")

    def _start_prometheus(self) -> None:
        # Mounted as it is; there may be none.
        (self.home / "rules").symlink_to(DEPLOY / "prometheus" / "rules")
        flags = [
            flag.replace("/etc/prometheus", str(self.home)).replace(
                "=/prometheus", f"={self.home / 'tsdb'}"
            )
            for flag in self.compose["services"]["prometheus"]["command"]
        ]
        prometheus = self.children.start(
            "prometheus",
            ["prometheus", *flags, f"--web.listen-address={self.prometheus}"],
            self.home / "prometheus.log",
        )
        prometheus.wait_until(lambda: ask(self.prometheus, "/-/ready")[0] == 200, "it was ready")

    def published(self) -> dict[int, str]:
        """Where each port that Compose publishes on this machine is here; without Grafana's."""
        ports = {8080: self.admin, 8443: f"127.0.0.1:{self.envoy.ports['https']}"}
        if "strict" in self.envoy.ports:
            ports[8444] = f"127.0.0.1:{self.envoy.ports['strict']}"
        return {**ports, 9090: self.prometheus}

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
