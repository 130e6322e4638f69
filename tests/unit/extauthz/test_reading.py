# SPDX-License-Identifier: Apache-2.0
"""What log lines and spans are told of a request is what its check read."""

from __future__ import annotations

import pytest

from authz.extauthz.decode import DecodeOptions, Undecodable
from authz.extauthz.reading import read_request
from tests.factories.checks import HEADERS, check_request

OPTIONS = DecodeOptions()


@pytest.mark.parametrize("raw", [True, False])
def test_a_request_is_read(raw: bool) -> None:
    request = check_request(
        method="POST", path="/orders?id=7", raw=raw, headers=(*HEADERS, ("X-Twice", "a"))
    )
    found = read_request(request.SerializeToString(), OPTIONS)

    assert (found.method, found.host, found.path) == (b"POST", b"api.example.com", b"/orders?id=7")
    assert (found.protocol, found.sni) == (b"HTTP/2", "api.example.com")
    assert found.client_ip == "198.51.100.7"
    assert found.header(b"x-request-id") == b"4f4d0f0e-54a5-4d5e-9c4b-2f6f4f6a2b10"
    assert found.header(b"x-twice") == b"a"
    assert found.header(b"cookie") == b""


def test_a_header_that_is_there_twice_is_one_text() -> None:
    request = check_request(headers=[("a", "1"), ("b", "x"), ("a", "2")])

    assert read_request(request.SerializeToString(), OPTIONS).header(b"a") == b"1, 2"


def test_the_address_is_that_of_whoever_stands_behind_the_trusted_hops() -> None:
    data = check_request(address="192.0.2.1").SerializeToString()

    assert read_request(data, OPTIONS).client_ip == "192.0.2.1"
    behind = DecodeOptions(client_ip_trusted_hops=1)
    headers = [("x-forwarded-for", "203.0.113.9, 198.51.100.7")]
    data = check_request(address="192.0.2.1", headers=headers).SerializeToString()
    assert read_request(data, behind).client_ip == "203.0.113.9"


def test_a_name_that_was_not_sent_is_empty() -> None:
    assert read_request(check_request(sni=None).SerializeToString(), OPTIONS).sni == ""


@pytest.mark.parametrize("data", [b"\xff", b""])
def test_what_is_no_request_is_not_read(data: bytes) -> None:
    with pytest.raises(Undecodable):
        read_request(data, OPTIONS)
