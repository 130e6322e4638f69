# SPDX-License-Identifier: Apache-2.0
"""Calls of Cloudflare's API: pages, patience, and errors that say what to do."""

from __future__ import annotations

import json
import re
import ssl
from email.utils import formatdate
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import FetchError
from authz.sources import cloudflare_bounds, cloudflare_client
from authz.sources.cloudflare_bounds import Bound
from authz.sources.cloudflare_client import CloudflareClient
from authz.sources.fetch_connection import Deadline
from tests.factories.cloudflare import (
    BASE,
    TOKEN,
    Failure,
    FakeCloudflare,
    FakeZone,
    client_certificate,
    fake_list,
)
from tests.factories.http_server import response, serving
from tests.factories.pki import root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.factories.http_server import Request, Server

TOO_MANY = "429 Too Many Requests"


class Api:
    """A client of a fake API, and what it waited."""

    def __init__(self, server: Server, fake: FakeCloudflare) -> None:
        self.fake = fake
        self.server = server
        self.waited: list[float] = []
        self.client = self.of(TOKEN)

    def of(self, token: str, path: str = BASE) -> CloudflareClient:
        return CloudflareClient(self.server.url(path), token, wait=self.waited.append)

    def fails(self, call: Any) -> FetchError:
        with pytest.raises(FetchError) as caught:
            call()
        return caught.value


@pytest.fixture
def api() -> Iterator[Api]:
    fake = FakeCloudflare(zones=[FakeZone(name=f"{n}.example", number=n) for n in range(5)])
    with serving(fake.answer) as server:
        yield Api(server, fake)


def test_pages_are_read_until_one_is_empty(api: Api) -> None:
    assert [one["name"] for one in api.client.pages("/zones")] == [f"{n}.example" for n in range(5)]
    assert [one.target for one in api.server.requests][-1] == f"{BASE}/zones?page=4&per_page=50"


def test_who_asks_shows_the_token_and_nothing_else(api: Api) -> None:
    list(api.client.pages("/zones", name="1.example"))

    headers = api.server.requests[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in headers


def test_an_api_that_gives_the_same_page_again_is_left(api: Api) -> None:
    api.fake.ignores_pages = True

    error = api.fails(lambda: list(api.client.pages("/zones")))

    assert error.message == "answers with the same page again and again"
    assert error.where == "GET /zones?page=2&per_page=50"


def test_cursors_are_followed(api: Api) -> None:
    items = [{"ip": f"192.0.2.{n}"} for n in range(5)]
    api.fake.lists = [fake_list("many", "ip", *items)]
    path = f"/accounts/{'a' * 32}/rules/lists/{api.fake.lists[0]['id']}/items"

    assert [one["ip"] for one in api.client.cursors(path)] == [one["ip"] for one in items]


def test_a_cursor_that_does_not_move_is_left() -> None:
    body = b'{"success": true, "result": [], "result_info": {"cursors": {"after": "x"}}}'
    with serving(lambda _: response(body)) as server:
        client = CloudflareClient(server.url(BASE), TOKEN)
        with pytest.raises(FetchError, match="again and again"):
            list(client.cursors("/zones/1/rulesets"))


def test_more_pages_than_there_can_be_are_left(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudflare_client, "MAX_PAGES", 2)

    assert "again and again" in api.fails(lambda: list(api.client.pages("/zones"))).message


def test_an_api_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    zones = Bound(what="zones", path=re.compile("/zones$"), answers=8, objects=20, size=10_000)
    monkeypatch.setattr(cloudflare_bounds, "BOUNDS", (zones,))

    def answers(each: list[dict[str, object]]) -> Callable[[Request], bytes]:
        numbers = count()
        # No page is as the one before.
        return lambda _: response(
            body=json.dumps({"success": True, "result": [{"id": next(numbers)}, *each]}).encode()
        )

    for each, message in (
        ([], "sends more than 8 answers about zones"),
        ([{}, {}], "sends more than 20 zones"),
        ([{"x": "x" * 2_000}], "sends more than 0 MiB of zones"),
    ):
        with serving(answers(each)) as server:
            client = CloudflareClient(server.url(BASE), TOKEN)
            with pytest.raises(FetchError) as caught:
                list(client.pages("/zones"))
        assert caught.value.message == message


def test_an_answer_of_too_many_parts_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudflare_bounds, "MAX_PARTS", 10)
    body = json.dumps({"success": True, "result": [{}] * 9}).encode()

    with serving(lambda _: response(body=body)) as server:
        client = CloudflareClient(server.url(BASE), TOKEN)
        for call in (client.get, client.single):
            with pytest.raises(FetchError, match="more than 10 objects in one answer"):
                call("/accounts/1/mtls_certificates")


def test_a_call_too_many_is_repeated_when_it_was_said(api: Api) -> None:
    api.fake.failures = [
        Failure(path="/zones", status=TOO_MANY, headers=("Retry-After: 7",)),
        Failure(path="/zones", status="503 Service Unavailable"),
        Failure(path="/zones", status=TOO_MANY, headers=("Retry-After: soon",)),
    ]

    assert len(list(api.client.pages("/zones"))) == 5
    assert api.waited == [7.0, 2.0, 4.0]


def test_a_date_to_come_back_at_is_a_time_to_wait(api: Api) -> None:
    date = formatdate(0, usegmt=True)
    api.fake.failures = [Failure(path="/zones", status=TOO_MANY, headers=(f"Retry-After: {date}",))]

    list(api.client.pages("/zones"))

    assert api.waited == [0.0]


