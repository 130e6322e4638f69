# SPDX-License-Identifier: Apache-2.0
"""Lines of access logs as the requests that they tell of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authz.errors import InvalidInputError
from authz.services.simulation_access_log import read_access_log
from tests.factories.pki import AT

_OURS = {
    "time": "2026-03-01T12:00:00.250Z",
    "client": "198.51.100.7",
    "sni": "api.example.com",
    "protocol": "HTTP/2",
    "method": "POST",
    "host": "api.example.com",
    "path": "/orders?id=7",
    "route": "default",
    "status": 403,
    "request_id": "4f4d0f0e",
    "fingerprint": "ab" * 32,
    "failure": None,
}
_ENVOY = (
    '[2026-03-01T12:00:00.250Z] "GET /a?b=c HTTP/1.1" 200 - 0 57 3 2 "198.51.100.7" '
    '"curl/8.9.1" "4f4d0f0e" "api.example.com" "10.0.0.1:80"'
)
_ISTIO = (
    '[2026-03-01T12:00:00.250Z] "GET /a?b=c HTTP/2" 403 UAEX ext_authz_denied - "-" 0 13 1 - '
    '"10.9.9.9, 198.51.100.7" "Mozilla/5.0 (X11; x)" "4f4d0f0e" "api.example.com" "-" '
    "outbound|80||svc - 10.1.1.1:8443 198.51.100.7:41234 api.example.com -"
)


def _json(**changes: Any) -> str:
    return json.dumps({**_OURS, **changes})


def test_our_own_log_says_who_and_with_which_certificate() -> None:
    found = read_access_log(_json())

    assert (found.method, found.host, found.path) == ("POST", "api.example.com", "/orders?id=7")
    assert (found.protocol, found.sni, found.source_address) == (
        "HTTP/2",
        "api.example.com",
        "198.51.100.7",
    )
    assert (found.fingerprint, found.time) == ("ab" * 32, AT + 0.25)
    assert any("other headers and its body are missing" in one for one in found.notes)


def test_envoy_s_default_text() -> None:
    found = read_access_log(_ENVOY)

    assert (found.method, found.host, found.path) == ("GET", "api.example.com", "/a?b=c")
    assert (found.protocol, found.source_address, found.sni) == ("HTTP/1.1", "198.51.100.7", None)
    assert found.headers == (("user-agent", "curl/8.9.1"),)
    assert any("choose one beside" in one for one in found.notes)


def test_istio_s_default_text() -> None:
    found = read_access_log(_ISTIO)

    assert (found.source_address, found.source_port) == ("198.51.100.7", 41234)
    assert found.sni == "api.example.com"
    assert found.headers == (
        ("user-agent", "Mozilla/5.0 (X11; x)"),
        ("x-forwarded-for", "10.9.9.9"),
    )


def test_istio_s_json() -> None:
    found = read_access_log(
        json.dumps(
            {
                "authority": "api.example.com",
                "path": "/x",
                "method": "GET",
                "protocol": "HTTP/3",
                "user_agent": "x/1",
                "downstream_remote_address": "[2001:db8::1]:4711",
                "requested_server_name": "api.example.com",
                "start_time": "2026-03-01T12:00:00Z",
                "x_forwarded_for": "2001:db8::1",
                "response_flags": "-",
            },
            indent=2,
        )
    )

    assert (found.host, found.protocol, found.time) == ("api.example.com", "HTTP/3", AT)
    assert (found.source_address, found.source_port) == ("2001:db8::1", 4711)
    assert found.headers == (("user-agent", "x/1"),)


def test_of_several_lines_the_first_counts() -> None:
    found = read_access_log(f"{_json()}\n{_json(path='/second')}\n")

    assert found.path == "/orders?id=7"
    assert "Only the first line counts." in found.notes


@pytest.mark.parametrize(
    ("changes", "what", "value"),
    [
        ({"fingerprint": None}, "fingerprint", ""),
        ({"fingerprint": "-"}, "fingerprint", ""),
        ({"fingerprint": "AB:" * 31 + "AB"}, "fingerprint", "ab" * 32),
        ({"fingerprint": "ab"}, "fingerprint", ""),
        ({"time": "yesterday"}, "time", None),
        ({"time": "2026-03-01T12:00:00"}, "time", None),
        ({"protocol": "HTTP/9"}, "protocol", None),
        ({"client": "198.51.100.7:80"}, "source_port", 80),
        ({"client": "198.51.100.7:²"}, "source_port", None),
        ({"client": "2001:db8::1"}, "source_address", "2001:db8::1"),
        ({"client": None}, "source_address", None),
        ({"method": None}, "method", "GET"),
    ],
)
def test_what_a_log_says_differently_or_not(
    changes: dict[str, Any], what: str, value: object
) -> None:
    assert getattr(read_access_log(_json(**changes)), what) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line of an access log"),
        ("[2026] GET /", "no line of an access log"),
        ('[2026] "GET / HTTP/1.1" 200', "no line of an access log"),
        ("{", "is not JSON"),
        ("{" * 100_000, "is not JSON"),
        ("{}\n", "does not say the host and the path"),
        (_json(host=None), "does not say the host"),
        (_json(path="-"), "does not say the path"),
        (_json(host=7), '"host" of the log is'),
        (_json(path="x" * 300_000), "are possible here"),
    ],
)
def test_what_is_no_line_says_what_to_do(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read_access_log(text)

    assert message in raised.value.message
    assert raised.value.hint
