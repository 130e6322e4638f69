# SPDX-License-Identifier: Apache-2.0
"""How near the end of a certificate is, in the few steps that somebody is told about."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

_DAY: Final = 86400.0


class ExpiryLevel(StrEnum):
    """From far to near; a closed set, so it may be a metric label."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"
    EXPIRED = "expired"


#: From the nearest: the level that holds while no more than so many days are left.
WARNING_DAYS: tuple[tuple[float, ExpiryLevel], ...] = (
    (1, ExpiryLevel.CRITICAL),
    (7, ExpiryLevel.WARNING),
    (30, ExpiryLevel.NOTICE),
)


def expiry_warning(not_after: float, at: float) -> ExpiryLevel | None:
    """The level to tell at `at` of what ends at `not_after` (Unix seconds), or None.

    The whole second `not_after` still belongs to the validity (RFC 5280 §4.1.2.5).
    """
    if at >= not_after + 1:
        return ExpiryLevel.EXPIRED
    for days, level in WARNING_DAYS:
        if not_after - at <= days * _DAY:
            return level
    return None