def test_nobody_waits_for_an_hour(api: Api) -> None:
    api.fake.failures = [Failure(path="/zones", status=TOO_MANY, headers=("Retry-After: 3600",))]

    error = api.fails(lambda: api.client.get("/zones"))

    assert error.message == "asks to come back in 3600 seconds"
    assert api.waited == []


def test_what_fails_again_and_again_is_an_error(api: Api) -> None:
    errors = ({"code": 1001, "message": "upstream"},)
    api.fake.failures = [Failure(path="/zones", errors=errors)] * 5

    error = api.fails(lambda: api.client.get("/zones"))

    assert error.message == "answered with status 500: 1001 upstream"
    assert len(api.waited) == 4


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/zones", "Zone / Zone / Read"),
        ("/zones/1/rulesets", "Zone / WAF / Read"),
        ("/zones/1/client_certificates", "Zone / SSL and Certificates / Read"),
        ("/accounts/1/rulesets", "Account / Account WAF / Read"),
        ("/accounts/1/rules/lists", "Account / Account Filter Lists / Read"),
        ("/accounts/1/mtls_certificates", "Account / SSL and Certificates / Read"),
        ("/user", "the permission Read?"),
    ],
)
def test_a_refusal_names_call_status_code_and_permission(
    api: Api, path: str, permission: str
) -> None:
    client = api.of("wrong")

    error = api.fails(lambda: client.get(path))

    assert error.message == "answered with status 403: 10000 Authentication error"
    assert error.where == f"GET {path}"
    assert permission in str(error.hint)


def test_what_is_not_there_is_said(api: Api) -> None:
    error = api.fails(lambda: api.client.get("/nothing"))

    assert error.message == "answered with status 404: 7003 Could not route to it"
    assert error.hint == "is --api right, and does the token see this zone or account?"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        ("200 OK", b"<html>", "is no answer of Cloudflare's API"),
        ("200 OK", b"[]", "is no answer of Cloudflare's API"),
        (
            "200 OK",
            b'{"success": false, "errors": [{"code": 5}, 7]}',
            "did not succeed: 5",
        ),
        ("200 OK", b'{"success": true, "result": {"a": 1}}', "the result is no list"),
        ("200 OK", b'{"success": true, "result": [1]}', "the result is no list"),
        ("302 Found", b"", "answered with status 302"),
        ("400 Bad Request", b"{}", "answered with status 400"),
    ],
)
def test_an_answer_that_is_none_is_an_error(
    api: Api, status: str, body: bytes, message: str
) -> None:
    api.fake.failures = [Failure(path="/zones", status=status, body=body)]

    assert api.fails(lambda: api.client.single("/zones")).message == message


def test_a_result_of_nothing_is_an_empty_list(api: Api) -> None:
    api.fake.failures = [Failure(path="/zones", status="200 OK", body=b'{"result": null}')]

    assert api.client.single("/zones") == []


def test_an_answer_that_is_too_long_is_not_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudflare_client, "MAX_ANSWER_BYTES", 100)
    api.fake.zones[0].certificates = [client_certificate("alice")]

    error = api.fails(lambda: api.client.get("/zones", page=1))

    assert error.message == "has more than 100 bytes"


def test_who_is_not_there_is_asked_some_times(api: Api) -> None:
    client = api.of(TOKEN)
    client.base = "http://127.0.0.1:1/client/v4"

    error = api.fails(lambda: client.get("/zones"))

    assert error.message.startswith("127.0.0.1 cannot be reached: ")
    assert len(api.waited) == 4


def test_reading_ends_when_the_time_is_over(api: Api) -> None:
    api.client._deadline = Deadline(0.0)

    assert api.fails(lambda: api.client.get("/zones")).message == "127.0.0.1 took too long"


def test_a_wait_beyond_the_time_for_everything_is_not_begun(api: Api) -> None:
    api.fake.failures = [Failure(path="/zones", status=TOO_MANY, headers=("Retry-After: 100",))]
    api.client._deadline = Deadline(30.0)

    assert "reading took longer" in api.fails(lambda: api.client.get("/zones")).message


def test_the_time_may_end_while_an_answer_comes(api: Api) -> None:
    def answer(_: Request) -> bytes:
        api.client._deadline = Deadline(0.0)
        return response(b"{}", status=TOO_MANY)

    with serving(answer) as server:
        api.client.base = server.url(BASE)

        assert "reading took longer" in api.fails(lambda: api.client.get("/zones")).message


@pytest.mark.parametrize("host", ["api.example.com", "192.0.2.1"])
def test_a_token_does_not_cross_a_network_in_clear_text(host: str) -> None:
    with pytest.raises(FetchError, match="in clear text"):
        CloudflareClient(f"http://{host}/client/v4", TOKEN)


def test_loopback_may_be_asked_in_clear_text_by_its_name() -> None:
    assert CloudflareClient("http://localhost:1/client/v4/", TOKEN).base.endswith("/v4")


def test_the_server_is_verified(tmp_path: Path) -> None:
    # TLS goes by the clock, the factories by a fixed day.
    issued = root().server("localhost", not_before=1.7e9, not_after=4e9)
    (tmp_path / "server.pem").write_bytes(issued.pem + issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    known = ssl.create_default_context(cadata=root().pem.decode())

    with serving(lambda _: response(b'{"result": 1}'), context) as server:
        base = server.url(BASE, "localhost")
        there = ["127.0.0.1"]
        client = CloudflareClient(base, TOKEN, tls=known, resolve=lambda *_: there)
        assert client.get("/zones") == 1
        client = CloudflareClient(base, TOKEN, resolve=lambda *_: there)
        with pytest.raises(FetchError, match="the server's certificate is not good"):
            client.get("/zones")
