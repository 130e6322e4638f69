# SPDX-License-Identifier: Apache-2.0
"""x-forwarded-for, counted as Envoy counts its trusted hops."""

from __future__ import annotations

import pytest

from authz.extauthz.client_address import client_address

PEER = "192.0.2.1"


def address(hops: int, *lines: str) -> str:
    return client_address(PEER, [(b"x-forwarded-for", line.encode()) for line in lines], hops)


@pytest.mark.parametrize(
    ("hops", "header", "expected"),
    [
        # Envoy appended the peer (use_remote_address): one proxy in front saw 203.0.113.9.
        (1, "203.0.113.9, 192.0.2.1", "203.0.113.9"),
        (2, "203.0.113.9, 198.51.100.1, 192.0.2.1", "203.0.113.9"),
        # What the client wrote itself stands further left.
        (1, "10.0.0.1, 203.0.113.9, 192.0.2.1", "203.0.113.9"),
        (1, "junk, 203.0.113.9, 192.0.2.1", "203.0.113.9"),
        # Fewer addresses than hops: the connection did not come through the proxies.
        (1, "192.0.2.1", PEER),
        (3, "203.0.113.9, 192.0.2.1", PEER),
        # IPv6 and the ways load balancers write a port.
        (1, "2001:DB8::1, 192.0.2.1", "2001:db8::1"),
        (1, "[2001:db8::1], 192.0.2.1", "2001:db8::1"),
        (1, "[2001:db8::1]:4711, 192.0.2.1", "2001:db8::1"),
        (1, "203.0.113.9:4711, 192.0.2.1", "203.0.113.9"),
        (1, " \t203.0.113.9\t , 192.0.2.1", "203.0.113.9"),
    ],
)
def test_the_client_is_the_address_the_trusted_proxy_saw(
    hops: int, header: str, expected: str
) -> None:
    assert address(hops, header) == expected


@pytest.mark.parametrize(
    "entry",
    [
        "unknown",
        "",
        "203.0.113.9:",
        "203.0.113.9:http",
        "203.0.113.999",
        "0203.0.113.9",
        "[2001:db8::1",
        "[2001:db8::1]4711",
        "[2001:db8::1]:x",
        "fe80::1%eth0",
        "203.0.113.9 203.0.113.8",
        "_hidden",
    ],
)
def test_an_entry_that_is_no_address_is_an_unknown_client(entry: str) -> None:
    assert address(1, f"{entry}, 192.0.2.1") == ""


def test_bytes_beyond_ascii_are_an_unknown_client() -> None:
    headers = [(b"x-forwarded-for", "\u0661.2.3.4, 192.0.2.1".encode())]

    assert client_address(PEER, headers, 1) == ""


def test_several_header_lines_are_one_list_in_order() -> None:
    assert address(1, "10.0.0.1", "203.0.113.9", "192.0.2.1") == "203.0.113.9"


def test_without_the_header_the_client_is_the_peer() -> None:
    assert client_address(PEER, [(b"accept", b"*/*")], 1) == PEER
