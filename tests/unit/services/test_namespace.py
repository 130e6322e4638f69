# SPDX-License-Identifier: Apache-2.0
"""Which names are hostnames, and which zone they belong to."""

from __future__ import annotations

import pytest

from authz.errors import InvalidInputError
from authz.services.namespace import (
    check_owner,
    normalise_hostname,
    normalise_zone_name,
    owner_of,
)
from authz.store.records import Zone


def _zone(name: str) -> Zone:
    return Zone(id=name, account_id="a", name=name, created_at=0, modified_at=0)


DEFAULT, EXAMPLE, BELOW = (_zone(name) for name in ("default", "example.com", "eu.example.com"))
ZONES = [DEFAULT, EXAMPLE, BELOW]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("API.Example.COM.", "api.example.com"),
        ("*.Example.com", "*.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        (" api ", "api"),
    ],
)
def test_hostnames_are_written_as_hosts_are(written: str, name: str) -> None:
    assert normalise_hostname(written) == name


@pytest.mark.parametrize(
    "written",
    [
        "",
        "*",
        "*.",
        "a.*.b",
        "a:443",
        "[::1]:443",
        "https://a",
        "a,b",
        "*.[::1]",
        "*.192.0.2.1",
        "a b",
        "x" * 300,
    ],
)
def test_what_is_no_hostname(written: str) -> None:
    with pytest.raises(InvalidInputError, match="is no hostname"):
        normalise_hostname(written)


@pytest.mark.parametrize("written", ["*.example.com", "192.0.2.1", "[::1]"])
def test_what_is_no_zone(written: str) -> None:
    with pytest.raises(InvalidInputError, match="is no name for a zone"):
        normalise_zone_name(written)


@pytest.mark.parametrize(
    ("hostname", "owner"),
    [
        ("example.com", EXAMPLE),
        ("a.example.com", EXAMPLE),
        ("*.example.com", EXAMPLE),
        ("eu.example.com", BELOW),
        ("*.eu.example.com", BELOW),
        ("notexample.com", DEFAULT),
        ("*.com", DEFAULT),
        ("default", DEFAULT),
        ("a.default", DEFAULT),
    ],
)
def test_the_longest_name_owns(hostname: str, owner: Zone) -> None:
    assert owner_of(hostname, ZONES) is owner
    check_owner(hostname, owner, ZONES)


def test_a_host_of_a_zone_is_not_the_default_one_s() -> None:
    with pytest.raises(InvalidInputError, match=r"belongs to the zone example\.com") as caught:
        check_owner("a.example.com", DEFAULT, ZONES)

    assert caught.value.hint == "use --zone example.com"


def test_a_host_of_a_zone_below_is_not_the_one_s_above() -> None:
    with pytest.raises(InvalidInputError, match=r"belongs to the zone eu\.example\.com"):
        check_owner("a.eu.example.com", EXAMPLE, ZONES)


def test_a_host_elsewhere_is_not_in_the_zone() -> None:
    with pytest.raises(InvalidInputError, match=r"is not in the zone example\.com"):
        check_owner("a.example.org", EXAMPLE, ZONES)
