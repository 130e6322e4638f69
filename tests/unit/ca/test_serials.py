# SPDX-License-Identifier: Apache-2.0
"""Serial numbers are positive, of at most 159 bits, and never the same."""

from __future__ import annotations

import pytest

from authz.ca import serials
from authz.ca.serials import random_serial


def test_they_are_random_within_159_bits() -> None:
    drawn = [random_serial() for _ in range(2000)]

    assert len(set(drawn)) == len(drawn)
    assert all(0 < one < 2**159 for one in drawn)
    # All 159 bits are used: each is set in some numbers and clear in others.
    assert all(0 < sum(one >> bit & 1 for one in drawn) < 2000 for bit in range(159))


@pytest.mark.parametrize("drawn", [0, 2**159 - 2])
def test_neither_end_leaves_the_range(drawn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def randbelow(limit: int) -> int:
        assert drawn < limit
        return drawn

    monkeypatch.setattr(serials.secrets, "randbelow", randbelow)

    assert 1 <= random_serial() < 2**159
