# SPDX-License-Identifier: Apache-2.0
"""Send a request through Envoy, and say what is wrong with what came of it.

`Outcome` has what the client was answered, what the service was asked, what the upstream received.
What holds of every request, whatever it is:

1. what reached the upstream was asked about, allowed, and is what was asked about, to the octet,
   but for the headers that the answer adds and takes away and those of Envoy's router;
2. an answer of 200 came from the upstream, and nothing else reached it;
3. nobody without a good certificate got to what a site guards, however a server reads the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.attack.application import Request, reached, sites_of
from tests.attack.certificates import GOOD_FOR
from tests.attack.corpus import HTTP1, sites
from tests.attack.judge import BODY_BYTES

if TYPE_CHECKING:
    from tests.attack.corpus import Case, Fields, Site
    from tests.attack.judge import Judge, Judged
    from tests.attack.stack import Attacked
    from tests.attack.wire import Answer, Http1, Http2

#: What Envoy writes when it passes a request on: how long it waits, and how the body is framed.
_ROUTERS: Final = frozenset(
    {
        b"x-envoy-expected-rq-timeout-ms",
        b"transfer-encoding",
        b"content-length",
        # Whether the check had the whole body: a client's own is taken off before.
        b"x-envoy-auth-partial-body",
    }
)
#: What some servers end a line or a text at.
_NEVER: Final = frozenset(b"\r\n\0")
_BY_HOST: Final = {
    host.encode(): site for site in sites().values() for host in site.hosts if host != "*"
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of what was sent; `with_bodies` where bodies are forwarded to the check."""

    answers: tuple[Answer, ...]
    judged: tuple[Judged, ...]
    received: tuple[Request, ...]
    with_bodies: bool = False

    @property
    def told(self) -> str:
        """In words of the cases: of the first request that was sent."""
        if not self.judged:
            # No check: Envoy answered by itself, or closed the connection.
            return "refused"
        return self.judged[0].said


class Client:
    """Requests to one listener with one certificate, on connections that stay open while they may.

    A client with another certificate or SNI has connections of its own.
    """

    def __init__(
        self, stack: Attacked, listener: str, certificate: str, sni: str | None = "eq.test"
    ) -> None:
        self._stack = stack
        self._listener = listener
        self._certificate = certificate
        self._sni = sni
        self._http1: Http1 | None = None
        self._http2: Http2 | None = None

    @property
    def _judge(self) -> Judge:
        return self._stack.judges[self._listener]

    def close(self) -> None:
        """Close what is open."""
        for connection in (self._http1, self._http2):
            if connection is not None:
                connection.close()
        self._http1 = self._http2 = None

    def send(self, over: str, request: Request) -> Outcome:
        """One request, its parts as they are."""
        return self._watched(
            lambda: (
                self._over_http1(_octets(request), head=request.method == b"HEAD")
                if over == HTTP1
                else self._over_http2(_fields(request), request.body, request.trailers)
            )
        )

    def send_octets(self, data: bytes, tail: bytes) -> Outcome:
        """Octets over HTTP/1.1 on a connection of their own, and a last request behind them."""

        def run() -> list[Answer]:
            self.close()
            with self._stack.http1(self._listener, self._certificate, self._sni) as connection:
                connection.send(data + tail)
                answers = []
                while (answer := connection.answer()) is not None:
                    answers.append(answer)
                return answers

        return self._watched(run)

    def send_fields(self, fields: Fields, body: bytes, trailers: Fields) -> Outcome:
        """Fields over HTTP/2, pseudo headers among them."""
        return self._watched(lambda: self._over_http2(fields, body, trailers))

    def _watched(self, run: object) -> Outcome:
        judged, received = self._judge.judged, self._stack.upstream.received
        before = len(judged), len(received)
        answers = run()  # type: ignore[operator]
        return Outcome(
            answers=tuple(answers),
            judged=tuple(judged[before[0] :]),
            received=tuple(received[before[1] :]),
            with_bodies=self._listener == "bodies",
        )

    def _over_http1(self, data: bytes, *, head: bool) -> list[Answer]:
        if self._http1 is None:
            self._http1 = self._stack.http1(self._listener, self._certificate, self._sni)
        self._http1.send(data)
        answer = self._http1.answer(head=head)
        if answer is None or (b"connection", b"close") in answer.headers:
            self._http1.close()
            self._http1 = None
        return [] if answer is None else [answer]

    def _over_http2(self, fields: Fields, body: bytes, trailers: Fields) -> list[Answer]:
        if self._http2 is None:
            self._http2 = self._stack.http2(self._listener, self._certificate, self._sni)
        answer = self._http2.request(fields, body, trailers)
        if not self._http2.is_open:
            self._http2.close()
            self._http2 = None
        return [answer] if answer.status else []


