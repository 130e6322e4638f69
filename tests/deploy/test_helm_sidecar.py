# SPDX-License-Identifier: Apache-2.0
"""The form sidecar of the Helm chart as processes: the pod that helm renders, a real Envoy.

What a kubelet would do is done here: volumes are laid out as it does (tests/factories/mounts.py),
containers are started by the commands of the pod, probes and hooks are asked and run as the pod
says. Ports are values of the chart; only Envoy's admin port and the paths are replaced.
"""

from __future__ import annotations

import contextlib
import platform
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import authz
from authz.demo.client import Connection
from authz.demo.credentials import make_credentials
from authz.demo.processes import Children, free_port
from authz.demo.scenario import policy_yaml
from authz.demo.stack import ask, samples
from authz.demo.upstream import Upstream
from tests.e2e.harness import eventually
from tests.factories.accepted import accepted, built_version
from tests.factories.envoy import envoy_name, expect_valid, require_envoy
from tests.factories.helm import CHART, changed, release_of, render, values_of
from tests.factories.listener_cases import Case, judge
from tests.factories.mounts import MountedFiles, mount_pod

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from authz.demo.client import Answer
    from authz.demo.credentials import Credentials

pytestmark = [pytest.mark.deploy, pytest.mark.e2e]

HOST = "api.localhost"
#: Where Envoy's admin port is in the chart.
ADMIN = "9901"


def given(credentials: Credentials) -> dict[str, dict[str, bytes]]:
    """The secrets and ConfigMaps that an operator has made before."""
    server = credentials.server
    return {
        "client-authorities": trust(credentials, "revoked-by-crl"),
        "demo-trust": {
            file.name: file.read_bytes() for file in (credentials.directory / "trust").iterdir()
        },
        "shop-tls": {"tls.crt": server.chain_pem, "tls.key": server.key_pem},
    }


def trust(credentials: Credentials, *revoked: str) -> dict[str, bytes]:
    crl = credentials.authority.crl([credentials.clients[name].serial for name in revoked])
    return {"client-ca.crt": credentials.authority.pem, "client-ca.crl": crl.pem}


