# SPDX-License-Identifier: Apache-2.0
"""Under which names the API answers."""

from __future__ import annotations

import pytest

from authz.api.hosts import Hosts


@pytest.mark.parametrize(
    "header",
    [
        *("localhost", "localhost:8080", "LOCALHOST.:8080", "127.0.0.1", "127.0.0.1:8080"),
        *("127.8.9.1:80", "[::1]", "[::1]:8080", "::1", "authz.example.com:8080"),
    ],
)
def test_on_loopback_this_machine_and_what_was_configured(header: str) -> None:
    assert Hosts(["authz.example.com"], local=True).accepts(header)


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1"),
        *("localhost.evil.example", "localhost:80@evil.example", "[::2]:8080", "0.0.0.0"),
    ],
)
def test_on_loopback_nobody_elses_name(header: str | None) -> None:
    assert not Hosts(local=True).accepts(header)


def test_beyond_loopback_any_name_unless_some_were_configured() -> None:
    assert Hosts(local=False).accepts("any.example")
    assert Hosts(local=False).accepts(None)

    configured = Hosts(["Authz.example.com", "[2001:db8::1]"], local=False)
    assert configured.accepts("authz.example.com:443")
    assert configured.accepts("[2001:db8::1]:443")
    assert configured.accepts("10.0.0.1:443"), "an address is nobody's to redirect"
    assert not configured.accepts("evil.example")
    assert not configured.accepts("localhost")
    assert not configured.accepts(None)
