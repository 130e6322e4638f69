# SPDX-License-Identifier: Apache-2.0
"""A real node serves the API: calls, TLS, a killed process, a restored store, and the end."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from authz.demo.pki import make_root
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.store.engine import open_store
from tests.factories.oidc_provider import CLIENT_ID, CLIENT_SECRET, running
from tests.integration.asking import Asking
from tests.integration.harness import PATIENCE, eventually
from tests.integration.stores import questions_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psutil

    from tests.factories.populated import World
    from tests.integration.asking import Questions
    from tests.integration.stores import StoreNode

PREFIX = "/client/v4"


@dataclass
class _Api:
    """The API of a node."""

    node: StoreNode
    token: str
    verify: ssl.SSLContext | bool = False

    @property
    def address(self) -> str:
        found: str = self.node.events("serving")[0]["admin"]
        return found

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        scheme = "http" if self.verify is False else "https"
        return httpx.request(
            method,
            f"{scheme}://{self.address.replace('127.0.0.1', 'localhost')}{PREFIX}{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE,
            verify=self.verify,
            **more,
        )

    def zones(self) -> list[str]:
        answer = self.call("GET", "/zones")
        assert answer.status_code == 200, answer.text
        return sorted(one["name"] for one in answer.json()["result"])

    def process(self) -> psutil.Process | None:
        found = self.node._children("authz.node.admin")
        return found[0] if found else None


@pytest.fixture
def begin(start_store: Callable[..., StoreNode], world: World) -> Callable[..., _Api]:
    """Start a node that serves the API of the store, and have a token of it."""

    def begun(*options: str, **more: Any) -> _Api:
        given = () if "--admin" in options else ("--admin", "127.0.0.1:0")
        node = start_store(*given, *options).until_serving()
        made = create_token(world.store, "test", EVERYTHING, actor="test", at=time.time())
        return _Api(node=node, token=made.secret, **more)

    return begun


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def questions(world: World) -> Questions:
    """What is let in, and what is not."""
    return questions_of(world)


def test_the_dashboard_is_beside_the_api(
    start_store: Callable[..., StoreNode], world: World
) -> None:
    """From the first token to a page, by what a browser does."""
    node = start_store("--admin", "127.0.0.1:0").until_serving()
    file = node.data / "admin-token"
    eventually(file.exists, "the first token is made")
    api = _Api(node=node, token=file.read_text().strip())
    with httpx.Client(base_url=f"http://{api.address}", timeout=PATIENCE) as browser:
        first = browser.get("/")
        assert (first.status_code, first.headers["location"]) == (303, "/sign-in?next=/")
        page = browser.get("/sign-in")
        assert "API token" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        style = next(one for one in page.text.split('"') if one.endswith("/app.css"))
        assert "immutable" in browser.get(style).headers["cache-control"]

        begun = browser.post("/sign-in", data={"token": api.token, "next": "/sessions"})
        assert (begun.status_code, begun.headers["location"]) == (303, "/sessions")
        assert browser.get("/sessions").status_code == 200
        # A session is nobody to the API, and a token nobody to the pages.
        assert browser.get(f"{PREFIX}/zones").status_code == 401
    header = {"Authorization": f"Bearer {api.token}"}
    assert httpx.get(f"http://{api.address}/sessions", headers=header).status_code == 303
    assert api.zones() == ["default"]
    assert api.token not in api.node.log


def test_a_provider_lets_somebody_in(begin: Callable[..., _Api], tmp_path: Path) -> None:
    """From the settings file to a page; one that is down keeps nothing from starting."""
    secret = tmp_path / "oidc.secret"
    secret.write_text(f"{CLIENT_SECRET}\n", encoding="utf-8")
    secret.chmod(0o600)
    with running() as provider:
        provider.down = True
        oidc = {
            "issuer": provider.issuer,
            "label": "Acme",
            "client_id": CLIENT_ID,
            "client_secret_file": secret.name,
            "roles": {"reader": ["staff"]},
        }
        dashboard = {"url": "http://localhost:9", "oidc": oidc}
        config = tmp_path / "authz.yaml"
        config.write_text(json.dumps({"store": "on", "admin": {"dashboard": dashboard}}))
        api = begin("--config", str(config))
        with httpx.Client(base_url=f"http://{api.address}", timeout=PATIENCE) as browser:
            assert browser.get("/sign-in/oidc").status_code == 503
            provider.down = False
            left = eventually_given(lambda: browser.get("/sign-in/oidc?next=/sessions"), 303)
            answer = provider.answer(left.headers["location"])
            back = browser.get("/sign-in/oidc/callback", params=answer)
            assert (back.status_code, back.headers["location"]) == (303, "/sessions")
            assert "alice@example.com" in browser.get("/sessions").text
    assert CLIENT_SECRET not in api.node.log
    assert answer["code"] not in api.node.log
    assert answer["state"] not in api.node.log


def eventually_given(ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
    """The answer, when it has this status at last."""
    answers: list[httpx.Response] = []

    def asked() -> bool:
        answers.append(ask())
        return answers[-1].status_code == status

    eventually(asked, f"it is answered with {status}")
    return answers[-1]


def test_without_a_dashboard_there_is_the_api_alone(
    begin: Callable[..., _Api], tmp_path: Path
) -> None:
    config = tmp_path / "alone.yaml"
    config.write_text("store: on\nadmin: {dashboard: {enabled: false}}\n")
    api = begin("--config", str(config))

    assert httpx.get(f"http://{api.address}/sign-in", timeout=PATIENCE).status_code == 404
    assert api.zones() == ["default"]


def test_what_is_changed_through_the_api_is_published(begin: Callable[..., _Api]) -> None:
    api = begin()
    written = json.loads((api.node.data / "addresses.json").read_text())
    assert written["admin"] == api.address
    before = api.node.metric("authz_publications_total")

    assert (
        api.call("POST", "/zones", json={"name": "example.org", "force": True}).status_code == 200
    )

    assert api.zones() == ["default", "example.org"]
    eventually(lambda: api.node.metric("authz_publications_total") > before, "it is published")
    assert api.node.metric("authz_api_up") == 1
    wanted = {"method": "POST", "route": "/zones", "status": "200"}
    eventually(lambda: api.node.metric("authz_api_requests_total", **wanted) == 1, "it is counted")
    assert "example.org" not in api.node.log.replace('"event": "published"', "")
    assert api.token not in api.node.log


@pytest.mark.attack
def test_a_killed_process_comes_back_and_no_check_fails(
    begin: Callable[..., _Api], questions: Questions
) -> None:
    api = begin()
    assert api.zones() == ["default"]
    says = "the process of the API is killed"
    with Asking(api.node.addresses[0], questions=questions, says=says) as asking:
        for _ in range(2):
            process = api.process()
            assert process is not None
            process.kill()
            # Whoever calls meanwhile waits for the next one: nobody is refused.
            assert api.zones() == ["default"]
            asking.more()
        assert api.node.get("/readyz")[0] == 200
    eventually(lambda: api.node.metric("authz_api_restarts_total") == 2, "both are counted")


@pytest.mark.attack
def test_a_process_that_hangs_is_replaced(begin: Callable[..., _Api], questions: Questions) -> None:
    api = begin()
    assert api.zones() == ["default"]
    eventually(lambda: api.node.metric("authz_api_up") == 1, "it has answered its keeper")
    process = api.process()
    assert process is not None

    says = "the process of the API stands still (SIGSTOP)"
    with Asking(api.node.addresses[0], questions=questions, says=says) as asking:
        process.suspend()
        eventually(lambda: api.node.metric("authz_api_up") == 0, "it is noticed")
        assert api.zones() == ["default"]
        asking.more()
    after = api.process()
    assert after is not None
    assert after.pid != process.pid


def test_a_restored_store_is_the_one_that_is_read(
    begin: Callable[..., _Api], tmp_path: Path
) -> None:
    api = begin()
    backup = tmp_path / "backup.db"

    def authz(*arguments: str) -> None:
        command = [sys.executable, "-P", "-m", "authz", *arguments]
        config = ["--config", str(api.node.policy.with_name("authz.yaml"))]
        subprocess.run(
            [*command, *config, "--data-dir", str(api.node.data)],
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )

    authz("db", "backup", str(backup))
    api.call("POST", "/zones", json={"name": "example.org", "force": True})
    assert api.zones() == ["default", "example.org"]

    authz("db", "restore", str(backup), "--replace", "--yes")
    assert api.zones() == ["default"]

    # And a file in the place of another one.
    store = api.node.data / "authz.db"
    for beside in ("-wal", "-shm"):
        store.with_name(store.name + beside).unlink(missing_ok=True)
    other = open_store("sqlite", tmp_path / "other")
    made = create_token(other, "test", EVERYTHING, actor="test", at=time.time())
    other.close()
    (tmp_path / "other" / "authz.db").replace(store)
    api.token = made.secret
    eventually(lambda: api.call("GET", "/zones").status_code == 200, "the other store is read")


def test_tls_with_certificates_of_callers(begin: Callable[..., _Api], tmp_path: Path) -> None:
    authority = make_root("CA", at=time.time())
    server = authority.server("localhost", at=time.time())
    client = authority.client("alice", at=time.time())
    config = tmp_path / "authz.yaml"
    (tmp_path / "server.pem").write_bytes(server.pem)
    (tmp_path / "server.key").write_bytes(server.key_pem)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "client.pem").write_bytes(client.pem + client.key_pem)
    config.write_text(
        "store: on\nadmin: {tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}}\n"
    )
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    context.load_cert_chain(tmp_path / "client.pem")
    api = begin("--config", str(config), verify=context)

    assert api.zones() == ["default"]
    page = httpx.get(f"https://{api.address.replace('127.0.0.1', 'localhost')}/", verify=context)
    assert page.headers["strict-transport-security"]

    api.verify = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with pytest.raises(httpx.HTTPError):
        api.zones()


def test_an_address_that_is_taken_ends_the_node_with_a_hint(
    start_store: Callable[..., StoreNode], world: World
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        node = start_store("--admin", f"127.0.0.1:{taken.getsockname()[1]}")
        assert node.wait() == 2
    assert "cannot listen for the API" in node.log
    assert "--admin or admin.listen" in node.log
    assert "Traceback" not in node.log


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--admin", "0.0.0.0:0"), "tokens would cross the network unencrypted"),
        (("--config", "tls.yaml"), "admin.tls.certificate"),
    ],
)
def test_what_must_not_be_served_ends_the_node(
    options: tuple[str, ...],
    said: str,
    start_store: Callable[..., StoreNode],
    world: World,
    tmp_path: Path,
) -> None:
    config = tmp_path / "tls.yaml"
    config.write_text("store: on\nadmin: {tls: {certificate: none.pem, key: none.pem}}\n")
    given = [str(config) if one == config.name else one for one in options]
    node = start_store(*given, *(() if "--admin" in given else ("--admin", "127.0.0.1:0")))

    assert node.wait() == 2
    assert said in node.log


def test_stop_finishes_calls_and_takes_no_more(begin: Callable[..., _Api]) -> None:
    api = begin()
    assert api.zones() == ["default"]
    host, _, port = api.address.rpartition(":")
    body = b'{"name": "example.org", "force": true}'
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(
            b"POST /client/v4/zones HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n"
            b"Authorization: Bearer " + api.token.encode() + b"\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body[:5]
        )
        eventually(lambda: api.node.metric("authz_api_requests_in_flight") == 1, "it is under way")
        api.node.signal(signal.SIGTERM)
        eventually(lambda: _refuses(host, int(port)), "nobody else is accepted")
        connection.sendall(body[5:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert api.node.wait() == 0
    store = open_store("sqlite", api.node.data, create=False)
    with store.read() as session:
        assert "example.org" in {one.name for one in session.zones.all()}
    store.close()


def _refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False
