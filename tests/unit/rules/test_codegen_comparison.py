# SPDX-License-Identifier: Apache-2.0
"""Each comparison is written as the cheapest Python test, and says whether None may come."""

from __future__ import annotations

import pytest

from authz.rules import parse
from authz.rules.ast import Comparison
from authz.rules.codegen_comparison import comparison_test
from tests.factories.schemes import SCHEME


@pytest.mark.parametrize(
    ("source", "text", "takes_missing"),
    [
        ('http.host eq "a"', "x == b'a'", True),
        ('http.host ne "a"', "x != b'a'", False),
        ('http.host contains "a"', "b'a' in x", False),
        ('http.host in {"b" "a"}', "x in {b'a', b'b'}", True),
        ('http.host matches "a"', "K(x)", False),
        ('http.host wildcard "a"', "K(x)", False),
        ('cf.tls_client_auth.cert_serial eq "Ab"', "x.lower() == b'ab'", False),
        ('cf.tls_client_auth.cert_serial in {"Ab" "c"}', "x.lower() in {b'ab', b'c'}", False),
        ('cf.tls_client_auth.cert_serial lt "Ab"', "x < b'Ab'", False),
        ("cf.edge.server_port & 1", "x & 1 != 0", False),
        ("cf.edge.server_port in {1 2}", "x in {1, 2}", True),
        ("cf.edge.server_port in {1..2 4..5}", "K(x)", False),
        ("ip.src eq ::1", "K(x)", False),
        ("ip.src in {::1}", "K(x)", True),
        ("cf.edge.server_port in {" + " ".join(map(str, range(20))) + "}", "x in K", True),
    ],
)
def test_the_text(source: str, text: str, takes_missing: bool) -> None:
    root = parse(source, SCHEME).root
    assert isinstance(root, Comparison)

    test = comparison_test(root, lambda value: repr(value) if type(value) in (bytes, int) else "K")

    assert test.write("x") == text
    assert test.takes_missing is takes_missing
