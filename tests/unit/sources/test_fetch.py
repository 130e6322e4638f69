# SPDX-License-Identifier: Apache-2.0
"""Fetching from real servers on loopback, most of which mean no good."""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from authz.errors import FetchError
from authz.sources.fetch import MAX_ANSWER_BYTES, Fetched, Fetcher, NotModified
from authz.sources.fetch_hosts import AllowedHosts, NamedBy
from tests.factories.http_server import response, serving
from tests.factories.pki import root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOPBACK = AllowedHosts.parse(["127.0.0.1", "*.crl.test"])


def fetcher(**changes: Any) -> Fetcher:
    options: dict[str, Any] = {"allowed": LOOPBACK, "timeout_seconds": 20.0, "max_bytes": 100_000}
    return Fetcher(**{**options, "resolve": lambda *_: ["127.0.0.1"], **changes})


def get(url: str, named_by: NamedBy = NamedBy.OPERATOR, **changes: Any) -> Fetched | NotModified:
    return fetcher(**changes).get(url, named_by=named_by)


def fault(url: str, named_by: NamedBy = NamedBy.OPERATOR, **changes: Any) -> str:
    with pytest.raises(FetchError) as caught:
        get(url, named_by, **changes)
    assert caught.value.hint
    assert caught.value.where
    return caught.value.message


def test_what_is_asked_and_what_comes_back() -> None:
    fields = ('ETag: "a"', "Last-Modified: Sun, 01 Mar 2026 12:00:00 GMT", "Set-Cookie: x=1")
    with serving(lambda _: response(b"crl", *fields)) as server:
        first = fetcher()
        got = first.get(server.url("/ca.crl?x"), named_by=NamedBy.OPERATOR)
        first.get(server.url("/ca.crl?x"), named_by=NamedBy.OPERATOR)

    assert got == Fetched(body=b"crl", etag='"a"', last_modified="Sun, 01 Mar 2026 12:00:00 GMT")
    for request in server.requests:
        assert (request.method, request.target) == ("GET", "/ca.crl?x")
        assert request.headers["host"] == f"127.0.0.1:{server.port}"
        assert request.headers["accept-encoding"] == "identity"
        assert not request.headers.keys() & {"cookie", "authorization", "if-none-match"}


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    with serving(lambda _: response(b"crl")) as server:
        assert get(server.url()) == Fetched(body=b"crl")


def test_what_did_not_change_is_not_sent_again() -> None:
    with serving(lambda _: response(status="304 Not Modified")) as server:
        answer = fetcher().get(
            server.url(), named_by=NamedBy.OPERATOR, etag='"a"', last_modified="then"
        )

    assert answer == NotModified()
    assert server.requests[0].headers["if-none-match"] == '"a"'
    assert server.requests[0].headers["if-modified-since"] == "then"


def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    with serving(lambda _: response(status="304 Not Modified")) as server:
        assert fault(server.url()) == "the server answered with status 304"


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial", "404 Not Found", "500 Oops"])
def test_other_statuses_are_errors(status: str) -> None:
    with serving(lambda _: response(b"x", status=status)) as server:
        assert fault(server.url()) == f"the server answered with status {status[:3]}"


def test_a_body_in_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(lambda _: head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") as server:
        assert get(server.url()) == Fetched(body=b"abcde")


def test_a_body_that_ends_with_the_connection() -> None:
    with serving(lambda _: b"HTTP/1.0 200 OK\r\n\r\nabc") as server:
        assert get(server.url()) == Fetched(body=b"abc")


def test_a_length_that_is_too_large_is_not_read() -> None:
    with serving(lambda _: response(b"x", length=100_001)) as server:
        assert fault(server.url()) == "has more than 100000 bytes"


def _endless(head: bytes, piece: bytes) -> Iterator[bytes]:
    return itertools.chain([head], itertools.repeat(piece))


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b"x" * 65536 + b"\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n", b"x" * 65536),
    ],
)
def test_a_body_without_end_is_left(head: bytes, piece: bytes) -> None:
    with serving(lambda _: _endless(head, piece)) as server:
        assert fault(server.url()) == "has more than 100000 bytes"
        assert server.gone.wait(10)


def test_a_body_that_is_shorter_than_it_says() -> None:
    with serving(lambda _: response(b"abc", length=10)) as server:
        assert fault(server.url()) == "the answer is no complete HTTP response"


def test_a_body_that_is_longer_than_it_says_is_cut() -> None:
    with serving(lambda _: response(b"abcdef", length=3)) as server:
        assert get(server.url()) == Fetched(body=b"abc")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x"])
def test_what_is_packed_is_not_unpacked(encoding: str) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    with serving(lambda _: response(bomb, f"Content-Encoding: {encoding}")) as server:
        assert "packed the answer" in fault(server.url())


