# SPDX-License-Identifier: Apache-2.0
"""Texts that no host has, and what was meant by them."""

from __future__ import annotations

import pytest

from authz.rules.lint_fault import Place
from authz.rules.lint_hosts import host_fault, pattern_fault


@pytest.mark.parametrize(
    ("text", "fixed", "why"),
    [
        ("a.example:8443", "a.example", "port"),
        ("[2001:db8::1]:8443", "[2001:db8::1]", "port"),
        ("https://a.example", "a.example", "scheme"),
        ("//a.example", "a.example", "scheme"),
        ("HTTPS://A.example:8443/x?y", "a.example", "scheme"),
        ("a.example/", "a.example", "path"),
        ("a.example?x", "a.example", "path"),
        ("u:p@a.example", "a.example", "user"),
        ("a.example.", "a.example", "dot at its end"),
        ("A.Example", "a.example", "lower case"),
        ("bücher.example", "xn--bcher-kva.example", "A-labels"),
        ("2001:db8:0::1", "[2001:db8::1]", "IPv6"),
        ("[2001:DB8::1]", "[2001:db8::1]", "IPv6"),
        (" a.example ", "a.example", "no host name"),
        ("a..example", None, "no host name"),
        ("a b", None, "no host name"),
        ("a" * 64, None, "no host name"),
        (".".join(["a" * 63] * 4), None, "no host name"),
        ("[fe80::1%eth0]", None, "no host name"),
        ("[g]:80", None, "port"),
        ("ü" * 80, None, "A-labels"),
        ("https://", None, "scheme"),
        ("*", None, "star"),
        ("**.a", None, "star"),
        ("*.a b", None, "star"),
    ],
)
def test_a_text_that_is_no_host(text: str, fixed: str | None, why: str) -> None:
    fault = host_fault(text.encode(), Place.WHOLE)

    assert fault is not None
    assert why in fault.why
    assert fault.fixed == (None if fixed is None else fixed.encode())
    assert fault.pattern is None
    assert fixed is None or host_fault(fixed.encode(), Place.WHOLE) is None


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*.a.example", "*.a.example"),
        (".a.example", "*.a.example"),
        ("https://*.A.example:443/", "*.a.example"),
        ("api-*.a.*", "api-*.a.*"),
    ],
)
def test_a_text_with_a_star_is_a_pattern(text: str, pattern: str) -> None:
    fault = host_fault(text.encode(), Place.WHOLE)

    assert fault is not None
    assert (fault.fixed, fault.pattern) == (None, pattern.encode())


@pytest.mark.parametrize(
    "text", ["", "a", "a.example", "_x-1.a", "192.0.2.1", "[::1]", "xn--bcher-kva.example"]
)
def test_a_host_and_its_parts_are_possible(text: str) -> None:
    host = text.encode()

    assert host_fault(host, Place.WHOLE) is None
    for start in range(len(host)):
        assert host_fault(host[:start], Place.FIRST) is None
        assert host_fault(host[start:], Place.LAST) is None
        assert host_fault(host[start : start + 2], Place.WITHIN) is None


@pytest.mark.parametrize(
    ("place", "text", "fixed"),
    [
        (Place.FIRST, "https://api.", "api."),
        (Place.FIRST, "api.*", "api."),
        (Place.FIRST, ".a", None),
        (Place.FIRST, "2001:DB8:", "[2001:db8:"),
        (Place.LAST, ":8443", None),
        (Place.LAST, ".example:8443", ".example"),
        (Place.LAST, ".example.", ".example"),
        (Place.LAST, "*.example", ".example"),
        (Place.WITHIN, "example:80", "example"),
        (Place.WITHIN, "*.ex", ".ex"),
        (Place.WITHIN, "]a", None),
        (Place.WITHIN, "[x", None),
    ],
)
def test_a_part_that_no_host_has(place: Place, text: str, fixed: str | None) -> None:
    fault = host_fault(text.encode(), place)

    assert fault is not None
    assert fault.fixed == (None if fixed is None else fixed.encode())


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place.FIRST, "[2001:"),
        (Place.FIRST, "api."),
        (Place.LAST, "::1]"),
        (Place.LAST, ".example"),
        # An address may have it in it.
        (Place.WITHIN, ":8443"),
        (Place.WITHIN, "a..b"),
        (Place.WITHIN, "."),
        (Place.WITHIN, ".example."),
    ],
)
def test_a_part_that_a_host_may_have(place: Place, text: str) -> None:
    assert host_fault(text.encode(), place) is None


def test_a_pattern_is_looked_at_part_by_part() -> None:
    def fixed(pattern: bytes) -> bytes | None:
        fault = pattern_fault(pattern, pattern.split(b"*"))
        assert fault is not None
        return fault.fixed

    assert pattern_fault(b"*.a.example", (b"", b".a.example")) is None
    assert pattern_fault(b"*", (b"", b"")) is None
    assert fixed(b"https://*.a:80/*") == b"*.a"
    assert fixed(b"a.example:80") == b"a.example"
    assert fixed(b"*/*") is None
    assert fixed(b"a*b c*") is None
