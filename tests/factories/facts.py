# SPDX-License-Identifier: Apache-2.0
"""Request facts given outright, for tests of what comes after decoding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authz.certs.presented import ABSENT, Presented

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What policy.facts.RequestFacts asks for, as plain values."""

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

    @property
    def size(self) -> int:
        """As long as the texts are, at least."""
        text = len(self.path) + len(self.host) + len(self.body)
        return text + sum(len(name) + len(value) + 6 for name, value in self.headers)

    @property
    def credential(self) -> Hashable | None:
        """The presented certificate, None without one."""
        return None if self.presented.is_absent else self.presented
