# SPDX-License-Identifier: Apache-2.0
"""JSON from real servers on loopback, most of which mean no good."""

from __future__ import annotations

import itertools
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import FetchError, SettingsError
from authz.sources.fetch_json import MAX_JSON_BYTES, JsonFetcher
from tests.factories.http_server import response, serving
from tests.factories.pki import root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fetcher(**changes: Any) -> JsonFetcher:
    options: dict[str, Any] = {"allowed": ["127.0.0.1", "*.id.test"], "seconds": 20.0}
    return JsonFetcher(**{**options, "resolve": lambda *_: ["127.0.0.1"], **changes})


def fault(ask: Callable[[], Any]) -> FetchError:
    with pytest.raises(FetchError) as caught:
        ask()
    assert caught.value.where
    return caught.value


def test_json_and_the_headers_that_it_is_asked_with() -> None:
    with serving(lambda _: response(b'{"a": [1]}', "Set-Cookie: x=1")) as server:
        asking = fetcher()
        assert asking.json(server.url("/x"), {"Authorization": "Bearer t"}) == {"a": [1]}
        asking.json(server.url("/x"))

    first, second = server.requests
    assert (first.method, first.headers["accept"]) == ("GET", "application/json")
    assert first.headers["authorization"] == "Bearer t"
    assert not second.headers.keys() & {"cookie", "authorization"}


def test_a_form_and_whatever_is_answered_to_it() -> None:
    refusal = response(b'{"error": "invalid_grant"}', status="400 Bad Request")
    with serving(lambda _: refusal) as server:
        status, value = fetcher().posted(server.url("/t"), "code=a+b%26c", {"X": "1"})

    assert (status, value) == (400, {"error": "invalid_grant"})
    (asked,) = server.requests
    assert asked.body == b"code=a+b%26c"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["x"] == "1"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (response(b"{}", status="404 Not Found"), "answered with status 404"),
        (response(b"{}", "Location: /b", status="302 Found"), "redirects a question"),
        (response(b"<html>"), "is no JSON"),
        (response(b"[NaN]"), "is no JSON"),
        (response(b"[" * 100_000), "is no JSON"),
        (response(b"\xff"), "is no JSON"),
        (response(b"{}", "Content-Encoding: gzip"), "is no JSON"),
        (response(b"{}", length=MAX_JSON_BYTES + 1), f"has more than {MAX_JSON_BYTES} bytes"),
        (response(b"{}", length=9), "no complete HTTP response"),
    ],
)
def test_what_is_no_answer(answer: bytes, said: str) -> None:
    with serving(lambda _: answer) as server:
        error = fault(lambda: fetcher().json(server.url()))

    assert said in error.message
    assert "fetch." not in str(error.hint), "the limits here are no setting"


def test_an_answer_without_an_end_is_left() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n["
    with serving(lambda _: itertools.chain([head], itertools.repeat(b"1," * 4096))) as server:
        assert "has more than" in fault(lambda: fetcher().json(server.url())).message
        assert server.gone.wait(10)


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with serving(lambda _: b"") as server:
        fault(lambda: fetcher(seconds=0.3).json(server.url()))


def test_nothing_is_asked_in_clear_text_but_of_this_machine() -> None:
    error = fault(lambda: fetcher().json("http://www.id.test/"))

    assert "in clear text" in error.message


def test_hosts_of_private_networks_are_asked_when_they_are_allowed() -> None:
    asking = fetcher(resolve=lambda *_: ["10.0.0.1"], allowed=[])

    assert "10.0.0.1" in fault(lambda: asking.json("https://www.id.test/")).message


def test_the_authority_of_the_provider(tmp_path: Path) -> None:
    authority, other = root(), root("Other")
    server = authority.server("www.id.test", not_before=1.7e9, not_after=4e9)
    files = {"ca": authority.pem, "other": other.pem, "server": server.pem + server.key_pem}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server")
    with serving(lambda _: response(json.dumps({}).encode()), tls) as running:
        url = running.url("/", "www.id.test")
        assert fetcher(authorities=tmp_path / "ca").json(url) == {}
        for asking in (fetcher(), fetcher(authorities=tmp_path / "other")):
            error = fault(lambda asking=asking: asking.json(url))  # type: ignore[misc]  # bound now
            assert "certificate is not good" in error.message
            assert "CRL" not in str(error.hint)


def test_authorities_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for name in ("none.pem", "no.pem"):
        with pytest.raises(SettingsError, match="cannot be used") as caught:
            fetcher(authorities=tmp_path / name, where="ca_file")
        assert caught.value.where == "ca_file"
    with pytest.raises(SettingsError, match="neither a host name"):
        fetcher(allowed=["http://x/"])
