# SPDX-License-Identifier: Apache-2.0
"""CheckRequest bytes as a log line or a span tells of them (observability.checked_request).

Off the check path, on the thread that writes. Reads what the check itself reads, by the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.extauthz.decode import decode
from authz.observability.checked_request import CheckedRequest

if TYPE_CHECKING:
    from authz.extauthz.decode import DecodeOptions


def read_request(data: bytes, options: DecodeOptions) -> CheckedRequest:
    """The request of a serialised CheckRequest.

    Raises:
        Undecodable: it is none.
    """
    found = decode(data, options)
    return CheckedRequest(
        method=found.method,
        host=found.host,
        path=found.path,
        protocol=found.protocol,
        sni=found.sni or "",
        client_ip=found.source_address,
        headers=found.headers,
    )
