# SPDX-License-Identifier: Apache-2.0
"""One value in a few words."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from authz.rules.trace_text import brief

if TYPE_CHECKING:
    from authz.rules.types import MaybeValue


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "missing"),
        (True, "true"),
        (-5, "-5"),
        (IPv4Address("10.0.0.1"), "10.0.0.1"),
        (b"a\x1b\xff", r'"a\x1b\xff"'),
        (b"x" * 2000, f'"{"x" * 60}"... of 2,000 bytes'),
        ((), "[]"),
        ((b"a", b"b"), '["a", "b"]'),
        ([1, 2], "[1, 2]"),
        ((b"x" * 50, b"y" * 50, b"z"), f'["{"x" * 50}", "{"y" * 10}"... of 50 bytes, and 1 more]'),
        (tuple(range(12)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 2 more]"),
        ({b"b": 1, b"a": 2}, '{"a": 2, "b": 1}'),
        (
            {b"%02d" % n: n for n in range(30)},
            '{"00": 0, "01": 1, "02": 2, "03": 3, "04": 4, "05": 5, "06": 6, and 23 more}',
        ),
    ],
)
def test_a_value_takes_part_of_a_line(value: MaybeValue, text: str) -> None:
    assert brief(value) == text