class RunningPod:
    """One pod of the form, started by its own commands.

    Args:
        home: an empty directory.
        values: further values, by their paths.
    """

    def __init__(
        self, home: Path, children: Children, upstream: Upstream, values: Mapping[str, object]
    ) -> None:
        self.credentials = make_credentials(home / "credentials", at=time.time())
        self.metrics, self.status, self.https, admin = (free_port() for _ in range(4))
        given_values = values_of("sidecar-policy")
        for path, value in {
            "listenHost": "127.0.0.1",
            "metrics.port": self.metrics,
            "envoy.port": self.https,
            "envoy.statusPort": self.status,
            "envoy.concurrency": 1,
            "envoy.upstream": {"host": "127.0.0.1", "port": upstream.port},
            "envoy.drain.seconds": 0,
            **values,
        }.items():
            given_values = changed(given_values, path, value)
        release = render(given_values)
        data = release.one("ConfigMap", "-envoy")["data"]
        data["envoy.yaml"] = data["envoy.yaml"].replace(
            f"port_value: {ADMIN}", f"port_value: {admin}"
        )
        self.admin = f"127.0.0.1:{admin}"
        self.release = release
        self.children = children
        self.home = home
        self.pod = mount_pod(release, home / "pod", given(self.credentials))

    def start(self) -> None:
        """Init containers first, each ready before the next, as kubelet starts sidecars."""
        self._start("authz", [sys.executable, "-m", "authz"])
        self._start("envoy", [require_envoy()])

    def _start(self, name: str, entrypoint: list[str | Path]) -> None:
        container = self.release.container(name)
        assert container.get("command", ["envoy"]) == ["envoy"]
        arguments = [
            self.pod.localized(name, one).replace("$(POD_NAME)", "gate-0")
            for one in container["args"]
        ]
        child = self.children.start(name, [*entrypoint, *arguments], self.home / f"{name}.log")
        child.wait_until(lambda: self.probe(name, "startupProbe") == 200, "its startup probe")
        assert self.probe(name, "readinessProbe") == 200

    def probe(self, name: str, which: str) -> int:
        """The status that a probe of a container gets."""
        container = self.release.container(name)
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        get = container[which]["httpGet"]
        return ask(f"127.0.0.1:{ports[get['port']]}", get["path"])[0]

    def mounted(self, volume: str) -> MountedFiles:
        """A ConfigMap or secret, to change it."""
        found = self.pod.volumes[volume]
        assert isinstance(found, MountedFiles)
        return found

    def connect(self, certificate: str = "") -> Connection:
        """A connection to Envoy."""
        file = self.credentials.client_file(certificate) if certificate else None
        return Connection(self.https, HOST, self.credentials.server_ca, file)

    def get(self, path: str, certificate: str = "") -> Answer:
        """One request on a connection of its own."""
        with contextlib.closing(self.connect(certificate)) as connection:
            return connection.send_request(path, hosts=(HOST,))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric of the authorizer."""
        return sum(
            value
            for sample, have, value in samples(ask(f"127.0.0.1:{self.metrics}", "/metrics")[1])
            if sample == name and labels.items() <= have.items()
        )


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@contextlib.contextmanager
def running(
    home: Path, upstream: Upstream, values: Mapping[str, object] | None = None
) -> Iterator[RunningPod]:
    with Children() as children:
        pod = RunningPod(home, children, upstream, values or {})
        pod.start()
        yield pod


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[RunningPod]:
    """One for the tests that only ask."""
    with running(tmp_path_factory.mktemp("pod"), upstream) as started:
        yield started


@pytest.mark.parametrize("name", ["sidecar-policy", "sidecar-postgresql"])
def test_envoy_accepts_its_configuration(name: str, tmp_path: Path) -> None:
    release = release_of(name)
    there = given(make_credentials(tmp_path / "credentials", at=time.time()))
    unused: dict[str, bytes] = dict.fromkeys(("url", "ca.key", "tls.crt", "tls.key", "ca.crt"), b"")
    there |= dict.fromkeys(("authz-database", "authz-keys", "authz-admin"), unused)
    pod = mount_pod(release, tmp_path / "pod", there)

    arguments = release.container("envoy")["args"]
    expect_valid(*(pod.localized("envoy", one) for one in arguments))

    accepted(CHART / "ci" / f"{name}.yaml", envoy_name(), "its configuration, --mode validate")
    how = "rendered into a pod's configuration, --mode validate"
    accepted(CHART / "files" / "envoy.yaml", f"{built_version('helm')}, {envoy_name()}", how)


@pytest.mark.parametrize(
    ("certificate", "admin", "elsewhere"),
    [
        ("valid", 200, 200),
        ("", 403, 200),
        ("revoked-by-crl", 403, 200),
        ("expired", 403, 200),
        ("self-signed", 403, 200),
    ],
)
def test_who_gets_in(pod: RunningPod, certificate: str, admin: int, elsewhere: int) -> None:
    assert pod.get("/admin", certificate).status == admin
    assert pod.get("/", certificate).status == elsewhere
    programs = f"authz {authz.__version__}, {envoy_name()}"
    accepted(CHART / "ci" / "sidecar-policy.yaml", programs, "run as processes, as the pod says")


def test_the_cases_of_the_pod(tmp_path: Path, upstream: Upstream) -> None:
    """By the demo's policy, with its trust where the pod mounts it.

    It is written for other credentials, whose certificate the site `pinned` names: no case asks it.
    """
    policy = policy_yaml(make_credentials(tmp_path / "demo", at=time.time()))
    policy = policy.replace("trust/", "/etc/authz/trust/clients/")
    values = {
        "policy.content": policy,
        "trust": [{"name": "clients", "configMap": "demo-trust"}],
    }
    with running(tmp_path, upstream, values) as pod:

        def ask_pod(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
            file = case.certificate and pod.credentials.client_file(case.certificate)
            connection = Connection(pod.https, case.host, pod.credentials.server_ca, file or None)
            with contextlib.closing(connection):
                return connection.send_request(
                    case.path, hosts=(case.host,), headers=headers
                ).status

        judge("pod: Helm, sidecar", ask_pod, pod.credentials)


def test_it_is_the_native_transport_on_the_socket(pod: RunningPod) -> None:
    pod.get("/", "valid")

    assert pod.metric("authz_transport_info", transport="native") == 1
    assert pod.metric("authz_checks_total") >= 1


def test_the_application_hears_who_it_is(pod: RunningPod) -> None:
    assert b'"cf-cert-verified",\n      "true"' in pod.get("/admin", "valid").body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ready", 200),
        ("/stats/prometheus", 200),
        ("/config_dump", 404),
        ("/quitquitquit", 404),
        ("/ready/../config_dump", 404),
        ("/certs", 404),
    ],
)
def test_the_status_port_has_nothing_else_of_the_admin_port(
    pod: RunningPod, path: str, status: int
) -> None:
    answer = ask(f"127.0.0.1:{pod.status}", path)

    assert answer[0] == status
    if path == "/stats/prometheus":
        assert "envoy_http_ext_authz" in answer[1] or "envoy_" in answer[1]


def test_helm_test_says_that_it_is_well(pod: RunningPod) -> None:
    run = ask_py(pod, f"127.0.0.1:{pod.https}")

    assert (run.returncode, run.stdout) == (0, "it is ready and decides\n")
    program = f"python {platform.python_version()}"
    accepted(CHART / "files" / "ask.py", program, "run as helm test would, beside the topology")


def test_helm_test_notices_what_is_not_well(pod: RunningPod) -> None:
    run = ask_py(pod, f"127.0.0.1:{free_port()}")

    assert run.returncode == 1
    assert "no answer" in run.stdout


def ask_py(pod: RunningPod, envoy: str) -> subprocess.CompletedProcess[str]:
    """The program of `helm test`, with this machine's addresses."""
    (test,) = pod.release.all("Pod")
    (container,) = test["spec"]["containers"]
    options = [one.partition("=")[0] for one in container["args"]]
    assert options == ["--metrics", "--envoy"]
    return subprocess.run(
        [
            *(sys.executable, CHART / "files" / "ask.py"),
            *(f"--metrics=http://127.0.0.1:{pod.metrics}", f"--envoy={envoy}"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- what changes while it runs ------------------------------------------------------------------


def test_a_changed_config_map_counts_without_a_restart(tmp_path: Path, upstream: Upstream) -> None:
    with running(tmp_path, upstream) as pod, contextlib.closing(pod.connect("valid")) as connection:

        def status() -> int:
            return connection.send_request("/admin", hosts=(HOST,)).status

        assert status() == 200
        before = pod.metric("authz_snapshot_generation")

        pod.mounted("trust-clients").update(trust(pod.credentials, "valid"))
        eventually(lambda: pod.metric("authz_snapshot_generation") > before, "the new CRL counts")
        assert status() == 403

        policy = pod.mounted("policy")
        text = (policy.directory / "policy.yaml").read_bytes()
        policy.update({"policy.yaml": text.replace(b"action: block", b"action: log")})
        eventually(lambda: pod.metric("authz_snapshot_generation") > before + 1, "the new policy")
        assert status() == 200


def test_a_changed_secret_is_the_certificate_that_clients_see(
    tmp_path: Path, upstream: Upstream
) -> None:
    with running(tmp_path, upstream) as pod:
        before = shown(pod)
        renewed = pod.credentials.server_authority.server(HOST)

        pod.mounted("envoy-tls").update(
            {"server.crt": renewed.chain_pem, "server.key": renewed.key_pem}
        )

        eventually(lambda: shown(pod) == renewed.der, "Envoy shows the new certificate")
        assert before != renewed.der


def shown(pod: RunningPod) -> bytes:
    """The certificate of Envoy, DER."""
    with contextlib.closing(pod.connect()) as connection:
        connection.connect()
        certificate: Any = connection.sock.getpeercert(binary_form=True)
        return bytes(certificate)


def test_before_it_ends_envoy_tells_clients_to_go(tmp_path: Path, upstream: Upstream) -> None:
    with running(tmp_path, upstream) as pod:
        assert ("connection", "close") not in pod.get("/").headers
        command = pod.release.container("envoy")["lifecycle"]["preStop"]["exec"]["command"]

        subprocess.run(
            [one.replace(f"/{ADMIN}", f"/{pod.admin.split(':')[1]}") for one in command],
            check=True,
            timeout=60,
        )

        eventually(lambda: pod.probe("envoy", "readinessProbe") == 503, "it is not ready any more")
        answer = pod.get("/admin", "valid")
        assert answer.status == 200, "it still answers"
        assert ("connection", "close") in answer.headers


def test_two_workers_have_a_socket_each_and_share_the_checks(
    tmp_path: Path, upstream: Upstream
) -> None:
    with running(tmp_path, upstream, {"grpc": {"workers": 2}}) as pod:

        def healthy() -> bool:
            text = ask(pod.admin, "/clusters")[1]
            return text.count("authz::") > 0 and text.count("health_flags::healthy") >= 3

        eventually(healthy, "both sockets are healthy")
        assert pod.get("/admin", "valid").status == 200
        assert pod.get("/admin").status == 403
        assert pod.metric("authz_workers_ready") == 2
