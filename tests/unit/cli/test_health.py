# SPDX-License-Identifier: Apache-2.0
"""`authz health`, against a node's own metrics server and transports."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from authz.cli import health
from authz.cli.main import main
from authz.extauthz.health import HealthState
from authz.extauthz.transport import TransportKind, TransportOptions, open_transport
from authz.node.addresses_file import AddressesFile
from authz.node.http_server import MetricsServer, Readiness, open_listener
from authz.settings import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _NoChecks:
    """Answers none: health is a service of its own."""

    def check(self, data: bytes, context: object = None) -> bytes:
        raise AssertionError("nobody asks")

    def shed(self, data: bytes) -> bytes:
        raise AssertionError("nobody asks")


@pytest.fixture
def node() -> Iterator[MetricsServer]:
    """Metrics of a node that says `ready` while its list is empty, else what is in it."""
    server = MetricsServer(
        open_listener("127.0.0.1", 0),
        render=lambda: b"",
        readiness=lambda: Readiness(ready=not _WHY, why=_WHY[-1] if _WHY else "ready"),
    )
    server.start()
    yield server
    server.stop()
    _WHY.clear()


_WHY: list[str] = []


def run(directory: Path, settings: str, *options: str) -> int | str | None:
    (directory / "authz.yaml").write_text(f"data_dir: data\n{settings}\n", encoding="utf-8")
    with pytest.raises(SystemExit) as exit_:
        main(["health", "--config", str(directory / "authz.yaml"), *options])
    return exit_.value.code


def test_a_node_that_is_ready_and_one_that_drains(
    node: MetricsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = f'metrics: {{listen: "{node.address}"}}'

    assert run(tmp_path, settings) == 0
    assert capsys.readouterr() == ("ready\n", "")
    _WHY.append("draining\x1b[2J")
    assert run(tmp_path, settings) == 1
    assert capsys.readouterr() == ("", "authz: error: draining\\x1b[2J\n")


def test_quiet_says_nothing(
    node: MetricsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = f'metrics: {{listen: "{node.address}"}}'
    _WHY.append("draining")

    assert run(tmp_path, settings, "--quiet") == 1
    assert capsys.readouterr() == ("", "")


def test_who_listens_everywhere_is_asked_on_this_machine(
    node: MetricsServer, tmp_path: Path
) -> None:
    port = node.address.rpartition(":")[2]

    assert run(tmp_path, f'metrics: {{listen: "0.0.0.0:{port}"}}') == 0


def test_a_port_that_the_system_chose_is_the_running_node_s(
    node: MetricsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = 'metrics: {listen: "127.0.0.1:0"}'

    assert run(tmp_path, settings) == 1
    assert "no node is running in" in capsys.readouterr().err
    running = AddressesFile(tmp_path / "data")
    running.write(grpc=[], metrics=node.address)
    left = running.path.read_bytes()
    assert run(tmp_path, settings) == 0
    # It was killed: what it left names a port that may be anybody's.
    running.remove()
    running.path.write_bytes(left)
    assert run(tmp_path, settings) == 1
    assert "no node is running in" in capsys.readouterr().err


def test_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert run(tmp_path, f'metrics: {{listen: "127.0.0.1:{port}"}}') == 1
    assert "/readyz cannot be asked: connection refused" in capsys.readouterr().err


def test_somebody_who_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        assert run(tmp_path, f'metrics: {{listen: "127.0.0.1:{port}"}}') == 1
    assert "timed out" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [TransportKind.NATIVE, TransportKind.GRPCIO])
def test_without_metrics_the_socket_that_envoy_uses_is_asked(
    kind: TransportKind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listen = f"unix:{tmp_path / 'authz.sock'}"
    settings = f'metrics: {{listen: off}}\ngrpc: {{listen: "{listen}"}}'
    state = HealthState()
    options = TransportOptions(listen=parse_address(listen), kind=kind)

    assert run(tmp_path, settings) == 1
    assert "cannot be asked" in capsys.readouterr().err
    transport = open_transport(options, _NoChecks(), state)  # type: ignore[arg-type]  # plays one
    transport.start()
    try:
        assert run(tmp_path, settings) == 1
        assert capsys.readouterr().err.endswith(f"authz: error: {listen} is not serving\n")
        state.set_serving(True)
        assert run(tmp_path, settings) == 0
        assert capsys.readouterr().out == f"{listen} is serving\n"
    finally:
        transport.stop(0.0)


def test_one_worker_that_serves_is_enough(tmp_path: Path) -> None:
    listen = f"unix:{tmp_path / 'authz.sock'}"
    settings = (
        f'metrics: {{listen: off}}\ngrpc: {{listen: "{listen}", workers: 2, port_per_worker: true}}'
    )
    state = HealthState()
    state.set_serving(True)
    options = TransportOptions(listen=parse_address(f"{listen}.1"), kind=TransportKind.NATIVE)
    transport = open_transport(options, _NoChecks(), state)  # type: ignore[arg-type]  # plays one
    transport.start()
    try:
        assert run(tmp_path, settings) == 0
    finally:
        transport.stop(0.0)


def test_workers_that_hang_are_not_waited_for_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 30.0)
    listen = f"unix:{tmp_path / 'authz.sock'}"
    settings = (
        f'metrics: {{listen: off}}\ngrpc: {{listen: "{listen}", workers: 3, port_per_worker: true}}'
    )
    state = HealthState()
    state.set_serving(True)
    options = TransportOptions(listen=parse_address(f"{listen}.2"), kind=TransportKind.NATIVE)
    transport = open_transport(options, _NoChecks(), state)  # type: ignore[arg-type]  # plays one
    transport.start()
    with ExitStack() as silent:
        for name in ("authz.sock.0", "authz.sock.1"):
            one = silent.enter_context(socket.socket(socket.AF_UNIX))
            one.bind(str(tmp_path / name))
            one.listen()
        began = time.monotonic()
        try:
            assert run(tmp_path, settings) == 0
        finally:
            transport.stop(0.0)
    assert time.monotonic() - began < 30


def test_nothing_that_could_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = "metrics: {listen: off}\ngrpc: {tls: {certificate: a.pem, key: a.key}}"

    assert run(tmp_path, settings) == 2
    assert "nothing of the node can be asked" in capsys.readouterr().err


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    assert run(tmp_path, "unknown: 1") == 2
