# SPDX-License-Identifier: Apache-2.0
"""Who is told how near the end is."""

from __future__ import annotations

import pytest

from authz.ca.expiry import ExpiryLevel, expiry_warning

DAY = 86400.0


@pytest.mark.parametrize(
    ("left", "level"),
    [
        (31 * DAY, None),
        (30 * DAY + 1, None),
        (30 * DAY, ExpiryLevel.NOTICE),
        (7 * DAY + 1, ExpiryLevel.NOTICE),
        (7 * DAY, ExpiryLevel.WARNING),
        (DAY + 1, ExpiryLevel.WARNING),
        (DAY, ExpiryLevel.CRITICAL),
        (0, ExpiryLevel.CRITICAL),
        (-0.5, ExpiryLevel.CRITICAL),
        (-1, ExpiryLevel.EXPIRED),
    ],
)
def test_levels(left: float, level: ExpiryLevel | None, at: float) -> None:
    assert expiry_warning(at + left, at) is level
