# SPDX-License-Identifier: Apache-2.0
"""Moments as the API writes them."""

from __future__ import annotations

from authz.services.times import rfc3339, rfc3339_seconds


def test_moments() -> None:
    assert rfc3339(1.5) == "1970-01-01T00:00:01.500000Z"
    assert rfc3339_seconds(1.999) == "1970-01-01T00:00:01Z"
