# SPDX-License-Identifier: Apache-2.0
"""Moments in queries: RFC 3339, or a day, which begins at midnight UTC. As Unix seconds inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

#: RFC 3339 §5.6, in either case; a moment without an offset is taken to be UTC.
_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})([Tt ](\d{2}:\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)


def seconds_of(text: object) -> float:
    """Unix seconds.

    Raises:
        ValueError: the text is no moment.
    """
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("write a moment as 2026-01-31T12:00:00Z or 2026-01-31")
    day, time, minute, second, fraction, offset = found.groups()
    if time is None:
        return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    # A leap second is the beginning of the next minute.
    leap = second == "60"
    written = f"{day}T{minute}:{'59' if leap else second}{offset or '+00:00'}".upper()
    seconds = datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp()
    return seconds + leap + (0 if leap else float(fraction or 0))


Moment = Annotated[
    float,
    BeforeValidator(seconds_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ],
            "examples": ["2026-01-31T12:00:00Z", "2026-01-31"],
        }
    ),
]
