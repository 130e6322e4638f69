# SPDX-License-Identifier: Apache-2.0
"""CheckRequests as Envoy sends them: everything valid by default, change one thing.

The default is a GET over HTTP/2 with a certificate, `include_peer_certificate`,
`include_tls_session` and `encode_raw_headers` on, as the shipped listener has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.pb.core_pb2 import Address, HeaderMap, HeaderValue, SocketAddress
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADERS: tuple[tuple[str, bytes], ...] = (
    ("user-agent", b"curl/8.9.1"),
    ("accept", b"*/*"),
    ("x-forwarded-for", b"198.51.100.7"),
    ("x-forwarded-proto", b"https"),
    ("x-request-id", b"4f4d0f0e-54a5-4d5e-9c4b-2f6f4f6a2b10"),
)


def check_request(
    *,
    host: str | bytes = "api.example.com",
    path: str | bytes = "/orders?id=7",
    method: str = "GET",
    scheme: str = "https",
    protocol: str = "HTTP/2",
    headers: Sequence[tuple[str, bytes | str]] = HEADERS,
    raw: bool = True,
    certificate: str = "",
    sni: str | None = "api.example.com",
    address: str = "198.51.100.7",
    port: int = 41234,
    body: str = "",
    raw_body: bytes = b"",
    size: int = 0,
    extensions: Mapping[str, str] | None = None,
) -> CheckRequest:
    """One CheckRequest. `certificate` is URL-encoded PEM; `raw` is encode_raw_headers."""
    host_bytes = host.encode() if isinstance(host, str) else host
    path_bytes = path.encode() if isinstance(path, str) else path
    http = AttributeContext.HttpRequest(
        id="4f4d0f0e-54a5-4d5e-9c4b-2f6f4f6a2b10",
        method=method,
        path=sanitised(path_bytes),
        host=sanitised(host_bytes),
        scheme=scheme,
        protocol=protocol,
        size=size,
        body=body,
        raw_body=raw_body,
    )
    lines: list[tuple[str, bytes]] = [
        (":authority", host_bytes),
        (":path", path_bytes),
        (":method", method.encode()),
        (":scheme", scheme.encode()),
        *((name, v.encode() if isinstance(v, str) else v) for name, v in headers),
    ]
    if raw:
        http.header_map.CopyFrom(
            HeaderMap(headers=[HeaderValue(key=k, raw_value=v) for k, v in lines])
        )
    else:
        joined: dict[str, list[bytes]] = {}
        for name, value in lines:
            joined.setdefault(name, []).append(value)
        for name, values in joined.items():
            http.headers[name] = sanitised(b",".join(values))
    request = CheckRequest(
        attributes=AttributeContext(
            source=AttributeContext.Peer(address=_address(address, port), certificate=certificate),
            destination=AttributeContext.Peer(address=_address("192.0.2.10", 8443)),
            request=AttributeContext.Request(http=http),
            context_extensions=dict(extensions or {}),
        )
    )
    request.attributes.request.time.seconds = int(AT)
    request.attributes.request.time.nanos = 250_000_000
    if sni is not None:
        request.attributes.tls_session.sni = sni
        request.attributes.tls_session.SetInParent()
    return request


def sanitised(value: bytes) -> str:
    """As Envoy writes bytes into a protobuf string: what is not UTF-8 becomes `!`."""
    return "".join(
        "!" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in value.decode("utf-8", "surrogateescape")
    )


def _address(address: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=address, port_value=port))
