# SPDX-License-Identifier: Apache-2.0
"""What Envoy's shipped listener does to a request before it asks about it."""

from __future__ import annotations

from typing import Any

import pytest

from authz.errors import InvalidInputError
from authz.extauthz.decode import DecodeOptions, decode
from authz.services.simulated_listener import (
    MAX_BODY,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_PATH,
    Heard,
    through_listener,
)
from authz.services.simulated_request import SimulatedRequest, check_request
from tests.factories.pki import AT


def _heard(*, trusted_hops: int = 0, forwards_bodies: bool = False, **changes: Any) -> Heard:
    request = SimulatedRequest(**{"host": "h.test", "time": AT, "request_id": "7", **changes})
    return through_listener(request, trusted_hops=trusted_hops, forwards_bodies=forwards_bodies)


def test_envoy_adds_its_own_headers_and_believes_no_copy_of_them() -> None:
    heard = _heard(
        headers=(
            ("X-Request-Id", "forged"),
            ("x-forwarded-proto", "http"),
            ("x-envoy-auth-partial-body", "false"),
            ("x-envoy-external-address", "10.0.0.1"),
            ("Connection", "close"),
            ("Host", "other"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("x-a", " b\t"),
        )
    )

    assert heard.request.headers == (
        ("x-a", "b"),
        ("x-forwarded-for", "10.0.0.1,192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "7"),
        ("x-envoy-external-address", "192.0.2.1"),
    )


@pytest.mark.parametrize("hops", [0, 1, 3])
def test_the_client_s_address_is_found_behind_proxies(hops: int) -> None:
    options = DecodeOptions(client_ip_trusted_hops=hops)
    heard = _heard(
        trusted_hops=hops,
        source_address="198.51.100.7",
        headers=(("x-forwarded-for", "10.0.0.1"),),
    )

    facts = decode(check_request(heard.request, options), options)

    assert facts.source_address == "198.51.100.7"


def test_a_body_is_forwarded_where_envoy_is_set_up_so() -> None:
    forwarded = _heard(forwards_bodies=True, method="POST", body=b"a=1").request
    kept = _heard(method="POST", body=b"a=1")

    facts = decode(check_request(forwarded, DecodeOptions()), DecodeOptions())
    unknown = decode(check_request(kept.request, DecodeOptions()), DecodeOptions())

    assert (facts.body, facts.body_size, facts.body_truncated) == (b"a=1", 3, False)
    assert (unknown.body, unknown.body_size, unknown.body_truncated) == (b"", 3, True)
    assert any("does not forward bodies" in one for one in kept.notes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": "/a/../b"}, "normalises paths"),
        ({"path": "/a%2fb"}, "escaped slash"),
        ({"headers": (("x-forwarded-client-cert", "x"),)}, "x-forwarded-client-cert was left out"),
        ({"headers": (("x_a", "x"),)}, "underscores"),
    ],
)
def test_what_other_listeners_do_otherwise_is_told(changes: dict[str, Any], said: str) -> None:
    assert any(said in note for note in _heard(**changes).notes)


def test_an_ordinary_request_needs_no_note() -> None:
    assert _heard(path="/a/b?c=/../d%2f", headers=(("x-a", "b"),)).notes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": ""}, "no host"),
        ({"host": "a b"}, "the host has blanks"),
        ({"host": "a" * 2000}, "too long"),
        ({"method": "GE T"}, "is no method"),
        ({"method": ""}, "is no method"),
        ({"path": "a"}, "does not begin with a slash"),
        ({"path": "*"}, "does not begin with a slash"),
        ({"path": "/a b"}, "the path has blanks"),
        ({"path": "/\n"}, "the path has blanks"),
        ({"path": "/" * (MAX_PATH + 1)}, "16,384 are possible"),
        ({"scheme": "ftp"}, "is no scheme"),
        ({"protocol": "HTTP/9"}, "is no version"),
        ({"headers": (("a b", "c"),)}, "is no name of a header"),
        ({"headers": ((":path", "c"),)}, "is no name of a header"),
        ({"headers": (("a", "b\nc"),)}, "has a line break"),
        ({"headers": (("a", ""),) * (MAX_HEADERS + 1)}, "100 are possible"),
        ({"headers": (("a", "b" * MAX_HEADER_BYTES),)}, "the headers have more"),
        ({"body": b"a" * (MAX_BODY + 1)}, "1,048,576 are possible"),
        ({"source_address": "localhost"}, "is no IP address"),
        ({"source_port": 70_000}, "is no port"),
    ],
)
def test_what_no_client_can_send_says_what_to_do(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        _heard(**changes)

    assert message in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    "changes", [{"path": "*", "method": "OPTIONS"}, {"path": "", "method": "CONNECT"}]
)
def test_the_targets_without_a_slash(changes: dict[str, Any]) -> None:
    assert _heard(**changes).request.path == changes["path"]
