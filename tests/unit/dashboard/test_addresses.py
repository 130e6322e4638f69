# SPDX-License-Identifier: Apache-2.0
"""Addresses of pages, and names of files."""

from __future__ import annotations

import pytest

from authz.dashboard import addresses


def test_what_is_empty_is_not_in_a_query() -> None:
    assert addresses.with_query("/a", one="", two=None) == "/a"
    assert addresses.with_query("/a", one="x y&", two=None, three=2) == "/a?one=x+y%26&three=2"


def test_an_authority_is_its_zones_or_the_accounts() -> None:
    assert addresses.authority("z", "a") == "/zones/z/authorities/a"
    assert addresses.authority(None, "a") == "/authorities/a"


def test_a_client_certificate_is_below_the_table() -> None:
    assert addresses.client_certificate("z", "c") == f"{addresses.client_certificates('z')}/c"
    assert addresses.client_certificates("z") == "/zones/z/client-certificates"


def test_a_rule_for_a_host() -> None:
    assert addresses.mtls_rule("z") == "/zones/z/rules/mtls"
    assert addresses.mtls_rule("z", host="*.a.example").endswith("?host=%2A.a.example")
    assert addresses.mtls_rule("z", fingerprint="ab").endswith("?fingerprint=ab")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sensor 7", "sensor-7.pem"),
        ('"; filename=../x', "filename----x.pem"),
        ("\r\nSet-Cookie: a", "Set-Cookie--a.pem"),
        ("客户", "client.pem"),
        ("", "client.pem"),
        ("x" * 200, "x" * 60 + ".pem"),
    ],
)
def test_a_file_has_a_name_that_every_system_takes(text: str, name: str) -> None:
    assert addresses.file_name(text, ".pem", otherwise="client") == name
