# SPDX-License-Identifier: Apache-2.0
"""Sets of addresses answer like a search through their intervals."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from authz.errors import PolicyError
from authz.packed import IntervalSet, Section, intervals, pack_intervals
from authz.packed.section import HEADER_BYTES


@pytest.fixture(params=[0, 100_000], ids=["packed", "held"])
def small(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def four(first: str, last: str) -> int:
    return int(ip_address(first)) << 32 | int(ip_address(last))


def six(first: str, last: str) -> int:
    return int(ip_address(first)) << 128 | int(ip_address(last))


def test_the_families_stay_apart(small: int) -> None:
    packed = pack_intervals([four("0.0.0.1", "0.0.0.2")], (), [six("::5", "::6")])
    found = IntervalSet(Section(packed), small=small)

    assert found.has(IPv4Address("0.0.0.2"))
    assert found.has(IPv6Address("::5"))
    assert not found.has(IPv4Address("0.0.0.5"))
    assert not found.has(IPv6Address("::1"))
    assert not found.has(None)
    assert len(found) == 2


def test_the_empty_set_has_nothing(small: int) -> None:
    found = IntervalSet(Section(pack_intervals()), small=small)

    assert len(found) == 0
    for address in ("0.0.0.0", "255.255.255.255", "::", "ffff::"):
        assert not found.has(ip_address(address))


def test_overlapping_intervals_become_one(small: int) -> None:
    packed = pack_intervals(
        [
            four("10.0.0.5", "10.0.0.9"),
            four("10.0.0.1", "10.0.0.6"),
            four("10.0.0.2", "10.0.0.3"),
            four("10.0.0.20", "10.0.0.20"),
            four("10.0.0.20", "10.0.0.20"),
        ]
    )
    found = IntervalSet(Section(packed), small=small)

    assert len(found) == 2
    listed = [n for n in range(256) if found.has(IPv4Address(f"10.0.0.{n}"))]
    assert listed == [*range(1, 10), 20]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:0:5:ffff:ffff:ffff:ffff"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8::ffff:ffff:ffff:fffe"),
        ("2001:db8::1", "2001:db8:0:1::1"),
        ("2001:db8::1", "2001:db8:0:3::1"),
        ("2001:db8::1", "2001:db8:0:3:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:0:3::1"),
        ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"),
        ("::", "::"),
    ],
)
def test_ipv6_intervals_hold_exactly_their_addresses(first: str, last: str, small: int) -> None:
    found = IntervalSet(Section(pack_intervals((), (), [six(first, last)])), small=small)

    start, end = int(ip_address(first)), int(ip_address(last))
    edges = {start, end, start + 1, end - 1, start | 2**64 - 1, end >> 64 << 64, (start + end) // 2}
    for inside in edges:
        if start <= inside <= end:
            assert found.has(IPv6Address(inside))
    for outside in (start - 1, end + 1, start - 2**64, end + 2**64):
        if 0 <= outside < 2**128:
            assert not found.has(IPv6Address(outside))


def test_networks_of_64_bits_and_wider_take_half_the_room() -> None:
    networks = [number << 64 | number for number in range(1000)]
    whole = [number << 192 | (number << 64 | 2**64 - 1) for number in range(1000)]

    assert pack_intervals((), networks) == pack_intervals((), (), whole)
    inner = [number << 192 | number << 64 for number in range(1000)]
    assert len(pack_intervals((), networks)) < 0.75 * len(pack_intervals((), (), inner))


def test_a_few_intervals_need_no_section() -> None:
    found = IntervalSet.of(
        [four("10.0.0.5", "10.0.0.9"), four("10.0.0.1", "10.0.0.6")],
        [six("::", "ffff::"), six("::5", "::6")],
    )

    assert len(found) == 2
    assert [n for n in range(12) if found.has(IPv4Address(f"10.0.0.{n}"))] == list(range(1, 10))
    assert found.has(IPv6Address("ffff::"))
    assert not found.has(IPv6Address("ffff::1"))
    assert not found.has(None)


def test_many_numbers_are_sorted_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_AT_ONCE", 1000)
    source = random.Random(7)
    numbers = [source.getrandbits(64) for _ in range(20_000)] + [5] * 3000

    assert intervals._sorted(numbers) == sorted(numbers)


def test_the_order_does_not_matter() -> None:
    addresses = [
        four(f"10.0.{n // 256}.{n % 256}", f"10.0.{n // 256}.{n % 256}") for n in range(999)
    ]

    assert pack_intervals(addresses) == pack_intervals(reversed(addresses))


def test_a_section_that_is_cut_short_or_miscounted_is_refused() -> None:
    whole = pack_intervals([four("10.0.0.1", "10.0.0.2")], (), [six("::1", "::2")])
    for length in range(HEADER_BYTES, len(whole), 8):
        cut = bytearray(whole[:length])
        cut[8:16] = length.to_bytes(8, "little")
        with pytest.raises(PolicyError, match="a packed set cannot be used"):
            IntervalSet(Section(bytes(cut)))
    miscounted = bytearray(whole)
    miscounted[16] = 3
    with pytest.raises(PolicyError, match="another number of intervals"):
        IntervalSet(Section(bytes(miscounted)))
