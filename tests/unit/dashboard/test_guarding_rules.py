# SPDX-License-Identifier: Apache-2.0
"""Which rules look as if they kept requests without a certificate away from a host."""

from __future__ import annotations

from typing import Any

import pytest

from authz.dashboard.guarding_rules import blind_to_revocation, guarding, named
from authz.services.protection import protecting_rule

BARE = "not cf.tls_client_auth.cert_verified"


def _rule(expression: str, **changes: Any) -> dict[str, Any]:
    return {"expression": expression, "action": "block", "enabled": True, **changes}


@pytest.mark.parametrize(
    ("expression", "hostname", "is_meant"),
    [
        (protecting_rule("api.example.com")["expression"], "api.example.com", True),
        (protecting_rule("api.example.com", ["/a"])["expression"], "api.example.com", True),
        (protecting_rule("*.example.com")["expression"], "*.example.com", True),
        (protecting_rule("*.example.com")["expression"], "api.example.com", True),
        (protecting_rule("api.example.com")["expression"], "b.example.com", False),
        (protecting_rule("api.example.com")["expression"], "xapi.example.com", False),
        (BARE, "api.example.com", True),
        (f'{BARE} and http.request.uri.path eq "/a"', "api.example.com", True),
        (f'http.host in {{"a.example" "b.example"}} and {BARE}', "b.example", True),
        (f'http.host in {{"a.example" "b.example"}} and {BARE}', "c.example", False),
        (f'ends_with(http.host, ".example") and {BARE}', "a.b.example", True),
        (f'ends_with(http.host, ".example") and {BARE}', "example", False),
        (f'http.host eq "a.b.example" and {BARE}', "*.b.example", False),
        (f'http.host contains "b.ex" and {BARE}', "a.b.example", True),
        (f'lower(http.host) wildcard "*.b.example" and {BARE}', "a.b.example", True),
        (f'starts_with(http.host, "a.") and {BARE}', "a.b.example", True),
        ('http.host eq "a.example"', "a.example", False),
        ('authz.cert.spki_sha256 ne "00"', "a.example", True),
    ],
)
def test_a_rule_is_about_a_host_that_it_names_or_about_every_host(
    expression: str, hostname: str, is_meant: bool
) -> None:
    rule = _rule(expression)

    assert guarding([rule], hostname) == ([rule] if is_meant else [])


@pytest.mark.parametrize("changes", [{"action": "log"}, {"enabled": False}, {"action": "skip"}])
def test_what_does_not_block_guards_nothing(changes: dict[str, Any]) -> None:
    rule = _rule(BARE, **changes)

    assert guarding([rule], "a.example") == []
    assert blind_to_revocation([rule]) == []


def test_a_rule_that_asks_for_verified_alone_lets_revoked_ones_in() -> None:
    blind, safe = _rule(BARE), _rule(protecting_rule("a.example")["expression"])

    assert blind_to_revocation([blind, safe, _rule("ip.src eq 192.0.2.1")]) == [blind]


def test_what_people_call_a_rule() -> None:
    assert named({"id": "1", "ref": "r", "description": "Admin"}) == "Admin"
    assert named({"id": "1", "ref": "r", "description": ""}) == "r"
    assert named({"id": "1"}) == "1"
