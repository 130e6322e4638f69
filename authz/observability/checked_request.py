# SPDX-License-Identifier: Apache-2.0
"""What a log line or a span says of a request, read after its check (extauthz.reading).

Data only, and unlike RequestFacts nothing that a decision depends on.
"""

from __future__ import annotations

from typing import NamedTuple


class CheckedRequest(NamedTuple):
    """A request as it was asked about, nothing left out yet.

    `headers` are in order with lower-case names; `client_ip` is after the trusted hops; `sni` is
    `""` when there was none or nobody said.
    """

    method: bytes = b""
    host: bytes = b""
    path: bytes = b""
    protocol: bytes = b""
    sni: str = ""
    client_ip: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def header(self, name: bytes) -> bytes:
        """The values of a header, joined with ", "; `b""` when there is none."""
        return b", ".join(value for known, value in self.headers if known == name)


#: Of a request that nobody could read, or whose bytes were not kept.
NOTHING = CheckedRequest()
