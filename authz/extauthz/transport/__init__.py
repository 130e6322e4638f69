# SPDX-License-Identifier: Apache-2.0
"""Two ways to carry `check(bytes) -> bytes` over gRPC, and the choice between them.

`native` (pygrpc-native: HTTP/2 in Rust, no TLS) for listeners that only this machine reaches,
`grpcio` for everything else (ADR-0010). Neither knows what a check means.
"""

from __future__ import annotations

from authz.extauthz.transport.base import (
    CHECK,
    TlsFiles,
    Transport,
    TransportKind,
    TransportOptions,
)
from authz.extauthz.transport.choose import open_transport

__all__ = [
    "CHECK",
    "TlsFiles",
    "Transport",
    "TransportKind",
    "TransportOptions",
    "open_transport",
]
