# SPDX-License-Identifier: Apache-2.0
"""The process that serves the API, run in a thread: what it serves, says, and how it ends."""

from __future__ import annotations

import queue
import resource
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from authz.api.app import PREFIX
from authz.api.limits import Limits
from authz.api.server import _Server
from authz.certs.presented import CertificateLimits, CertificateSource
from authz.cli.main import main as command
from authz.demo.pki import make_root
from authz.errors import SettingsError
from authz.extauthz.decode import DecodeOptions
from authz.geo.database import GeoDatabases
from authz.node.admin import process as module
from authz.node.admin.config import AdminConfig, DashboardConfig
from authz.node.admin.messages import Databases, FromAdmin
from authz.node.admin.process import EXIT_CONFIGURATION, Admin, allowed, judge_of, main
from authz.node.channel import Channel
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.services.failures import MOST_FAILURES
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.store.engine import open_store
from tests.factories.mmdb import asn_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 20.0


class _Running:
    def __init__(self, directory: Path, **changes: Any) -> None:
        ours, theirs = socket.socketpair()
        self.channel: Channel[FromAdmin] = Channel(ours, FromAdmin)
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        config = AdminConfig(
            **{
                "listen": self.address,
                "database": "sqlite",
                "data_dir": str(directory),
                "log_format": "json",
                "log_level": "error",
                **changes,
            }
        )
        self.ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._theirs = Channel[module.ToAdmin](theirs, module.ToAdmin)
        self.admin = Admin(self._theirs, config, listener, ended=self.ended.put, limits=Limits())
        self._listener = listener
        self.status: int | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.status = self.admin.run()

    def get(self, path: str, token: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(f"http://{self.address}{PREFIX}{path}", headers=headers, timeout=PATIENCE)

    def end(self) -> int | None:
        self.channel.shutdown()
        self._thread.join(PATIENCE)
        self.channel.close()
        self._theirs.close()
        self._listener.close()
        return self.status


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A data directory with a store."""
    open_store("sqlite", tmp_path).close()
    return tmp_path


@pytest.fixture
def running(directory: Path) -> Iterator[_Running]:
    made = _Running(directory)
    yield made
    made.end()


def _token(directory: Path) -> str:
    store = open_store("sqlite", directory, create=False)
    made = create_token(store, "test", EVERYTHING, actor="test", at=time.time())
    store.close()
    return made.secret


def test_it_serves_the_store_and_ends_with_its_supervisor(
    running: _Running, directory: Path
) -> None:
    assert running.get("/zones").status_code == 401
    answer = running.get("/zones", _token(directory))
    assert [one["name"] for one in answer.json()["result"]] == ["default"]

    assert running.end() == 0
    with pytest.raises(httpx.ConnectError):
        running.get("/zones")
    assert running.ended.empty()


@pytest.fixture
def with_pages(directory: Path) -> Iterator[_Running]:
    dashboard = DashboardConfig(url="https://authz.example.com", session_idle=100.0)
    made = _Running(directory, dashboard=dashboard)
    yield made
    made.end()


def test_it_serves_the_dashboard_where_there_is_one(with_pages: _Running, directory: Path) -> None:
    with httpx.Client(base_url=f"http://{with_pages.address}", timeout=PATIENCE) as browser:
        headers = {"Origin": "https://authz.example.com"}
        fields = {"token": _token(directory), "next": "/"}
        begun = browser.post("/sign-in", data=fields, headers=headers)
        assert begun.status_code == 303
        # A proxy in front does TLS.
        assert begun.headers["set-cookie"].startswith("__Host-authz-session=")
        assert "; Secure" in begun.headers["set-cookie"]
        assert begun.headers["strict-transport-security"]
    pages = with_pages.admin._pages
    assert pages is not None
    times = pages.app.state.site.options.times
    assert (times.idle, times.longest) == (100.0, 43_200.0)


def test_without_a_dashboard_there_are_no_pages(running: _Running) -> None:
    answer = httpx.get(f"http://{running.address}/sign-in", timeout=PATIENCE)

    assert answer.status_code == 404
    assert answer.json()["success"] is False


def test_failures_of_pages_and_the_api_are_counted_together(with_pages: _Running) -> None:
    for _ in range(MOST_FAILURES):
        assert with_pages.get("/zones", "nobody").status_code == 401
    url = f"http://{with_pages.address}/sign-in"
    late = httpx.post(url, data={"token": "nobody"}, timeout=PATIENCE)

    assert late.status_code == 429


def test_without_a_store_it_says_so_until_there_is_one(tmp_path: Path) -> None:
    running = _Running(tmp_path)
    try:
        answer = running.get("/zones", "nobody")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        open_store("sqlite", tmp_path).close()
        assert running.get("/zones", _token(tmp_path)).status_code == 200
    finally:
        running.end()


def test_numbers_come_from_the_thread_that_serves(running: _Running) -> None:
    running.get("/zones")
    running.channel.send(Inquire(number=7))

    said = running.channel.receive()
    assert isinstance(said, Numbers)
    assert said.number == 7
    assert b'authz_api_requests_total{method="GET",route="/zones",status="401"} 1\n' in said.text


def test_rules_are_tried_with_the_databases_in_force(running: _Running, tmp_path: Path) -> None:
    file = asn_file(tmp_path / "asn.mmdb", {"192.0.2.0/24": 64500})
    running.channel.send(Databases(asn=str(file)))
    _until(lambda: running.admin._app.state.backend.geo is not None)
    backend = running.admin._app.state.backend
    assert backend.judge.geo is backend.geo
    assert isinstance(running.admin._app.state.backend.geo, GeoDatabases)

    running.channel.send(Databases(asn=str(tmp_path / "none")))
    running.channel.send(Inquire(number=1))
    assert isinstance(running.channel.receive(), Numbers)
    assert running.admin._app.state.backend.geo is not None, "what was there stays"

    running.channel.send(Databases())
    _until(lambda: running.admin._app.state.backend.geo is None)


def test_private_keys_are_encrypted_as_the_commands_do(running: _Running, directory: Path) -> None:
    assert not (directory / "ca.key").exists()
    assert running.admin._encryption() is not None
    assert (directory / "ca.key").exists()


def test_tls_files_that_cannot_be_used_any_more_are_told(directory: Path) -> None:
    missing = str(directory / "none.pem")
    running = _Running(directory, certificate=missing, key=missing)
    said = running.channel.receive()

    assert isinstance(said, Failed)
    assert running.end() == EXIT_CONFIGURATION


def test_it_speaks_tls(directory: Path) -> None:
    authority = make_root("CA", at=time.time())
    server = authority.server("localhost", at=time.time())
    (directory / "c").write_bytes(server.pem)
    (directory / "k").write_bytes(server.key_pem)
    (directory / "ca").write_bytes(authority.pem)
    running = _Running(
        directory,
        certificate=str(directory / "c"),
        key=str(directory / "k"),
        client_ca=str(directory / "ca"),
    )
    try:
        with pytest.raises(httpx.HTTPError):
            running.get("/zones")
    finally:
        assert running.end() == 0


def test_a_server_that_ends_by_itself_ends_the_process(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(_Server, "_accept", broken)
    running = _Running(directory)
    assert running.ended.get(timeout=PATIENCE) == 1
    running.end()


def test_a_supervisor_that_cannot_be_understood_ends_it(running: _Running) -> None:
    running.channel._socket.sendall(b"\x01\x00\x00\x00\xc1")
    running._thread.join(PATIENCE)
    assert running.status == 0


def test_the_first_token_is_made_when_there_is_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, Any]]
) -> None:
    made: queue.SimpleQueue[Path] = queue.SimpleQueue()

    def first(_: object, data_dir: Path, *, at: float, given: Path | None) -> Path:
        assert given is None
        made.put(data_dir)
        return data_dir / "admin-token"

    monkeypatch.setattr(module, "first_token", first)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    running = _Running(tmp_path, log_level="info")
    try:
        open_store("sqlite", tmp_path).close()
        assert made.get(timeout=PATIENCE) == tmp_path
        _until(lambda: any(one["event"] == "the first token is in a file" for one in log_lines))
    finally:
        running.end()


def test_why_there_is_no_first_token_is_told(
    directory: Path, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, Any]]
) -> None:
    def refuse(*_: object, at: float, given: Path | None) -> None:
        raise SettingsError("it cannot be written")

    monkeypatch.setattr(module, "first_token", refuse)
    running = _Running(directory)
    try:
        _until(lambda: any(one["event"] == "no first token" for one in log_lines))
    finally:
        running.end()


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "set_to"),
    [
        (1024, 20_000, 2000, (2200, 20_000)),
        (1024, 1024, 824, None),
        (256, 256, 128, None),
        (20_000, 20_000, 2000, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 2000, None),
        (1024, resource.RLIM_INFINITY, 2000, (2200, resource.RLIM_INFINITY)),
    ],
)
def test_there_are_no_more_connections_than_descriptors(
    soft: int,
    hard: int,
    connections: int,
    set_to: tuple[int, int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: given.append(limit))

    found = allowed(Limits())

    assert found == replace(Limits(), connections=connections)
    assert given == ([] if set_to is None else [set_to])


def test_one_that_may_not_have_more_goes_on_with_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert allowed(Limits()).connections == 824


def test_a_supervisor_that_ended_at_once_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    ours, theirs = socket.socketpair()
    ours.close()
    assert main([str(theirs.detach()), "-1"]) == 0


def _until(condition: Any) -> None:
    moment = threading.Event()
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        moment.wait(0.01)


def test_recorded_requests_are_decided_as_the_workers_decide(tmp_path: Path) -> None:
    config = AdminConfig(
        listen="127.0.0.1:0",
        database="sqlite",
        data_dir=str(tmp_path),
        log_format="json",
        log_level="error",
        certificate_source="xfcc",
        xfcc_trusted_hops=2,
        client_ip_trusted_hops=3,
        certificate_bytes=4096,
        chain_length=4,
        fetched=str(tmp_path),
    )
    judge = judge_of(config)

    assert judge.decoding == DecodeOptions(
        certificate_source=CertificateSource.XFCC, xfcc_trusted_hops=2, client_ip_trusted_hops=3
    )
    assert judge.limits == CertificateLimits(certificate_bytes=4096, chain_length=4)


@pytest.fixture
def with_a_key(tmp_path: Path) -> Path:
    """A data directory whose store has a private key, and its secret."""
    with pytest.raises(SystemExit):
        command(["ca", "create", "--name", "Acme", "--data-dir", str(tmp_path)])
    return tmp_path


def _reasons(directory: Path, log_lines: list[dict[str, Any]], **changes: Any) -> list[str]:
    """Why nothing can be signed, as it is said when the process begins."""
    made = _Running(directory, log_level="warning", **changes)
    try:
        _until((directory / "admin-token").exists)
        for one in threading.enumerate():
            if one.name == "beginning":
                one.join(PATIENCE)
    finally:
        made.end()
    event = "this node cannot issue or sign anything"
    return [one["reason"] for one in log_lines if one["event"] == event]


def test_a_secret_that_opens_the_keys_is_nothing_to_tell(
    with_a_key: Path, log_lines: list[dict[str, Any]]
) -> None:
    assert _reasons(with_a_key, log_lines) == []


def test_a_node_without_the_secret_of_the_keys_says_so_at_once(
    with_a_key: Path, log_lines: list[dict[str, Any]]
) -> None:
    (with_a_key / "ca.key").unlink()

    (reason,) = _reasons(with_a_key, log_lines)

    assert "is not there, and private keys are encrypted by it" in reason
    assert not (with_a_key / "ca.key").exists()


def test_a_node_with_another_secret_says_so_at_once(
    with_a_key: Path, log_lines: list[dict[str, Any]]
) -> None:
    other = with_a_key / "other.key"
    other.write_bytes(bytes(32))
    other.chmod(0o600)

    (reason,) = _reasons(with_a_key, log_lines, key_file=str(other))

    assert "encrypted by another secret than the one configured" in reason


def test_without_a_key_no_secret_is_made(directory: Path, log_lines: list[dict[str, Any]]) -> None:
    assert _reasons(directory, log_lines) == []
    assert not (directory / "ca.key").exists()
