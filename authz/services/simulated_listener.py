# SPDX-License-Identifier: Apache-2.0
"""What Envoy's shipped listener does to a request before it asks about it.

    heard = through_listener(request, forwards_bodies=False)
    heard.request      # what the CheckRequest is about
    heard.notes        # what a person should know: what was changed, what was not

A request that no HTTP client can send is refused; one that the listener would change (a path that
it normalises) is asked about as it is written, and a note says so: other listeners do otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError
from authz.policy.paths import is_plain
from authz.services.simulated_request import XFCC

if TYPE_CHECKING:
    from authz.services.simulated_request import Headers, SimulatedRequest

#: Most of each that is taken: as much as the shipped listener lets through, and some more.
MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 96 * 1024
MAX_PATH: Final = 16 * 1024
MAX_HOST: Final = 1024
MAX_BODY: Final = 1024 * 1024

PROTOCOLS: Final = ("HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3")
SCHEMES: Final = ("https", "http")

# RFC 9110 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 5.5: what ends a field line, or Envoy's.
_NO_VALUE: Final = re.compile(r"[\r\n\0]")
_NO_TARGET: Final = re.compile(r"[\x00-\x20\x7f]")
_ESCAPED_SLASH: Final = re.compile(r"%(?:2f|5c)", re.IGNORECASE)
#: What the listener writes itself, whatever the client says, and what it takes off what it believes
#: no client about (measured on Envoy 1.40: tests/e2e/test_simulated_requests.py).
_NOT_THE_CLIENTS: Final = frozenset(
    {
        XFCC,
        "host",
        "connection",
        "expect",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "x-forwarded-proto",
        "x-request-id",
        *(
            f"x-envoy-{name}"
            for name in (
                "auth-partial-body",
                "decorator-operation",
                "downstream-service-cluster",
                "downstream-service-node",
                "expected-rq-timeout-ms",
                "external-address",
                "force-trace",
                "hedge-on-per-try-timeout",
                "internal",
                "ip-tags",
                "max-retries",
                "original-host",
                "original-path",
                "retriable-status-codes",
                "retry-grpc-on",
                "retry-on",
                "upstream-rq-per-try-timeout-ms",
                "upstream-rq-timeout-ms",
            )
        ),
    }
)
#: What stands for proxies between the client and Envoy (client_ip.trusted_hops).
PROXY: Final = "192.0.2.254"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A request as Envoy asks about it."""

    request: SimulatedRequest
    notes: tuple[str, ...] = ()


def through_listener(
    request: SimulatedRequest, *, trusted_hops: int = 0, forwards_bodies: bool = False
) -> Heard:
    """A request behind the shipped listener.

    Args:
        trusted_hops: `client_ip.trusted_hops`: so many proxies are between the client and Envoy.
        forwards_bodies: whether Envoy is set up to send bodies (`with_request_body`).

    Raises:
        InvalidInputError: no HTTP client can send it.
    """
    check_sendable(request)
    notes = list(_notes(request))
    headers = [
        (name, value) for name, value in _lowered(request.headers) if name not in _NOT_THE_CLIENTS
    ]
    body = request.body
    headers += _about_body(request, headers, forwards_bodies=forwards_bodies)
    if body and not forwards_bodies:
        body = b""
        notes.append(
            "Envoy does not forward bodies here: a rule that reads the body counts as matching if "
            "it blocks."
        )
    addresses = [request.source_address, *[PROXY] * trusted_hops]
    headers = _with_forwarded_for(headers, addresses)
    headers += [
        ("x-forwarded-proto", request.scheme),
        ("x-request-id", request.request_id),
        ("x-envoy-external-address", request.source_address),
    ]
    return Heard(
        request=replace(
            request,
            headers=tuple(headers),
            body=body,
            body_size=len(body),
            source_address=addresses[-1],
        ),
        notes=tuple(notes),
    )


def check_sendable(request: SimulatedRequest) -> None:
    """Refuse what no HTTP client can send, or nobody would.

    Raises:
        InvalidInputError: what and why.
    """
    if not request.host:
        raise InvalidInputError("the request has no host", hint="write the host it is sent to")
    if len(request.host) > MAX_HOST or _NO_TARGET.search(request.host):
        raise InvalidInputError(
            "the host has blanks or control characters, or is too long",
            hint="write a name like api.example.com",
        )
    if not _TOKEN.fullmatch(request.method) or len(request.method) > 64:
        raise InvalidInputError(
            f'"{request.method[:64]}" is no method', hint="write GET, POST or another"
        )
    _check_target(request)
    if request.scheme not in SCHEMES:
        raise InvalidInputError(f'"{request.scheme[:20]}" is no scheme', hint="https or http")
    if request.protocol not in PROTOCOLS:
        raise InvalidInputError(
            f'"{request.protocol[:20]}" is no version of HTTP', hint=", ".join(PROTOCOLS)
        )
    _check_headers(request.headers)
    if len(request.body) > MAX_BODY:
        raise InvalidInputError(
            f"the body has {len(request.body):,} bytes, {MAX_BODY:,} are possible here",
            hint="leave some out",
        )
    _check_address(request)


