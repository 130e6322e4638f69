# SPDX-License-Identifier: Apache-2.0
"""Canonical text: English operators, one space, no needless parentheses."""

from __future__ import annotations

import pytest

from authz.rules import ListKind, ListModel, compile_list, format_expression, parse
from tests.factories.schemes import SCHEME

_LISTS = {"a.b": compile_list(ListModel(name="a.b", kind=ListKind.IP, items=()))}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("true", "true"),
        (" false ", "false"),
        ('!ssl&&http.host=="a"||ssl', 'not ssl and http.host eq "a" or ssl'),
        ("((ssl)) ^^ (ssl or ssl)", "ssl xor (ssl or ssl)"),
        ("(ssl or ssl) or ssl", "(ssl or ssl) or ssl"),
        ("not (ssl and ssl)", "not (ssl and ssl)"),
        ("not(not(ssl))", "not not ssl"),
        ("(ssl and ssl) or ssl", "ssl and ssl or ssl"),
        ('any((http.request.headers.names[*]=="a"))', 'any(http.request.headers.names[*] eq "a")'),
        ("any((test.flags or test.flags))", "any((test.flags or test.flags))"),
        ("any(not test.flags or test.flags)", "any(not test.flags or test.flags)"),
        ("all((test.flags))", "all((test.flags))"),
        ("all( test.flags )", "all(test.flags)"),
        ('http.host in {  "b""a" }', 'http.host in {"b" "a"}'),
        ("http.host in {}", "http.host in {}"),
        ("http.host == 61:22:5c", 'http.host eq "a\\"\\\\"'),
        ('http.host == "\\xff\\x0a"', 'http.host eq "\\xff\\x0a"'),
        ('http.host == "é\\xc2\\x85"', 'http.host eq "é\\xc2\\x85"'),
        ("cf.edge.server_port in {0x10 010..9 -5}", "cf.edge.server_port in {16 8..9 -5}"),
        ("cf.edge.server_port&1", "cf.edge.server_port bitwise_and 1"),
        ("ip.src in {10/8 10.1 ::/0}", "ip.src in {10.0.0.0/8 10.1.0.0 ::/0}"),
        ("ip.src in {10.0.0.1..10.0.0.9}", "ip.src in {10.0.0.1..10.0.0.9}"),
        ("ip.src in {10.0.0.0..10.0.0.255}", "ip.src in {10.0.0.0/24}"),
        ("ip.src in {2001:DB8:0::..2001:db8::2}", "ip.src in {2001:db8::..2001:db8::2}"),
        ("ip.src in $a.b", "ip.src in $a.b"),
        ("ip.src > 2001:DB8::0", "ip.src gt 2001:db8::"),
        ('http.host ~ r"a\\.b"', 'http.host matches "a\\.b"'),
        ('http.host ~ r#"a"b"#', 'http.host matches "a\\"b"'),
        ('http.host ~ r"(?x)a # ["', 'http.host matches r"(?x)a # ["'),
        ('http.host ~ r#"["]"#', 'http.host matches "["]"'),
        ('http.host ~ r#"[[:alpha:]"]"#', 'http.host matches "[[:alpha:]\\"]"'),
        ('http.host ~ r#"a\\"b"#', 'http.host matches r#"a\\"b"#'),
        ('http.host wildcard "a\\\\*"', 'http.host wildcard r"a\\*"'),
        ('http.host strict wildcard "\\xff\\\\\\\\"', 'http.host strict wildcard "\\xff\\\\\\\\"'),
        ('http.request.headers["a\\x22"][ 0x0 ]=="b"', 'http.request.headers["a\\""][0] eq "b"'),
        ("len(http.host)>=0x1", "len(http.host) ge 1"),
        ('concat(http.host,"b")!="c"', 'concat(http.host, "b") ne "c"'),
        ("cidr(ip.src,8,16)==10.0.0.0", "cidr(ip.src, 8, 16) eq 10.0.0.0"),
    ],
)
def test_the_canonical_text(source: str, text: str) -> None:
    expression = parse(source, SCHEME, _LISTS)

    assert format_expression(expression) == text
    assert parse(text, SCHEME, _LISTS) == expression
