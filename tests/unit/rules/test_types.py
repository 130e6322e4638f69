# SPDX-License-Identifier: Apache-2.0
"""Types and their default values."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from authz.rules.types import Array, Bool, Bytes, Int, Ip, Map, Type, default_value


@pytest.mark.parametrize(
    ("kind", "text"),
    [(Bool, "Bool"), (Array(Bytes), "Array(Bytes)"), (Map(Array(Int)), "Map(Array(Int))")],
)
def test_a_type_prints_as_in_the_documentation(kind: Type, text: str) -> None:
    assert str(kind) == text


def test_types_compare_by_structure() -> None:
    assert Array(Bytes) == Array(Bytes)
    assert Array(Bytes) != Map(Bytes)
    assert Array(Bytes) != Array(Int)
    assert len({Map(Bytes), Map(Bytes), Array(Bytes)}) == 2


def test_only_arrays_and_maps_have_elements() -> None:
    assert Ip.element is None
    assert Array(Ip).element == Ip
    assert Map(Array(Ip)).element == Array(Ip)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Bool, False),
        (Int, 0),
        (Bytes, b""),
        (Ip, IPv4Address("0.0.0.0")),
        (Array(Int), ()),
        (Map(Int), {}),
    ],
)
def test_a_field_that_nothing_sets_has_the_default_value(kind: Type, value: object) -> None:
    assert default_value(kind) == value
