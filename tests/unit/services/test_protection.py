# SPDX-License-Identifier: Apache-2.0
"""The expression that protects a host: it compiles, and it matches whom it should."""

from __future__ import annotations

import pytest

from authz.errors import InvalidInputError
from authz.policy.fields import scheme_for
from authz.rules import compile_expression, parse
from authz.services.protection import (
    left_open,
    protecting_expression,
    protecting_rule,
    with_free_ref,
)


def _blocks(hostname: str, paths: list[str], host: str, path: str, **facts: bool) -> bool:
    rule = compile_expression(parse(protecting_expression(hostname, paths), scheme_for(None)))
    return rule.matches(
        {
            "http.host": host.encode(),
            "http.request.uri.path": path.encode(),
            "cf.tls_client_auth.cert_verified": facts.get("verified", False),
            "cf.tls_client_auth.cert_revoked": facts.get("revoked", False),
        }
    )


@pytest.mark.parametrize(
    ("hostname", "paths", "host", "path", "blocked"),
    [
        ("a.example", [], "a.example", "/", True),
        ("a.example", [], "b.example", "/", False),
        ("*.example", [], "a.example", "/", True),
        ("*.example", [], "a.b.example", "/", True),
        ("*.example", [], "example", "/", False),
        ("*.example", [], "notexample", "/", False),
        ("a.example", ["/admin"], "a.example", "/admin", True),
        ("a.example", ["/admin"], "a.example", "/admin/x", False),
        ("a.example", ["/admin/*"], "a.example", "/admin/x", True),
        ("a.example", ["/admin/*"], "a.example", "/admin", False),
        ("a.example", ["/a", "/b/*"], "a.example", "/b/x", True),
        ("a.example", ["/a", "/b/*"], "a.example", "/a", True),
        ("a.example", ["/a", "/b/*"], "a.example", "/c", False),
        ("a.example", ["/a", "/*"], "a.example", "*", True),
        ("a.example", ['/"'], "a.example", '/"', True),
        ("a.example", ["/.well-known/x", "/.g*"], "a.example", "/.git", True),
    ],
)
def test_whom_it_blocks(
    hostname: str, paths: list[str], host: str, path: str, blocked: bool
) -> None:
    assert _blocks(hostname, paths, host, path) is blocked
    assert not _blocks(hostname, paths, host, path, verified=True)
    assert _blocks(hostname, paths, host, path, verified=True, revoked=True) is blocked


def test_as_cloudflare_writes_it() -> None:
    assert protecting_expression("a.example", ["/a", "/b"]) == (
        '(http.host eq "a.example" and http.request.uri.path in {"/a" "/b"} and '
        "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked))"
    )
    assert protecting_rule("a.example")["action"] == "block"


@pytest.mark.parametrize("path", ["admin", "", "/a*b", "/a?b", "/a\n"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidInputError, match="is no path to protect"):
        protecting_expression("a.example", [path])


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/../..", "/"),
        ("/./c", "/c"),
        ("/a/./*", "/a/*"),
        ("/../*", "/*"),
        ("//d", "/d"),
        ("/d//*", "/d/*"),
        ("/e%2fg", "/e/g"),
        ("/e%2E%2e/g", "/e../g"),
        ("/%2e%2e/g", "/g"),
        ("/h#i", "/h"),
        ("/h#*", "/h*"),
        ("/a;v=1/b;c", "/a/b"),
        ("/a\\b", "/a/b"),
        ("/a%20b", "/a b"),
    ],
)
def test_a_path_that_no_request_has_is_refused_and_the_right_one_named(
    path: str, instead: str
) -> None:
    with pytest.raises(InvalidInputError, match="servers read it as another one") as caught:
        protecting_expression("a.example", [path])
    assert f'"{instead}"' in str(caught.value.hint)
    assert protecting_expression("a.example", [instead])


@pytest.mark.parametrize("path", ["/a%252e", "/a%3fb", "/a%2ab", "/a%00"])
def test_a_path_for_which_there_is_no_other(path: str) -> None:
    with pytest.raises(InvalidInputError, match="servers read it as another one") as caught:
        protecting_expression("a.example", [path])
    assert str(caught.value.hint).startswith("write it without %, #, ;")


@pytest.mark.parametrize(
    ("paths", "missing"),
    [
        ([], []),
        (["/admin"], ["/admin/*"]),
        (["/admin/"], ["/admin/*"]),
        (["/admin/*"], ["/admin"]),
        (["/admin", "/admin/*"], []),
        (["/admin*"], []),
        (["/a", "/*"], []),
        (["/"], ["/*"]),
        (["/a/b/*", "/a/*", "/a"], []),
    ],
)
def test_what_is_left_open(paths: list[str], missing: list[str]) -> None:
    assert [add for _, add in left_open(paths)] == missing


def test_a_rule_has_a_name_that_logs_can_show_and_no_other_rule_has() -> None:
    rule = protecting_rule("a.example")
    long = protecting_rule("a." * 100 + "example")

    assert rule["ref"] == "protect-a.example"
    assert with_free_ref(rule, set())["ref"] == "protect-a.example"
    taken = {"protect-a.example", "protect-a.example-2"}
    assert with_free_ref(rule, taken)["ref"] == "protect-a.example-3"
    assert len(with_free_ref(long, {long["ref"]})["ref"]) == 100
