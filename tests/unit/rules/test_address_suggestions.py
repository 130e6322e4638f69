# SPDX-License-Identifier: Apache-2.0
"""How an address or a network that cannot be read is written."""

from __future__ import annotations

import pytest

from authz.rules.address_suggestions import hint_for_item, network_hint, network_of, set_item


@pytest.mark.parametrize(
    ("item", "hint"),
    [
        ("10", "write 10.0.0.0/8 for the network; an address has four numbers"),
        ("10.1", "write 10.1.0.0/16 for the network; an address has four numbers"),
        ("10.1.2.", "write 10.1.2.0/24 for the network; an address has four numbers"),
        ("010/8", "write 10.0.0.0/8, without leading zeros"),
        ("010.0.0.1", "write 10.0.0.1, without leading zeros"),
        ("10.0.0.01/24", "write 10.0.0.1/24, without leading zeros"),
        ("10.1.*", "write 10.1.0.0/16"),
        ("10.*.*", "write 10.0.0.0/8"),
        ("10.0.0.*", "write 10.0.0.0/24"),
        ("10.0.0.1-10.0.0.9", "write 10.0.0.1..10.0.0.9"),
        ("::1 - ::9", "write ::1..::9"),
        ("10.0.0.1:443", "an address has no port"),
        ("[::1]:443", "an address has no port"),
        ("10.0.0.256", None),
        ("300", None),
        ("300.*", None),
        ("10.0.0.9-10.0.0.1", None),
        ("1-2", None),
        ("example.com", None),
        ("", None),
    ],
)
def test_an_item_of_a_list(item: str, hint: str | None) -> None:
    assert hint_for_item(item) == hint


def test_a_network_is_suggested_for_an_address_with_host_bits() -> None:
    assert network_hint("10.1.2.3/8") == "write 10.0.0.0/8"
    assert network_hint("x") is None


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("2001:DB8::1/32", "2001:db8::/32"),
        ("10.0.0.1..10.0.0.9", "10.0.0.1..10.0.0.9"),
        ("10.0.0.9..10.0.0.1", None),
        ("::1..10.0.0.1", None),
        ("10.0.0.1..", None),
        ("10.0.*", "10.0.0.0/16"),
        ("999.*", None),
        ("10.0.0.0/33", None),
        ("a", None),
    ],
)
def test_an_item_as_a_set_has_it(text: str, item: str | None) -> None:
    assert set_item(text) == item
    assert network_of(text) == (item if text != "10.0.0.1" else None)