def test_a_web_page_is_no_crl() -> None:
    with serving(lambda _: response(b"<html>", "Content-Type: text/html; x=y")) as server:
        assert fault(server.url()) == "the answer is 'text/html', not a CRL"


def test_no_http_at_all() -> None:
    with serving(lambda _: b"SSH-2.0-x\r\n") as server:
        assert fault(server.url()) == "the answer is no complete HTTP response"


def _drip(head: bytes, stop: threading.Event) -> Iterator[bytes]:
    yield head
    while not stop.wait(0.02):
        yield b"x"


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "]
)
def test_a_slow_drip_ends_in_time(head: bytes) -> None:
    stop = threading.Event()
    with serving(lambda _: _drip(head, stop)) as server:
        began = time.monotonic()
        assert fault(server.url(), timeout_seconds=0.3) == "took longer than 0.3 s"
        assert time.monotonic() - began < 5
        stop.set()


def test_a_server_that_says_nothing() -> None:
    stop = threading.Event()

    def silent(_: object) -> bytes:
        stop.wait(20)
        return b""

    with serving(silent) as server:
        assert fault(server.url(), timeout_seconds=0.2) == "took longer than 0.2 s"
        stop.set()


def test_a_handshake_that_does_not_end() -> None:
    # The kernel connects; nobody ever reads or writes.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert fault(url, timeout_seconds=0.2) == "took longer than 0.2 s"


def test_nobody_there() -> None:
    with serving(lambda _: b"") as server:
        url = server.url()
    assert fault(url).startswith("cannot be reached: ")


def test_redirects_are_followed_three_times() -> None:
    def answer(request: Any) -> bytes:
        number = int(request.target[1:])
        if number == 3:
            return response(b"there")
        return response(b"", f"Location: /{number + 1}", status="302 Found")

    with serving(answer) as server:
        assert get(server.url("/0")) == Fetched(body=b"there")
        assert len(server.requests) == 4


def test_a_redirect_loop_ends() -> None:
    with serving(lambda _: response(b"", "Location: /", status="301 Moved")) as server:
        assert fault(server.url()) == "redirects more than 3 times"
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://169.254.169.254/latest", "is at 169.254.169.254, a reserved address"),
        ("http://[::ffff:127.0.0.2]/", ", a private address"),
        ("http://localhost/", "localhost is at 127.0.0.2, a private address"),
        ("file:///etc/passwd", "file URLs are not fetched"),
        ("http://u:p@127.0.0.1/", "the URL has credentials in it"),
    ],
)
def test_a_redirect_is_judged_anew(location: str, message: str) -> None:
    with serving(lambda _: response(b"", f"Location: {location}", status="302 Found")) as server:
        assert message in fault(server.url(), resolve=lambda *_: ["127.0.0.2"])


def test_a_redirect_of_a_certificates_url_stays_among_the_listed_hosts() -> None:
    moved = response(b"", "Location: http://public.example/", status="302 Found")
    with serving(lambda _: moved) as server:
        message = fault(server.url(), NamedBy.CERTIFICATE, resolve=lambda *_: ["8.8.8.8"])
    assert message == "only a certificate names public.example"


def test_a_redirect_without_a_place_is_an_error() -> None:
    with serving(lambda _: response(b"", status="302 Found")) as server:
        assert fault(server.url()) == "the server answered with status 302"


def test_a_private_address_needs_to_be_allowed() -> None:
    with serving(lambda _: response(b"x")) as server:
        message = fault(server.url(), allowed=AllowedHosts())
        assert message == "127.0.0.1 is at 127.0.0.1, a private address"
        assert server.requests == []


def test_one_bad_address_among_several_is_enough() -> None:
    message = fault("http://x.example/", resolve=lambda *_: ["8.8.8.8", "fe80::1%eth0"])

    assert message == "x.example is at fe80::1, a reserved address"


def test_a_public_host_needs_a_usual_port() -> None:
    message = fault("http://x.example:8080/", resolve=lambda *_: ["8.8.8.8"])

    assert message == "port 8080 is neither 80 nor 443"


def test_what_only_a_certificate_names_has_to_be_listed() -> None:
    message = fault("http://x.example/", NamedBy.CERTIFICATE, resolve=lambda *_: ["8.8.8.8"])
    assert message == "only a certificate names x.example"

    with serving(lambda _: response(b"crl")) as server:
        url = server.url(host="a.crl.test")
        assert get(url, NamedBy.CERTIFICATE) == Fetched(body=b"crl")
        assert server.requests[0].headers["host"] == f"a.crl.test:{server.port}"


