# SPDX-License-Identifier: Apache-2.0
"""The client's address when other proxies stand in front of this Envoy.

Counts `x-forwarded-for` as Envoy's xff_num_trusted_hops does. Does not decide how many hops are
trusted: that is `client_ip.trusted_hops`, and 0 never comes here (the TCP peer counts then).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def client_address(peer: str, headers: Iterable[tuple[bytes, bytes]], hops: int) -> str:
    """The address that the `hops`-th trusted proxy in front of this Envoy saw.

    Envoy: with N trusted hops the client is the (N+1)th address from the right of the header as
    the filters see it, both when Envoy appended the peer itself (use_remote_address) and when it
    did not; a header with fewer addresses means the connection's own peer. Whatever stands further
    left is the client's own claim and is not looked at. `""` when the entry is no address.
    """
    entries = b",".join(value for name, value in headers if name == b"x-forwarded-for").split(b",")
    if len(entries) <= hops:
        return peer
    return _textual(entries[-1 - hops].strip(b" \t"))


def _textual(entry: bytes) -> str:
    """The address of one entry; a port behind it is dropped (some load balancers write one)."""
    try:
        text = entry.decode("ascii")
        if text.startswith("["):
            text, bracket, port = text[1:].partition("]")
            if not bracket or (port and not (port[0] == ":" and port[1:].isdigit())):
                return ""
        elif text.count(":") == 1:
            text, _, port = text.partition(":")
            if not port.isdigit():
                return ""
        address = ip_address(text)
    except ValueError:
        return ""
    # A zone (fe80::1%eth0) names an interface of another machine.
    return "" if "%" in text else str(address)
