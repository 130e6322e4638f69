# SPDX-License-Identifier: Apache-2.0
"""Hosts: how a spelling is read, and which site it leads to (architecture 4.6)."""

from __future__ import annotations

import pytest

from authz.errors import PolicyError
from authz.policy.hosts import HostTable, normalise_host


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"api.example.com", "api.example.com"),
        (b"API.Example.COM", "api.example.com"),
        (b"api.example.com:443", "api.example.com"),
        (b"api.example.com:0443", "api.example.com"),
        (b"api.example.com.", "api.example.com"),
        (b"api.example.com.:8443", "api.example.com"),
        (b"192.0.2.1:80", "192.0.2.1"),
        (b"[2001:DB8::1]:443", "[2001:db8::1]"),
        (b"[2001:db8:0:0::1]", "[2001:db8::1]"),
        ("bücher.example".encode(), "xn--bcher-kva.example"),
        (b"xn--BCHER-kva.example", "xn--bcher-kva.example"),
        (b"under_score.example", "under_score.example"),
    ],
)
def test_a_host_has_one_canonical_name(sent: bytes, name: str) -> None:
    assert normalise_host(sent) == name


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b".",
        b"a,b",
        b"api.example.com,evil.example",
        b"user@api.example.com",
        b"api.example.com:443:443",
        b"api.example.com:x",
        b"api.example.com..",
        b"api..example.com",
        b".example.com",
        b"api.example.com:443.",
        b"api example.com",
        b"api.example.com\x00",
        b"api.example.com\n",
        b"api.example.com/path",
        b"[::1",
        b"::1",
        b"[::1%25eth0]",
        b"[192.0.2.1]",
        b"*",
        b"*.example.com",
        b"\xff\xfe",
        b"a" * 64 + b".example",
        b".".join([b"a" * 60] * 5),
    ],
)
def test_junk_is_no_host(sent: bytes) -> None:
    assert normalise_host(sent) is None


def _table(*patterns: str) -> HostTable[str]:
    table: HostTable[str] = HostTable()
    for pattern in patterns:
        table.add(pattern, pattern)
    return table


@pytest.mark.parametrize(
    ("host", "pattern"),
    [
        (b"api.example.com", "api.example.com"),
        (b"API.example.com.:443", "api.example.com"),
        (b"x.example.com", "*.example.com"),
        (b"a.b.example.com", "*.b.example.com"),
        (b"z.y.b.example.com", "*.b.example.com"),
        (b"b.example.com", "*.example.com"),
        (b"example.com", "*"),
        (b"other.test", "*"),
        (b"192.0.2.1", "*"),
    ],
)
def test_exact_beats_wildcard_and_the_longest_suffix_wins(host: bytes, pattern: str) -> None:
    table = _table("*", "*.example.com", "*.b.example.com", "api.example.com")

    assert table.find(host) == pattern
    assert table.find(host) == pattern  # and remembered
    assert table.pattern_of(host) == pattern


@pytest.mark.parametrize("host", [b"a,b", b"", b"[::1", b"user@api.example.com"])
def test_what_is_no_host_has_no_pattern(host: bytes) -> None:
    assert _table("*", "api.example.com").pattern_of(host) is None


def test_without_a_catch_all_an_unknown_host_has_no_site() -> None:
    table = _table("api.example.com", "*.example.com")

    assert table.find(b"example.com") is None
    assert table.find(b"api.example.com.evil.test") is None


def test_two_host_headers_never_reach_the_catch_all() -> None:
    assert _table("*").find(b"a.example,b.example") is None


def test_a_spelling_that_envoy_routes_elsewhere_is_unknown() -> None:
    """Envoy compares text: the long form of an address goes to its catch-all."""
    table = _table("*", "[2001:db8::1]", "xn--bcher-kva.example")

    assert table.find(b"[2001:db8::1]") == "[2001:db8::1]"
    assert table.find(b"[2001:db8:0:0:0:0:0:1]") is None
    assert table.find("bücher.example".encode()) is None


def test_a_spelling_that_leads_to_the_same_site_either_way_is_accepted() -> None:
    assert _table("*").find(b"[2001:db8:0:0:0:0:0:1]") == "*"


@pytest.mark.parametrize(
    "pattern", ["", "a:443", "a b", "*.", "*.[::1]", "**.a", "a.*", "http://a"]
)
def test_a_pattern_that_is_no_host_is_refused_with_a_hint(pattern: str) -> None:
    with pytest.raises(PolicyError) as caught:
        _table(pattern)

    assert caught.value.hint is not None


@pytest.mark.parametrize("pattern", ["*", "*.a.test", "a.test"])
def test_two_sites_cannot_answer_for_one_host(pattern: str) -> None:
    with pytest.raises(PolicyError, match="two sites"):
        _table(pattern, pattern.upper())


def test_a_pattern_may_be_written_as_an_internationalised_name() -> None:
    assert _table("bücher.example").find(b"xn--bcher-kva.example:443") == "bücher.example"


def test_remembering_hosts_is_bounded() -> None:
    table = _table("*.example.com")

    for number in range(10_000):
        assert table.find(b"h%d.example.com" % number) == "*.example.com"

    assert len(table._remembered) <= 4096
