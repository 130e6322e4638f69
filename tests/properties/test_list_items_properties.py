# SPDX-License-Identifier: Apache-2.0
"""Items of large lists are read quickly, and as the slow and obvious way reads them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import idna
from hypothesis import given
from hypothesis import strategies as st

from authz.packed import IntervalSet, Section
from authz.rules.addresses import BadAddressError, pack_addresses
from authz.rules.idn import to_ascii

_FILLING = [f"ü{number}.example" for number in range(501)]

# Of every kind that IDNA tells apart: letters of several scripts and directions, digits, marks,
# joiners, what is mapped, ignored or disallowed, and what separates labels.
_CHARACTERS = (
    "ab-_019.üßéдя日本ー・한각אב1تجकिष्शੜ١۳·"
    "\u0308\u0301\u05c1\u05b8\u064b\u094d\u093c\u200c\u200d\u00ad\ufe0f\u0f71"
    "\uff46\uff21\u2460\u00aa\u3002\uff0e\u1e9e\u210c\u32ff\ufb00\u2603\U0001f600\u2260\u0340\u212b"
)
_names = st.lists(
    st.text(st.sampled_from(_CHARACTERS), max_size=8)
    | st.text(st.characters(codec="utf-8"), max_size=5)
    | st.sampled_from(["a", "xn--bcher-kva", "ab--ü", "ü" * 60, "a" * 63]),
    min_size=1,
    max_size=5,
).map(".".join)


@given(names=st.lists(_names, max_size=20))
def test_many_names_are_what_idna_makes_of_each(names: list[str]) -> None:
    names = [name.lower().removesuffix(".") for name in names]

    for name, found in zip(names, to_ascii(_FILLING + names)[len(_FILLING) :], strict=True):
        if found is not None:
            assert found == idna.encode(name, uts46=True).decode()


_fours = st.integers(0, 2**32 - 1).map(IPv4Address)
_sixes = st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(0, 9).map(IPv6Address)
_odd = st.text("0123456789abcdef:.", max_size=20)
_ends = (_fours | _sixes).map(str) | _sixes.map(lambda one: one.exploded.upper()) | _odd


def _read(item: str) -> IntervalSet | None:
    try:
        return IntervalSet(Section(pack_addresses([item])))
    except BadAddressError:
        return None


@given(first=_ends, last=_ends, gap=st.sampled_from(["..", "..", "..", "...", ".", " .. "]))
def test_a_range_is_what_the_standard_library_takes_for_its_ends(
    first: str, last: str, gap: str
) -> None:
    item = first + gap + last
    try:
        left, _, right = item.partition("..")
        ends = ip_address(left), ip_address(right)
        good = ends[0] <= ends[1]  # type: ignore[operator]  # TypeError if they do not compare
    except (TypeError, ValueError):
        good = False
    if ".." not in item:
        return
    ranges = _read(item)

    assert (ranges is not None) is good
    if ranges is not None:
        assert len(ranges) == 1 or isinstance(ends[0], IPv6Address)
        for inside in ends:
            assert ranges.has(inside)
        for outside in (int(ends[0]) - 1, int(ends[1]) + 1):
            if 0 <= outside < 2 ** ends[0].max_prefixlen:
                assert not ranges.has(type(ends[0])(outside))


@given(
    parts=st.lists(st.integers(0, 260).map(str) | st.sampled_from(["", "00", "01"]), max_size=5),
    prefix=st.integers(0, 40),
    digits=st.integers(1, 4),
)
def test_a_network_cut_short_is_the_one_with_zeros(
    parts: list[str], prefix: int, digits: int
) -> None:
    item = f"{'.'.join(parts)}/{prefix:0{digits}}"
    try:
        network = ip_network(f"{'.'.join((parts + ['0'] * 3)[: max(4, len(parts))])}/{prefix}")
    except ValueError:
        network = None
    if not parts or digits > 3:
        network = None
    ranges = _read(item)

    assert (ranges is None) is (network is None)
    if ranges is not None and network is not None:
        assert ranges.has(network.network_address)
        assert ranges.has(network.broadcast_address)
        assert not ranges.has(IPv4Address((int(network.broadcast_address) + 1) % 2**32)) or (
            prefix == 0
        )
