# SPDX-License-Identifier: Apache-2.0
"""How long the body of a request is, and whether we were given all of it.

Works from the method, the lengths and the headers about the body; does not look at the body itself.
Source: Envoy ext_authz, with_request_body; measured on Envoy 1.40.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Headers that say how much of the body there is, next to what was forwarded of it.
BODY_HEADERS: Final = frozenset((b"content-length", b"x-envoy-auth-partial-body"))
#: RFC 9110 9.3: methods whose requests usually have no content.
_WITHOUT_BODY: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE", b"CONNECT"))


def body_extent(
    method: bytes, seen: int, received: int, headers: Mapping[bytes, bytes]
) -> tuple[int, bool]:
    """The body's size (-1 unknown) and whether `seen` bytes of it are less than all.

    Envoy drops a client's own x-envoy-auth-partial-body. The flag alone is not believed when it
    says "whole": it was wrong for bodies longer than the limit before now, so a content-length
    beyond what we have counts as cut short.
    """
    flag = headers.get(b"x-envoy-auth-partial-body")
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and len(declared) < 19:
        size = int(declared)
    elif flag == b"false":
        size = seen
    else:
        size = received if not declared and received > seen else -1
    if flag is not None:
        if flag == b"false":
            return size, size > seen
        # Cut short. Without content-length what Envoy counted so far is no size either.
        return (size if declared else -1), True
    if size >= 0 or declared:
        # A length that is no number says that there is a body, and not how long it is.
        return size, size > seen or size < 0
    if seen:
        return seen, False
    # No flag and no length. Envoy forwards no body without with_request_body, and a body that is
    # streamed (chunked, or HTTP/2 without content-length) then looks like none: Envoy has taken
    # transfer-encoding off. Only methods that usually have none get the benefit of the doubt.
    if method not in _WITHOUT_BODY:
        return -1, True
    return max(received, 0), False
