# SPDX-License-Identifier: Apache-2.0
"""What is made of it is in tests/unit/dashboard/pages/test_expressions.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.dashboard.expression_json import Offsets


@given(source=st.text(st.sampled_from("aé€😀𓀀\n"), max_size=12))
def test_offsets_are_those_of_utf_16(source: str) -> None:
    offsets = Offsets(source)

    for at in range(len(source) + 1):
        units = len(source[:at].encode("utf-16-le")) // 2
        assert offsets.units(at) == units
        assert offsets.characters(units) == at


@pytest.mark.parametrize(("units", "at"), [(0, 0), (1, 0), (2, 1), (3, 2), (99, 2)])
def test_an_offset_inside_a_character_is_that_character(units: int, at: int) -> None:
    assert Offsets("😀a").characters(units) == at


def test_offsets_beyond_the_end() -> None:
    assert Offsets("😀").units(9) == 2
