# SPDX-License-Identifier: Apache-2.0
"""What the items of a list are packed as; which items are good is in test_lists.py."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from authz.packed import IntegerSet, StringSet
from authz.rules.list_items import BadItemError, Letters, ListKind, pack_items
from authz.rules.lists import ListModel, compile_list


def test_names_and_suffixes_are_apart() -> None:
    packed = pack_items(ListKind.HOSTNAME, ["a.example", "*.B.example", "*.c.example", "*.x.org"])

    assert list(StringSet(packed.members)) == [b"a.example"]
    assert packed.suffixes is not None
    assert sorted(StringSet(packed.suffixes)) == [b"b.example", b"c.example", b"x.org"]
    assert packed.suffix_lengths == (5, 9)
    assert packed.size == 4


def test_a_list_without_suffixes_has_no_set_of_them() -> None:
    packed = pack_items(ListKind.HOSTNAME, ["a.example"])

    assert (packed.suffixes, packed.suffix_lengths) == (None, ())


@pytest.mark.parametrize(
    ("items", "letters", "folded"),
    [
        ([], Letters.LOWER, None),
        (["12", "34"], Letters.LOWER, None),
        (["0a", "ff", "Not Hex"], Letters.LOWER, None),
        (["0A", "FF", "not hex"], Letters.UPPER, None),
        (["0A", "ff"], Letters.MIXED, {b"0a"}),
        (["0a", "fF", "FF", "XY"], Letters.MIXED, {b"ff"}),
    ],
)
def test_only_hexadecimal_members_are_folded_and_only_when_they_differ(
    items: list[str], letters: Letters, folded: set[bytes] | None
) -> None:
    packed = pack_items(ListKind.STRING, items)

    assert packed.letters is letters
    assert (None if packed.folded is None else set(StringSet(packed.folded))) == folded


def test_the_size_counts_what_was_written_and_the_set_what_is_in_it() -> None:
    packed = pack_items(ListKind.INTEGER, ["7", "007", "7"])

    assert packed.size == 3
    assert list(IntegerSet(packed.members)) == [7]


def test_a_bad_item_is_named_by_its_position() -> None:
    with pytest.raises(BadItemError) as caught:
        pack_items(ListKind.ASN, ["1", "AS0", "x"])

    assert (caught.value.position, caught.value.problem) == (2, "is not an AS number")
    assert caught.value.hint == "write 64496 or AS64496"


def test_a_host_name_is_written_as_http_host_writes_it() -> None:
    names = ListModel(
        name="l", kind=ListKind.HOSTNAME, items=("straße.example.com", "::1", "[2001:DB8:0::1]")
    )
    listed = compile_list(names)

    assert listed.has(b"xn--strae-oqa.example.com")
    assert not listed.has(b"strasse.example.com")
    assert listed.has(b"[::1]")
    assert listed.has(b"[2001:db8::1]")


@pytest.mark.parametrize(
    "address",
    ["::", "1::", "0:0:1::", "1:0:2:3:4:5:6:7", "::1:0:0:2:0:0", "::ffff:1.2.3.4", "::1.2.3.4"],
)
def test_an_address_for_a_host_is_spelled_as_in_http_host(address: str) -> None:
    packed = pack_items(ListKind.HOSTNAME, [address, f"[{address.upper()}]"])

    assert set(StringSet(packed.members)) == {f"[{IPv6Address(address)}]".encode()}


@pytest.mark.parametrize("address", ["1::2::3", "1.2.3.4:", "[12345::]", "::1.2.3.04"])
def test_an_address_for_a_host_is_one(address: str) -> None:
    with pytest.raises(BadItemError, match="is not an IPv6 address"):
        pack_items(ListKind.HOSTNAME, ["a", address])


def test_many_international_names_are_one_list_with_all_others() -> None:
    several = ["bücher{}.de", "*.Bücher{}.de.", "[::{:x}]", "a{}.de", "日本{}.jp", "l·l{}.cat"]
    items = [item.format(number) for number in range(700) for item in several]

    packed = pack_items(ListKind.HOSTNAME, items)
    one_by_one = [pack_items(ListKind.HOSTNAME, [item]) for item in items]

    assert set(StringSet(packed.members)) == {
        name for one in one_by_one for name in StringSet(one.members)
    }
    assert packed.suffixes is not None
    assert set(StringSet(packed.suffixes)) == {
        name for one in one_by_one if one.suffixes for name in StringSet(one.suffixes)
    }


def test_a_bad_name_among_many_international_ones_is_named_by_its_position() -> None:
    items = [f"bücher{number}.de" for number in range(1000)]
    items[700] = "bü cher.de"
    items[900] = "-ü.de"

    with pytest.raises(BadItemError) as caught:
        pack_items(ListKind.HOSTNAME, items)

    assert (caught.value.position, caught.value.problem) == (700, "is not a host name")
