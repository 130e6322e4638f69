# SPDX-License-Identifier: Apache-2.0
"""An example of a request that is blocked is one."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from authz.services.hosts import add_host
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.rulesets import append_rule

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

_BAD = "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"


def _rule(visitor: Visitor, expression: str, action: str = "block", ref: str = "r") -> None:
    rule: dict[str, object] = {"ref": ref, "expression": expression, "action": action}
    if action == "skip":
        rule["action_parameters"] = {"ruleset": "current"}
    append_rule(visitor.bench.store, "default", rule, actor="t", at=visitor.bench.now)


def _host(visitor: Visitor, hostname: str) -> None:
    if hostname.startswith("api"):
        visitor.bench.world.ca()
    add_host(visitor.bench.store, hostname, authority="Acme", actor="t", at=visitor.bench.now)


def _asked(visitor: Visitor) -> list[str]:
    page = html.unescape(visitor.get("/zones/{zone}/start"))
    return re.findall(r"curl[^<\"]* https://([^\s<\"]+)</code>", page)


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        (f'({_BAD} and http.request.uri.path in {{"/admin" "/b"}})', "/admin"),
        (f'({_BAD} and starts_with(http.request.uri.path, "/admin/"))', "/admin/"),
        (f'({_BAD} and http.request.uri.path wildcard "/api/*")', "/api/"),
        # What is said of /health is that it is open.
        (f'({_BAD} and http.request.uri.path ne "/health")', "/"),
        (f'({_BAD} and http.request.uri.path in {{"/a b" "//c" "/../d" "/e"}})', "/e"),
        (_BAD, "/"),
    ],
)
def test_it_is_a_path_that_the_rule_protects(visitor: Visitor, expression: str, path: str) -> None:
    _host(visitor, "api.example.com")
    _rule(visitor, expression)

    assert _asked(visitor) == [f"api.example.com:8443{path}"] * 2
    page = visitor.get("/zones/{zone}/start")
    assert f"Without a certificate, <code>{path}</code> answers 403:" in page


def test_it_is_of_a_host_that_is_protected(visitor: Visitor) -> None:
    _host(visitor, "api.example.com")
    _host(visitor, "*.shop.test")
    _rule(visitor, f'({_BAD} and http.host eq "www.shop.test")')

    assert _asked(visitor) == ["www.shop.test:8443/"] * 2


def test_nothing_is_said_to_be_blocked_that_is_not(visitor: Visitor) -> None:
    _host(visitor, "api.example.com")
    assert "As soon as a rule protects it" in visitor.get("/zones/{zone}/start")

    _rule(visitor, "true", action="skip", ref="open")
    _rule(visitor, f'({_BAD} and http.request.uri.path eq "/admin")')

    assert "As soon as a rule protects it" in visitor.get("/zones/{zone}/start")
    assert _asked(visitor) == ["api.example.com:8443/"] * 2


def test_paths_of_rules_are_for_those_who_may_read_rules(visitor: Visitor) -> None:
    _host(visitor, "api.example.com")
    _rule(visitor, f'({_BAD} and http.request.uri.path eq "/secret")')
    grants = [
        Grant(resource=one, level=Level.READ, place=EVERY_ZONE)
        for one in (Resource.ZONES, Resource.CERTIFICATES)
    ]

    other = visitor.with_grants(grants)

    assert _asked(other) == ["api.example.com:8443/"] * 2
    assert "/secret" not in other.get("/zones/{zone}/start")


def test_what_a_list_has_is_told_only_to_those_who_may_read_lists(visitor: Visitor) -> None:
    # What is refused is no example, and no error of the page.
    _host(visitor, "api.example.com")
    visitor.post("/lists", {"name": "office", "kind": "ip"})
    _rule(visitor, f"({_BAD} and not ip.src in $office)")
    grants = [
        Grant(resource=one, level=Level.READ, place=EVERY_ZONE)
        for one in (Resource.ZONES, Resource.CERTIFICATES, Resource.RULES)
    ]
    lists = Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)

    page = visitor.with_grants(grants).get("/zones/{zone}/start")
    assert "As soon as a rule protects it" in page
    page = visitor.with_grants([*grants, lists], "lists").get("/zones/{zone}/start")
    assert "Without a certificate" in page
