# SPDX-License-Identifier: Apache-2.0
"""What is found in a text that somebody pasted to describe a request.

The readers are simulation_curl, simulation_access_log and simulation_check_request; which of them a
text is for is simulation_paste. None of them runs, fetches or opens anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authz.services.simulated_request import Headers


class Kind(StrEnum):
    """What a text is."""

    CURL = "curl"
    ACCESS_LOG = "access_log"
    CHECK_REQUEST = "check_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """A request as a text describes it; what it does not say is None.

    Args:
        sni: `""` for TLS without a server name.
        fingerprint: SHA-256 of the client certificate, lower-case hex, where a log has it.
        pem: the client certificate itself.
        time: Unix seconds.
        notes: what of the text does not count, and what that means; sentences.
        data: of a CheckRequest, the whole of it, serialised: the other parts are only to look at.
    """

    kind: Kind
    host: str
    method: str = "GET"
    path: str = "/"
    scheme: str = "https"
    protocol: str | None = None
    headers: Headers = ()
    body: bytes = b""
    source_address: str | None = None
    source_port: int | None = None
    sni: str | None = None
    fingerprint: str = ""
    pem: str = ""
    time: float | None = None
    notes: tuple[str, ...] = ()
    data: bytes | None = None
