# SPDX-License-Identifier: Apache-2.0
"""What Envoy told us about one request, decoded and no more.

extauthz.decode fills it; policy.authorizer reads it. Values are bytes as received (header bytes
survive); nothing is normalised or trusted here. Source: Envoy service.auth.v3.AttributeContext.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authz.certs.presented import ABSENT, Presented

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """One request as its CheckRequest described it.

    `host` is the Host or :authority value and `path` the request target with its query, both as
    sent to us. `headers` are `(lower-case name, value)` in order, pseudo headers left out.
    `source_address` is the client's address after `client_ip.trusted_hops`, `peer_address` the TCP
    peer; both textual, `""` when unknown. `sni` is None when Envoy did not say, `""` for TLS
    without SNI. `body_size` is -1 when unknown. Times are Unix seconds and nanoseconds.
    """

    method: bytes
    host: bytes
    path: bytes
    scheme: bytes = b"https"
    protocol: bytes = b"HTTP/1.1"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    headers_truncated: bool = False
    body: bytes = b""
    body_size: int = -1
    body_truncated: bool = False
    request_id: str = ""
    time_seconds: int = 0
    time_nanos: int = 0
    source_address: str = ""
    peer_address: str = ""
    peer_port: int = 0
    destination_address: str = ""
    destination_port: int = 0
    sni: str | None = None
    presented: Presented = ABSENT
    context_extensions: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
