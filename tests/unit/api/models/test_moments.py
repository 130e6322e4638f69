# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.api.models.moments import seconds_of

#: 2026-01-01T00:00:00Z.
NEW_YEAR = 1767225600.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01", NEW_YEAR),
        ("2026-01-01T00:00:00Z", NEW_YEAR),
        ("2026-01-01t01:00:00z", NEW_YEAR + 3600),
        ("2026-01-01 00:00:00", NEW_YEAR),
        ("2026-01-01T00:00:00.25Z", NEW_YEAR + 0.25),
        ("2026-01-01T00:00:00.0000001Z", NEW_YEAR + 1e-7),
        ("2026-01-01T02:00:00+02:00", NEW_YEAR),
        ("2025-12-31T19:00:00-05:00", NEW_YEAR),
        ("2025-12-31T23:59:60Z", NEW_YEAR),
        ("1969-12-31T23:59:59Z", -1.0),
        ("0001-01-01", -62135596800.0),
    ],
)
def test_moments(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "1767225600",
        "2026-13-01",
        "2026-02-30",
        "20260101",
        "2026-01-01T00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00+99:99",
        "2026-01-01T00:00:00Z\n",
        "٢٠٢٦-01-01",
        7,
        None,
    ],
)
def test_what_is_none(text: object) -> None:
    with pytest.raises(ValueError, match=r"moment|month|day|hour|minute|second|offset|range"):
        seconds_of(text)
