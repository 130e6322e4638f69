# SPDX-License-Identifier: Apache-2.0
"""Address sets answer like a search through their items."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.packed import IntervalSet, Section
from authz.rules import evaluate, parse
from authz.rules.addresses import BadAddressError, interval_set, pack_addresses
from tests.factories.schemes import SCHEME


def read(*items: str) -> IntervalSet:
    return IntervalSet(Section(pack_addresses(items)))


@pytest.mark.parametrize(
    ("item", "inside", "outside"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("0.0.0.0/0", "255.255.255.255", "::"),
        ("10.0.0.5..10.0.1.7", "10.0.0.255", "10.0.1.8"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
        ("2001:DB8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "::"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:1"),
        ("::1", "::1", "::2"),
        ("::ffff:10.0.0.1", "::ffff:a00:1", "10.0.0.1"),
        ("::/0", "::", "0.0.0.0"),
        ("fe80::..fe80::9", "fe80::9", "fe80::a"),
        ("2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::"),
        ("2001:db8::/65", "2001:db8::7fff:ffff:ffff:ffff", "2001:db8:0:0:8000::"),
        ("2001:db8::/064", "2001:db8::1", "2001:db8:0:1::"),
        ("10.0.0.0/08", "10.1.1.1", "11.0.0.0"),
        ("2001:db8::5/128", "2001:db8::5", "2001:db8::4"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304", "1:2:3:4:5:6:102:305"),
        (" 10.0.0.1 ", "10.0.0.1", "10.0.0.0"),
        (" 10.0.0.1..10.0.0.3 ", "10.0.0.3", "10.0.0.4"),
        (" ::1..::3 ", "::3", "::4"),
        ("::ffff:1.2.3.4..::ffff:1.2.3.6", "::ffff:1.2.3.5", "1.2.3.5"),
        ("10.1/016", "10.1.255.255", "10.2.0.0"),
        ("10/8", "10.255.255.255", "11.0.0.0"),
        ("10.1/16", "10.1.255.255", "10.2.0.0"),
        ("192.168.1/24", "192.168.1.9", "192.168.2.0"),
        ("0/0", "255.255.255.255", "::"),
    ],
)
def test_an_item_holds_its_addresses(item: str, inside: str, outside: str) -> None:
    ranges = read(item)

    assert ranges.has(ip_address(inside))
    assert not ranges.has(ip_address(outside))
    assert not ranges.has(None)


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("", "is not an IP address or network"),
        ("10.0.0", "is not an IP address or network"),
        ("10.0.0.01", "is not an IP address or network"),
        ("10.1", "is not an IP address or network"),
        ("010/8", "is not an IP address or network"),
        ("10.0.0.0.0/8", "is not an IP address or network"),
        ("10./8", "is not an IP address or network"),
        ("300/8", "is not an IP address or network"),
        ("10/33", "has no prefix length from 0 to 32"),
        ("10.1/8", "has bits set beyond its prefix length"),
        ("10.0.0.256", "is not an IP address or network"),
        ("fe80::1%eth0", "is not an IP address or network"),
        ("1::2::3", "is not an IP address or network"),
        ("1:2:3:4::5:6:7:8", "is not an IP address or network"),
        ("10.0.0.0/33", "has no prefix length from 0 to 32"),
        ("10.0.0.0/", "has no prefix length from 0 to 32"),
        ("10.0.0.0/+8", "has no prefix length from 0 to 32"),
        ("2001:db8::/129", "has no prefix length from 0 to 128"),
        ("10.0.0.1/8", "has bits set beyond its prefix length"),
        ("2001:db8::1/32", "has bits set beyond its prefix length"),
        ("2001:db8:1::/32", "has bits set beyond its prefix length"),
        ("2001:db8::1/100", "has bits set beyond its prefix length"),
        ("2001:db8::/", "has no prefix length from 0 to 128"),
        ("10.0.0.1..x", "is not an IP range"),
        ("10.0.0.2..10.0.0.1", "ends before it begins"),
        ("10.0.0.2..::1", "ends before it begins"),
        ("::2..::1", "ends before it begins"),
        ("10.0.0.1...10.0.0.2", "is not an IP range"),
        ("10.0.0.1.10.0.0.1.2", "is not an IP address or network"),
        ("10.0.0.1.1.10.0.0.2", "is not an IP address or network"),
        ("10.0.0.1..10.0.0.2/24", "is not an IP range"),
        ("::1..::2/64", "is not an IP range"),
        ("fe80::1..fe80::2%eth0", "is not an IP range"),
    ],
)
def test_a_bad_item_is_named_by_its_position(item: str, problem: str) -> None:
    with pytest.raises(BadAddressError) as caught:
        pack_addresses(["10.0.0.1", item])

    assert (caught.value.position, caught.value.problem) == (1, problem)


def shortened(address: str) -> str:
    """Another spelling, or none at all."""
    return address.replace("0000", "0").replace(":0:0:", "::", 1)


_six = st.builds(
    lambda groups, end: ":".join([f"{group:04x}" for group in groups]) + end,
    st.lists(st.sampled_from([0, 1, 0xDB8, 0xFFFF]), min_size=6, max_size=9),
    st.sampled_from(["", ":", "::", ":1.2.3.4", ":1.2.3"]),
)


@pytest.mark.parametrize(
    ("item", "hint"),
    [
        ("10.1", "write 10.1.0.0/16 for the network; an address has four numbers"),
        ("10.1/8", "write 10.0.0.0/8"),
        ("10.1.2.3/8", "write 10.0.0.0/8"),
        ("010/8", "write 10.0.0.0/8, without leading zeros"),
    ],
)
def test_the_hint_is_what_to_write(item: str, hint: str) -> None:
    with pytest.raises(BadAddressError) as caught:
        read(item)

    assert caught.value.hint == hint


def test_a_network_that_is_cut_short_means_what_it_means_in_a_set() -> None:
    for item in ("10/8", "10.1/16", "192.168.1/24", "0/0"):
        expression = parse(f"ip.src in {{{item}}}", SCHEME)
        for probe in ("10.1.2.3", "10.2.0.0", "192.168.1.255", "192.169.0.0"):
            address = ip_address(probe)

            assert read(item).has(address) is evaluate(expression, {"ip.src": address})


_networks = st.tuples(st.integers(0, 2**32 - 1), st.integers(20, 32)).map(
    lambda pair: ip_network((pair[0] % 2**14, pair[1]), strict=False)
)


@given(networks=st.lists(_networks, max_size=12), probes=st.lists(st.integers(0, 2**14 - 1)))
def test_a_set_answers_like_a_search_through_its_items(
    networks: list[object], probes: list[int]
) -> None:
    ranges = read(*map(str, networks))

    for probe in probes:
        address = ip_address(probe)
        assert ranges.has(address) is any(address in net for net in networks)  # type: ignore[operator]


@given(text=st.text("0123456789abcdefF:.%g ", max_size=24) | _six | _six.map(shortened))
def test_an_address_is_what_the_standard_library_takes_for_one(text: str) -> None:
    """The system reads the common forms, and reads them as ipaddress does."""
    try:
        expected = ip_address(text.strip())
    except ValueError:
        expected = None
    if "%" in text or ".." in text:
        return
    try:
        ranges = read(text)
    except BadAddressError:
        assert expected is None
    else:
        assert expected is not None
        assert ranges.has(expected)
        assert len(ranges) == 1


def test_intervals_of_both_families_stay_apart() -> None:
    pairs = [(ip_address("10.0.0.1"), ip_address("10.0.0.2")), (ip_address("::1"),) * 2]
    ranges = interval_set(pairs)

    assert ranges.has(ip_address("10.0.0.2"))
    assert ranges.has(ip_address("::1"))
    assert not ranges.has(ip_address("::2"))
