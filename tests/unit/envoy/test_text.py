# SPDX-License-Identifier: Apache-2.0
"""Pieces of YAML text."""

from __future__ import annotations

import pytest
import yaml

from authz.envoy.text import address, endpoint, indented, quoted
from authz.errors import SettingsError


@pytest.mark.parametrize("value", ["plain", 'a"b', "a: b", "off", "1.5", "# x", "naïve\n", "\\"])
def test_a_quoted_string_reads_back_as_that_string(value: str) -> None:
    assert yaml.safe_load(f"key: {quoted(value)}") == {"key": value}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("127.0.0.1:80", {"socket_address": {"address": "127.0.0.1", "port_value": 80}}),
        ("[::1]:80", {"socket_address": {"address": "::1", "port_value": 80}}),
        ("upstream:8000", {"socket_address": {"address": "upstream", "port_value": 8000}}),
        ("unix:/run/a b.sock", {"pipe": {"path": "/run/a b.sock"}}),
    ],
)
def test_an_address_has_the_form_that_envoy_reads(value: str, expected: object) -> None:
    assert yaml.safe_load(address(value)) == expected
    assert yaml.safe_load(endpoint(value)) == [{"endpoint": {"address": expected}}]


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(SettingsError):
        address("somewhere")


def test_empty_lines_are_not_indented() -> None:
    assert indented("a\n\nb\n", 2) == "  a\n\n  b\n"