def test_a_name_is_looked_up_once() -> None:
    """DNS rebinding: the second answer would be another one, and nobody asks for it."""
    answers = [["127.0.0.1"], ["127.0.0.9"]]
    with serving(lambda _: response(b"crl")) as server:
        url = server.url(host="a.crl.test")
        assert get(url, resolve=lambda *_: answers.pop(0)) == Fetched(body=b"crl")
    assert answers == [["127.0.0.9"]]


def test_a_name_without_an_address() -> None:
    def unknown(*_: object) -> list[str]:
        raise OSError("no such name")

    assert fault("http://x.example/", resolve=unknown) == "x.example has no address"
    assert fault("http://x.example/", resolve=lambda *_: []) == "x.example has no address"


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    stop = threading.Event()

    def hanging(*_: object) -> list[str]:
        stop.wait(20)
        return []

    message = fault("http://x.example/", resolve=hanging, timeout_seconds=0.1)
    stop.set()
    assert message == "took longer than 0.1 s"


def _server_tls(directory: Path, **changes: Any) -> ssl.SSLContext:
    server = root().server("a.crl.test", **changes)
    (directory / "server.pem").write_bytes(server.pem + server.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return context


def _client_tls() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=root().pem.decode())


#: The factories' certificates are of a fixed day, and TLS goes by the clock.
_LONG = {"not_before": 1.7e9, "not_after": 4e9}


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    return _client_tls()


def test_tls_is_verified_for_the_name(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    names: list[str | None] = []
    context = _server_tls(tmp_path, **_LONG)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with serving(lambda _: response(b"crl"), context) as server:
        assert get(server.url(host="a.crl.test"), tls=trusted) == Fetched(body=b"crl")
    assert names == ["a.crl.test"]


def test_tls_with_another_name_or_authority(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    with serving(lambda _: response(b"crl"), _server_tls(tmp_path, **_LONG)) as server:
        message = fault(server.url(host="b.crl.test"), tls=trusted)
        assert message.startswith("the server's certificate is not good: Hostname mismatch")
        assert "not good" in fault(server.url(host="a.crl.test"))
        assert "not good" in fault(server.url(), tls=trusted)
        assert server.requests == []


def test_tls_to_an_address(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    from ipaddress import ip_address

    context = _server_tls(tmp_path, san=[x509.IPAddress(ip_address("127.0.0.1"))], **_LONG)
    with serving(lambda _: response(b"crl"), context) as server:
        assert get(server.url(), tls=trusted) == Fetched(body=b"crl")


def test_a_slow_drip_over_tls_ends_in_time(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    stop = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"
    with serving(lambda _: _drip(head, stop), _server_tls(tmp_path, **_LONG)) as server:
        message = fault(server.url(host="a.crl.test"), tls=trusted, timeout_seconds=0.5)
        assert message == "took longer than 0.5 s"
        stop.set()


def test_https_does_not_lead_to_http(tmp_path: Path, trusted: ssl.SSLContext) -> None:
    moved = response(b"", "Location: http://127.0.0.1/", status="302 Found")
    with serving(lambda _: moved, _server_tls(tmp_path, **_LONG)) as server:
        message = fault(server.url(host="a.crl.test"), tls=trusted)
    assert message == "is redirected from https to http://127.0.0.1/"


OCSP = "Content-Type: application/ocsp-response"


def ask(url: str) -> Fetched:
    return fetcher(max_bytes=2_000_000).post(url, b"question", named_by=NamedBy.OPERATOR)


def test_a_question_is_posted() -> None:
    with serving(lambda _: response(b"answer", OCSP)) as server:
        assert ask(server.url("/ocsp")).body == b"answer"
    (request,) = server.requests
    assert (request.method, request.body) == ("POST", b"question")
    assert request.headers["content-type"] == "application/ocsp-request"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (response(b"answer", "Content-Type: text/plain"), "the answer is 'text/plain', not"),
        (response(b"answer"), "the answer is of no type, not application/ocsp-response"),
        (response(b"", "Location: /", status="307 Moved"), "redirects a question"),
        (response(bytes(MAX_ANSWER_BYTES + 1), OCSP), "has more than 65536 bytes"),
        (response(status="304 Not Modified"), "the server answered with status 304"),
    ],
)
def test_what_is_no_answer(answer: bytes, message: str) -> None:
    with serving(lambda _: answer) as server, pytest.raises(FetchError, match=message):
        ask(server.url())


@pytest.mark.parametrize("value", ["x" * 513, "\xe9"])
def test_a_validator_that_cannot_be_sent_back_is_forgotten(value: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nETag: {value}\r\nContent-Length: 1\r\n\r\nx".encode("latin-1")
    with serving(lambda _: head) as server:
        assert get(server.url()) == Fetched(body=b"x")