def _octets(request: Request) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (request.method, request.target), b"Host: " + request.host]
    lines += [b"%b: %b" % line for line in request.headers]
    named = {name.lower() for name, _ in request.headers}
    if request.body and not named & {b"content-length", b"transfer-encoding"}:
        lines.append(b"content-length: %d" % len(request.body))
    return b"\r\n".join([*lines, b"", request.body])


def _fields(request: Request) -> Fields:
    return (
        (b":method", request.method),
        (b":scheme", b"https"),
        (b":authority", request.host),
        (b":path", request.target),
        # Upper case is an error of its own over HTTP/2 (RFC 9113 8.2.1).
        *((name.lower(), value) for name, value in request.headers),
    )


# --- what is wrong -------------------------------------------------------------------------------


def complaints(outcome: Outcome, certificate: str) -> list[str]:
    """What is wrong with an outcome, whatever was sent; empty when nothing is."""
    found: list[str] = []
    by_id = {_request_id(one): one for one in outcome.judged}
    for request in outcome.received:
        judged = by_id.get(dict(request.headers).get(b"x-request-id", b""))
        if judged is None:
            found.append(f"reached the upstream unasked: {request}")
            continue
        if not judged.allowed:
            found.append(f"was denied and reached the upstream: {request}")
        found += _differences(judged, request)
        if outcome.with_bodies:
            found += _another_body(judged, request)
        found += trespasses(request, certificate)
        if any(set(name + value) & _NEVER for name, value in request.headers):
            found.append(f"line breaks or NUL in a header: {request.headers}")
    # 501 is Envoy's word for a transfer coding that it does not know.
    if any(answer.status in (500, 502, 503, 504) for answer in outcome.answers):
        found.append(f"nobody decided: {[answer.status for answer in outcome.answers]}")
    # A gRPC call is denied with 200 and grpc-status.
    ok = sum(
        answer.status == 200 and b"grpc-status" not in dict(answer.headers)
        for answer in outcome.answers
    )
    if ok != len(outcome.received):
        found.append(f"{ok} answers of 200, and {len(outcome.received)} requests upstream")
    if any(name.startswith(b"x-injected") for one in outcome.answers for name, _ in one.headers):
        found.append(f"a header was injected into the answer: {outcome.answers}")
    return found


def trespasses(request: Request, certificate: str) -> list[str]:
    """Who would serve what is guarded, to a certificate that is not good for it."""
    return [
        f"{site.name}, {who}"
        for site in sites_of(request.host, _BY_HOST, sites()["others"])
        if not is_good(site, certificate)
        for who in reached(site, request)
    ]


def is_good(site: Site, certificate: str) -> bool:
    """Whether a certificate may have what the site guards."""
    return GOOD_FOR.get(certificate) == site.trust


def _request_id(judged: Judged) -> bytes:
    http = judged.http
    lines: dict[str, bytes] = {line.key: line.raw_value for line in http.header_map.headers}
    return lines.get("x-request-id", b"")


def _differences(judged: Judged, request: Request) -> list[str]:
    """Of what was asked about and what reached the upstream."""
    lines = [(line.key.encode(), line.raw_value) for line in judged.http.header_map.headers]
    pseudo = dict(line for line in lines if line[0].startswith(b":"))
    found = [
        f"judged {name} {pseudo.get(key, b'')!r}, received {value!r}"
        for name, key, value in (
            ("method", b":method", request.method),
            ("path", b":path", request.target),
            ("host", b":authority", request.host),
        )
        if pseudo.get(key, b"") != value
    ]
    answer = judged.response.ok_response
    removed = {name.encode() for name in answer.headers_to_remove}
    put = {one.header.key.encode(): one.header.value.encode() for one in answer.headers}
    expected = [
        line
        for line in lines
        if not line[0].startswith(b":") and line[0] not in (removed | set(put) | {b"host"})
    ] + list(put.items())
    sent = [line for line in request.headers if line[0] not in _ROUTERS]
    expected = [line for line in expected if line[0] not in _ROUTERS]
    if sorted(sent) != sorted(expected):
        odd = sorted(set(sent) ^ set(expected))
        found.append(f"judged and received differ in headers: {odd}")
    if request.trailers:
        found.append(f"trailers, which nobody judged: {request.trailers}")
    return found


def _another_body(judged: Judged, request: Request) -> list[str]:
    """Of the body that was asked about, whole or its beginning, and the one that was received."""
    asked = judged.http.raw_body
    headers = {line.key: line.raw_value for line in judged.http.header_map.headers}
    is_cut = headers.get("x-envoy-auth-partial-body") == b"true" or len(asked) >= BODY_BYTES
    if request.body.startswith(asked) if is_cut else request.body == asked:
        return []
    return [f"judged a body of {asked!r}, received {request.body!r}"]


def request_of(case: Case) -> Request:
    """A case that is a method, a path, a host and headers."""
    return Request(
        method=case.method,
        target=case.path,
        host=case.host or f"{case.site}.test".encode(),
        headers=case.headers,
        body=case.body,
        trailers=case.trailers,
    )
