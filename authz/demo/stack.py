# SPDX-License-Identifier: Apache-2.0
"""authz and Envoy as running programs: starting them, knowing when they are ready, asking them.

The demo runs one of each; the end-to-end tests start, stop and restart them in every combination.
Both programs are the real ones: `authz serve` in this environment's Python, and Envoy as
`envoy_binary` finds it.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authz.demo.envoy_binary import find_envoy
from authz.demo.processes import READY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.demo.processes import Child, Children

#: How long an answer of an admin or metrics port may take, in seconds.
ASK_SECONDS = 5.0

# Addresses here are our own children's, never a proxy's business.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(address: str, path: str) -> tuple[int, str]:
    """GET a path of a plain HTTP port: `(status, body)`, and `(0, "")` when nobody answers."""
    try:
        with _OPENER.open(f"http://{address}{path}", timeout=ASK_SECONDS) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")
    except OSError:
        return 0, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authz:
    """A running `authz serve`: where it answers checks, its metrics and health port, where Envoy
    gets trust bundles and where the management API is (None when that is off)."""

    child: Child
    grpc: tuple[str, ...]
    metrics_address: str
    sds: str | None = None
    admin: str | None = None

    def is_ready(self) -> bool:
        """Whether it wants checks."""
        return ask(self.metrics_address, "/readyz")[0] == 200

    def metrics(self) -> str:
        """Its metrics in the text format."""
        return ask(self.metrics_address, "/metrics")[1]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of one metric that have (at least) these labels."""
        return sum(
            value
            for sample, have, value in samples(self.metrics())
            if sample == name and labels.items() <= have.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Envoy:
    """A running Envoy: its admin port, the ports of its listeners by name, its access log."""

    child: Child
    admin_address: str
    ports: Mapping[str, int]
    access_log: Path

    @property
    def port(self) -> int:
        """The port of its (first) listener."""
        return next(iter(self.ports.values()))

    def stat(self, name: str) -> int:
        """One counter or gauge by its full name; 0 when it does not exist yet."""
        body = ask(self.admin_address, f"/stats?format=json&usedonly&filter=^{name}$")[1]
        stats = json.loads(body or "{}").get("stats", [])
        return sum(int(stat["value"]) for stat in stats if stat.get("name") == name)

    def sees_healthy(self, endpoints: int) -> bool:
        """Whether this many endpoints of the authz cluster passed their health checks."""
        return self.stat("cluster.authz.membership_healthy") >= endpoints

    def log_lines(self) -> list[dict[str, Any]]:
        """The access log so far, one dictionary for each request."""
        if not self.access_log.exists():
            return []
        text = self.access_log.read_text(encoding="utf-8")
        # Envoy may be in the middle of writing the last line.
        whole = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines()]


def start_authz(
    children: Children,
    directory: Path,
    settings: Mapping[str, Any],
    *,
    name: str = "authz",
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = (sys.executable, "-m", "authz"),
    seconds: float = READY_SECONDS,
) -> Authz:
    """Write `NAME.yaml` into `directory`, start `authz serve` with it and wait until it serves.

    `settings` are those of authz.yaml. Addresses they leave out are chosen by the system.
    `program` is the command, when it is another release's; `seconds` is how long it may take.

    Raises:
        DemoError: it cannot be started, or does not come to serve.
    """
    data = Path(str(settings.get("data_dir", data_of(directory, name))))
    settings = {
        "metrics": {"listen": "127.0.0.1:0"},
        "sds": {"enabled": False},
        "admin": {"enabled": False},
        "data_dir": str(data),
        **settings,
        "grpc": {"listen": "127.0.0.1:0", **settings.get("grpc", {})},
    }
    config = directory / f"{name}.yaml"
    # JSON is YAML; plain values need no YAML writer.
    config.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    child = children.start(
        name,
        [*program, "serve", "--config", config],
        directory / f"{name}.log",
        environment,
    )
    found: dict[str, Any] = {}

    def serves() -> bool:
        found.update(_json(data / "addresses.json"))
        return found.get("pid") == child.pid

    child.wait_until(serves, "it served", seconds)
    return Authz(
        child=child,
        grpc=tuple(found["grpc"]),
        metrics_address=found["metrics"],
        sds=found.get("sds"),
        admin=found.get("admin"),
    )


def start_envoy(
    children: Children,
    directory: Path,
    config: str,
    *,
    concurrency: int = 1,
    name: str = "envoy",
    restarting: Sequence[str] = ("--disable-hot-restart",),
) -> Envoy:
    """Write `NAME.yaml` into `directory`, start Envoy with it and wait until it listens.

    Ports in `config` may be 0. Its access log must be `directory / NAME-access.log`. `restarting`
    are its options of a hot restart; without them several share no memory on one machine.

    Raises:
        DemoError: there is no Envoy, it cannot be started, or does not come to listen.
    """
    file, admin = directory / f"{name}.yaml", directory / f"{name}-admin.txt"
    file.write_text(config, encoding="utf-8")
    admin.unlink(missing_ok=True)
    command: list[str | Path] = [
        *(find_envoy(), "-c", file, "--admin-address-path", admin),
        *("--concurrency", str(concurrency)),
        *restarting,
        *("--log-level", "warning"),
        # The access log is read while Envoy runs; the default writes it every ten seconds.
        *("--file-flush-interval-msec", "20"),
    ]
    child = children.start(name, command, directory / f"{name}.log")
    child.wait_until(lambda: _text(admin) != "", "its admin port was open")
    address = _text(admin)
    child.wait_until(lambda: ask(address, "/ready")[0] == 200, "it listened")
    listeners = json.loads(ask(address, "/listeners?format=json")[1])["listener_statuses"]
    ports = {
        one["name"]: int(one["local_address"]["socket_address"]["port_value"]) for one in listeners
    }
    return Envoy(
        child=child,
        admin_address=address,
        ports=ports,
        access_log=access_log_of(directory, name),
    )


def data_of(directory: Path, name: str = "authz") -> Path:
    """The data directory of an authz of this name."""
    return directory / f"{name}-data"


def access_log_of(directory: Path, name: str = "envoy") -> Path:
    """Where an Envoy of this name must write its access log."""
    return directory / f"{name}-access.log"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _json(file: Path) -> dict[str, Any]:
    text = _text(file)
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    """Metrics in the text format as `(name, labels, value)`."""
    from prometheus_client.parser import text_string_to_metric_families

    return [
        (sample.name, dict(sample.labels), float(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
