# SPDX-License-Identifier: Apache-2.0
"""Calls of the demo to the API: what is sent, and what is said when they do not succeed."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from authz.demo.api_client import Api, ApiAnswer
from authz.demo.processes import free_port
from authz.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Made up.
SECRET = "first" * 9


class Server:
    """An API that gives `answer`, with `status`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: Any = {"result": {"id": "1"}, "errors": []}
        self.asked: list[tuple[str, str, str, bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.take(self)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def take(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers.get("Content-Length", "0")))
        self.asked.append((call.command, call.path, call.headers["Authorization"], body))
        answer = self.answer if isinstance(self.answer, str) else json.dumps(self.answer)
        call.send_response(self.status)
        call.end_headers()
        call.wfile.write(answer.encode())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def api(server: Server, tmp_path: Path) -> Api:
    (tmp_path / "admin-token").write_text(f"{SECRET}\n")
    return Api(address=server.address, token_file=tmp_path / "admin-token")


def test_a_call_brings_the_first_token_and_its_body(api: Api, server: Server) -> None:
    assert api.result("POST", "/zones?name=x", {"csr": "…"}) == {"id": "1"}

    ((method, path, authorization, body),) = server.asked
    assert (method, path) == ("POST", "/client/v4/zones?name=x")
    assert authorization == f"Bearer {SECRET}"
    assert json.loads(body) == {"csr": "…"}
    assert api.url == f"http://{server.address}/client/v4"


def test_another_token_takes_the_place_of_the_first(api: Api, server: Server) -> None:
    server.status = 403
    server.answer = {"result": None, "errors": [{"code": 9109, "message": "not allowed"}]}

    answer = api.call("GET", "/x", token="other")

    assert answer == ApiAnswer(status=403, result=None, errors=("not allowed",))
    assert server.asked == [("GET", "/client/v4/x", "Bearer other", b"")]


@pytest.mark.parametrize(
    ("errors", "hint"),
    [([{"message": "a"}, {"message": "b"}], "it said: a; b"), ([], None)],
)
def test_a_call_that_must_succeed_is_quoted_without_its_token(
    errors: list[dict[str, str]], hint: str | None, api: Api, server: Server
) -> None:
    server.status = 400
    server.answer = {"result": None, "errors": errors}

    with pytest.raises(DemoError, match="the API answered GET /x with 400") as caught:
        api.result("GET", "/x")

    assert caught.value.hint == hint
    assert SECRET not in caught.value.render()


@pytest.mark.parametrize("answer", ["<html>", "[]", "{}", '{"result": 1, "errors": [1]}'])
def test_an_answer_of_another_program_is_no_answer(answer: str, api: Api, server: Server) -> None:
    server.answer = answer

    with pytest.raises(DemoError, match="the API's answer to GET /x is no JSON"):
        api.call("GET", "/x")


def test_an_api_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    gone = f"127.0.0.1:{free_port()}"
    api = Api(address=gone, token_file=tmp_path / "token")

    with pytest.raises(DemoError, match=f"the API on {gone} does not answer GET /x"):
        api.call("GET", "/x")
    assert not api.takes_its_token()


def test_a_token_that_is_not_there_is_named(tmp_path: Path) -> None:
    api = Api(address="127.0.0.1:1", token_file=tmp_path / "none")

    with pytest.raises(DemoError, match="first token cannot be read"):
        api.call("GET", "/x")


@pytest.mark.parametrize(("status", "takes"), [(200, True), (401, False)])
def test_whether_the_token_counts_is_asked_of_the_api(
    status: int, takes: bool, api: Api, server: Server
) -> None:
    server.status = status

    assert api.takes_its_token() is takes
    assert server.asked[0][1] == "/client/v4/user/tokens/verify"
