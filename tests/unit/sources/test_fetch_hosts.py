# SPDX-License-Identifier: Apache-2.0
"""Which addresses are public, and what fetch.allowed_hosts adds."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from authz.errors import SettingsError
from authz.sources.fetch_hosts import AllowedHosts, Reach, embedded, reach_of

PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1")
PRIVATE = (
    "10.1.2.3",
    "127.0.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "203.0.113.9",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:10.0.0.1",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fd12::1",
    "fec0::1",
)
RESERVED = (
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::ffff:169.254.169.254",
    "2002:a9fe:a9fe::",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "168.63.129.16",
    "100.100.100.200",
)


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        *((text, Reach.PUBLIC) for text in PUBLIC),
        *((text, Reach.PRIVATE) for text in PRIVATE),
        *((text, Reach.RESERVED) for text in RESERVED),
    ],
)
def test_what_an_address_leads_to(text: str, reach: Reach) -> None:
    assert reach_of(ip_address(text)) is reach


def test_an_ipv4_address_in_an_ipv6_one() -> None:
    assert str(embedded(ip_address("2002:a00:1::5"))) == "10.0.0.1"
    assert str(embedded(ip_address("2001:4860::1"))) == "2001:4860::1"


def test_a_listed_name_may_be_private_but_not_reserved() -> None:
    allowed = AllowedHosts.parse(["crl.corp.example", "*.pki.example"])

    assert not allowed.refusal("CRL.corp.example.", ip_address("10.0.0.1"))
    assert not allowed.refusal("a.b.pki.example", ip_address("10.0.0.1"))
    assert "private" in allowed.refusal("pki.example", ip_address("10.0.0.1"))
    assert "reserved" in allowed.refusal("crl.corp.example", ip_address("169.254.169.254"))
    assert not allowed.refusal("other.example", ip_address("8.8.8.8"))


def test_a_listed_network_may_be_anything() -> None:
    allowed = AllowedHosts.parse(["10.0.0.0/8", "169.254.169.254", "[::1]", "fd00::/8"])

    for text in ("10.9.9.9", "::ffff:10.9.9.9", "169.254.169.254", "::1", "fd00::1"):
        assert not allowed.refusal("name.example", ip_address(text))
        assert allowed.has_host(text)
    assert allowed.refusal("name.example", ip_address("192.168.0.1"))
    assert not allowed.has_host("name.example")


@pytest.mark.parametrize("text", ["", "*", "a b", "http://x", "10.0.0.1/8", "a*.example.com", "*."])
def test_anything_else_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AllowedHosts.parse(["ok.example", text])

    assert caught.value.where == "fetch.allowed_hosts[1]"
    assert caught.value.hint
