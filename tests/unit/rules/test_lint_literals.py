# SPDX-License-Identifier: Apache-2.0
"""Single conditions that are constant because of their literal, and literals in another form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.policy.fields import SCHEME as PRODUCT
from authz.rules import Scheme, parse
from authz.rules.formatter import format_logical
from authz.rules.lint_literals import leaf_truth
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules.ast import Logical
    from authz.rules.lint_fault import Known


def _leaf(source: str, scheme: Scheme = SCHEME) -> Logical:
    return parse(source, scheme).root


def _known(source: str, scheme: Scheme = PRODUCT) -> Known | None:
    return leaf_truth(_leaf(source, scheme))


@pytest.mark.parametrize(
    ("source", "fixed"),
    [
        ("http.host in {}", None),
        ('http.host eq "Example.com"', 'http.host eq "example.com"'),
        ('http.host in {"A" "B"}', 'http.host in {"a" "b"}'),
        ('http.host contains "Example"', 'http.host contains "example"'),
        ('http.host strict wildcard "*.Example.com"', 'http.host strict wildcard "*.example.com"'),
        ('http.host strict wildcard "A"', 'http.host strict wildcard "a"'),
        ('http.host wildcard "https://*.a.example:8443/*"', 'http.host wildcard "*.a.example"'),
        ('http.host wildcard "a b*"', None),
        ('http.host eq "*"', None),
        ('http.host eq "*.a.example"', 'http.host wildcard "*.a.example"'),
        ('http.host in {"*.a.example"}', 'http.host wildcard "*.a.example"'),
        (
            'http.host in {"a.example:80" "*.a.example"}',
            'http.host in {"a.example"} or http.host wildcard "*.a.example"',
        ),
        ('ends_with(http.host, "*.a.example")', 'ends_with(http.host, ".a.example")'),
        ('http.host contains "https://"', None),
        ('starts_with(http.host, "API.")', 'starts_with(http.host, "api.")'),
        ('ends_with(http.host, ".Com")', 'ends_with(http.host, ".com")'),
        ('http.request.uri.path eq "admin"', 'http.request.uri.path eq "/admin"'),
        ('http.request.uri.path in {"admin"}', 'http.request.uri.path in {"/admin"}'),
        (
            'starts_with(http.request.uri.path, "admin")',
            'starts_with(http.request.uri.path, "/admin")',
        ),
        ('http.request.uri.path strict wildcard "admin/*"', None),
        ('raw.http.request.uri.path eq "/a?b"', None),
        ('http.request.uri.path.extension eq ".PHP"', 'http.request.uri.path.extension eq "php"'),
        ('http.request.uri.path.extension eq "a/b"', None),
        ('http.request.uri.path.extension eq "."', None),
        ('http.request.headers["Via"][0] eq "a"', 'http.request.headers["via"][0] eq "a"'),
        (
            'lower(http.request.headers["Via"][0]) eq "a"',
            'lower(http.request.headers["via"][0]) eq "a"',
        ),
        (
            'starts_with(http.request.headers["Via"][0], "a")',
            'starts_with(http.request.headers["via"][0], "a")',
        ),
        ('has_key(http.request.headers, "Via")', 'has_key(http.request.headers, "via")'),
        ('lower(http.cookie) eq "A"', 'lower(http.cookie) eq "a"'),
        ('upper(http.cookie) eq "a"', 'upper(http.cookie) eq "A"'),
        ('ip.src.country eq "de"', 'ip.src.country eq "DE"'),
        ('ip.geoip.continent eq "eu"', 'ip.geoip.continent eq "EU"'),
        ('ip.src.continent eq "Europe"', None),
        ('http.request.version eq "http/2"', 'http.request.version eq "HTTP/2"'),
        ('http.request.version in {"HTTP/2.0" "2"}', None),
        ('http.request.version contains "1.2"', None),
        ('authz.cert.failure eq "revoked"', None),
        (
            'cf.tls_client_auth.cert_serial contains "0a"',
            'cf.tls_client_auth.cert_serial contains "0A"',
        ),
        (
            'starts_with(cf.tls_client_auth.cert_fingerprint_sha256, "AB:CD")',
            'starts_with(cf.tls_client_auth.cert_fingerprint_sha256, "abcd")',
        ),
        ("cf.edge.server_port gt 65535", None),
        ("cf.edge.server_port eq 70000", None),
        ("cf.edge.server_port in {70000..80000 -1}", None),
        ("cf.edge.server_port lt 0", None),
        ("http.request.timestamp.msec ge 1000", None),
        ("ip.src.asnum gt 4294967295", None),
        ("http.request.body.size lt 0", None),
        ("cf.threat_score gt 10", None),
        ("cf.threat_score ne 0", None),
        ('cf.zone.plan eq "ENT"', None),
        ("len(http.host) lt 0", None),
        ("len(http.host) eq -1", None),
        ('len(http.request.headers["a"]) lt 0', None),
        ('len(http.request.headers["a"]) eq 0', 'not has_key(http.request.headers, "a")'),
        ('len(http.request.uri.args["A"]) lt 1', 'not has_key(http.request.uri.args, "A")'),
        ('len(http.request.body.form["a"]) in {-1..0}', 'not has_key(http.request.body.form, "a")'),
        ('len(http.request.headers["a"]) in {-2..-1}', None),
        ("cf.edge.server_port & 0", None),
        ("http.request.timestamp.sec gt 9223372036854775807", None),
        ("ip.src eq ::ffff:10.0.0.1", None),
        ("ip.src in {::ffff:10.0.0.0/104}", None),
    ],
)
def test_never(source: str, fixed: str | None) -> None:
    known = _known(source)

    assert known is not None
    assert not known.value
    assert known.why
    assert (None if known.fixed is None else format_logical(known.fixed)) == fixed
    if fixed is not None:
        assert _known(fixed) is None


@pytest.mark.parametrize(
    "source",
    [
        'http.host contains ""',
        'http.host matches ""',
        'http.host matches ".*"',
        'http.host wildcard "*"',
        'http.host ne "A"',
        'starts_with(http.host, "")',
        "len(http.host) ge 0",
        "len(http.host) gt -1",
        "cf.edge.server_port le 65535",
        "cf.edge.server_port in {443 0..442 444..70000}",
        "cf.threat_score eq 0",
        "http.request.timestamp.sec ge -9223372036854775808",
        'http.request.version ne "HTTP/2.0"',
        "ip.src in {0.0.0.0/0 ::/0}",
    ],
)
def test_always(source: str) -> None:
    known = _known(source)

    assert known is not None
    assert known.value


@pytest.mark.parametrize(
    "source",
    [
        "ssl",
        'http.host in {"a" "B"}',
        'http.host wildcard "*.Example.com"',
        'http.host matches "[A-Z]"',
        'http.host contains ":80"',
        'http.host gt "B"',
        'http.request.uri.path in {"/a" "/b"}',
        'http.request.uri.path eq "*"',
        'http.request.uri.path eq ""',
        'starts_with(http.request.uri.path, "*")',
        'http.request.uri.path wildcard "*a"',
        'http.request.uri.path strict wildcard "/a*b*"',
        # A decoded reading of a path may have a question mark, a client may send any method.
        'http.request.uri.path eq "/a?b"',
        'http.request.method eq "get"',
        'http.request.headers["via"][0] contains ""',
        'http.request.headers["via"][0] matches ""',
        'http.request.headers["via"][0] wildcard "*"',
        'http.request.headers["via"][0] ne "A"',
        'lower(http.request.headers["via"][0]) ne "A"',
        'starts_with(http.request.headers["via"][0], "")',
        'len(http.request.headers["via"]) ge 0',
        # Of one that is there, a value may be empty, and a token may have other claims.
        'len(http.request.headers["via"][0]) eq 0',
        'len(http.request.headers["via"]) eq 1',
        'len(authz.metadata["a"]) eq 0',
        "len(http.request.headers.names) eq 0",
        'has_key(http.request.headers, "via")',
        'has_key(http.request.cookies, "Via")',
        'coalesce(http.request.headers["Via"][0], "x") eq "x"',
        'http.request.cookies["Via"][0] eq "a"',
        'any(http.request.headers["Via"][*] eq "a")',
        "any(http.request.headers.names[*] in {})",
        'cf.tls_client_auth.cert_serial eq "0a:"',
        'cf.tls_client_auth.cert_serial matches ":"',
        "cf.edge.server_port & 1",
        "cf.edge.server_port eq 0",
        "cf.edge.server_port gt 1",
        "cf.edge.server_port in {443 70000}",
        "ip.src in {0.0.0.0/0}",
        "ip.src in {0.0.0.0/1 ::/0}",
        "ip.src eq 10.0.0.1",
        "any(authz.cert.san.ip[*] eq ::ffff:10.0.0.1)",
        'http.request.version eq "HTTP/2"',
        'authz.cert.failure eq ""',
    ],
)
def test_nothing_is_said_without_proof(source: str) -> None:
    assert _known(source) is None


def test_true_and_false_are_what_they_say() -> None:
    for text, value in (("true", True), ("false", False)):
        known = _known(text)
        assert known is not None
        assert known.value is value