def _check_target(request: SimulatedRequest) -> None:
    path = request.path
    if len(path) > MAX_PATH:
        raise InvalidInputError(
            f"the path has {len(path):,} characters, {MAX_PATH:,} are possible here",
            hint="leave some of the query out",
        )
    if _NO_TARGET.search(path):
        raise InvalidInputError(
            "the path has blanks or control characters", hint="write %20 for a blank"
        )
    fits = path.startswith("/") or (
        (path == "*" and request.method == "OPTIONS") or (not path and request.method == "CONNECT")
    )
    if not fits:
        raise InvalidInputError(
            f'the path "{path[:100]}" does not begin with a slash', hint="write /path?query"
        )


def _check_headers(headers: Headers) -> None:
    if len(headers) > MAX_HEADERS:
        raise InvalidInputError(
            f"the request has {len(headers)} headers, {MAX_HEADERS} are possible here",
            hint="leave out those that no rule reads",
        )
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise InvalidInputError(
            f"the headers have more than {MAX_HEADER_BYTES:,} characters",
            hint="leave out those that no rule reads",
        )
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise InvalidInputError(
                f'"{name[:100]}" is no name of a header', hint="write it as in Name: value"
            )
        if _NO_VALUE.search(value):
            raise InvalidInputError(
                f'the header "{name[:100]}" has a line break in its value',
                hint="write each header into one line",
            )


def _check_address(request: SimulatedRequest) -> None:
    try:
        ip_address(request.source_address)
    except ValueError:
        raise InvalidInputError(
            f'"{request.source_address[:100]}" is no IP address',
            hint="write 192.0.2.1 or 2001:db8::1",
        ) from None
    if not 0 <= request.source_port <= 65535:
        raise InvalidInputError(
            f"{request.source_port} is no port", hint="a number from 0 to 65535"
        )


def _notes(request: SimulatedRequest) -> list[str]:
    notes: list[str] = []
    target = request.path.partition("?")[0]
    if _ESCAPED_SLASH.search(target):
        notes.append(
            "Envoy as it is shipped refuses a path with an escaped slash (400) and asks nobody; "
            "this is the answer where Envoy lets it through."
        )
    elif target.startswith("/") and not is_plain(target.encode("utf-8", "surrogateescape")):
        notes.append(
            "Envoy as it is shipped normalises paths (dot segments, double slashes) before it "
            "asks; this is the answer for the path exactly as it is written here."
        )
    names = [name.lower() for name, _ in request.headers]
    if XFCC in names:
        notes.append(
            f"{XFCC} was left out: Envoy removes or replaces what a client sends of it. "
            "The certificate is chosen beside."
        )
    if any("_" in name for name in names):
        notes.append(
            "Envoy as it is shipped refuses header names with underscores (400); this is the "
            "answer where Envoy lets them through."
        )
    return notes


def _lowered(headers: Headers) -> list[tuple[str, str]]:
    return [(name.lower(), value.strip(" \t")) for name, value in headers]


def _about_body(
    request: SimulatedRequest, headers: list[tuple[str, str]], *, forwards_bodies: bool
) -> list[tuple[str, str]]:
    """The headers that go with a body."""
    names = {name for name, _ in headers}
    added: list[tuple[str, str]] = []
    if request.body and "content-length" not in names:
        added.append(("content-length", str(len(request.body))))
    if request.body and forwards_bodies:
        added.append(("x-envoy-auth-partial-body", "false"))
    return added


def _with_forwarded_for(
    headers: list[tuple[str, str]], addresses: list[str]
) -> list[tuple[str, str]]:
    """The addresses of the peers behind what the client sent (`use_remote_address`)."""
    sent = [value for name, value in headers if name == "x-forwarded-for"]
    kept = [(name, value) for name, value in headers if name != "x-forwarded-for"]
    return [*kept, ("x-forwarded-for", ",".join([*sent, *addresses]))]
