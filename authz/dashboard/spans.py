# SPDX-License-Identifier: Apache-2.0
"""The time that a page is about: the last hours or days, or from one moment to another, in UTC.

    span_of("24h", "", "", now)                                    # one of PRESETS
    span_of(EXACT, "2026-11-27T09:30", "2026-11-27T10:00", now)    # as `datetime-local` inputs send

A span is whole steps, as counts are: a page's chart and its list are about the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What an exact time is called where a preset could stand.
EXACT: Final = "exact"
DEFAULT: Final = "24h"

#: By name, what people call it, steps and seconds of a step. The last step goes on.
PRESETS: Final[Mapping[str, tuple[str, int, int]]] = MappingProxyType(
    {
        "1h": ("Last hour", 60, 60),
        "6h": ("6 hours", 72, 300),
        "24h": ("24 hours", 48, 1800),
        "7d": ("7 days", 42, 4 * 3600),
        "30d": ("30 days", 60, 12 * 3600),
    }
)

#: Steps of exact spans: the first with which there are at most MAX_STEPS of them.
_STEPS: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800)
MAX_STEPS: Final = 72
#: Counts are kept for so long (services.activity).
MAX_SECONDS: Final = 400 * 86_400
#: 1970 to 3000: what is a moment at all.
_LATEST: Final = 32_503_680_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From one moment to another, Unix seconds.

    Args:
        name: of a preset, or EXACT.
        until: None until now, and what comes.
        end: when the last step ends, also where nothing ends.
        step: seconds.
    """

    name: str
    since: float
    until: float | None
    end: float
    step: int

    @property
    def fields(self) -> dict[str, str]:
        """The fields of a query that it is written in."""
        if self.name != EXACT:
            return {"span": self.name}
        assert self.until is not None, "an exact one ends"
        return exact_fields(self.since, self.until)


def preset(name: str, now: float) -> Span:
    """The last hours or days."""
    _, steps, step = PRESETS[name]
    end = (math.floor(now / step) + 1) * step
    return Span(name=name, since=float(end - steps * step), until=None, end=float(end), step=step)


def span_of(name: str, since: str, until: str, now: float) -> Span:
    """What the fields of a query mean; DEFAULT where there are none.

    Raises:
        InvalidInputError: no such time, or too much of it.
    """
    if name != EXACT:
        if name and name not in PRESETS:
            raise InvalidInputError(
                f'time: there is no "{name[:20]}"', hint=f"one of {', '.join(PRESETS)} or {EXACT}"
            )
        return preset(name or DEFAULT, now)
    begin = _moment("from", since)
    end = _moment("until", until) if until.strip() else now
    if end <= begin:
        raise InvalidInputError(
            "the time ends before it begins", hint="choose a later end or an earlier beginning"
        )
    if end - begin > MAX_SECONDS:
        raise InvalidInputError("that is more than 400 days", hint="nothing is kept for longer")
    step = next(one for one in _STEPS if (end - begin) / one <= MAX_STEPS or one == _STEPS[-1])
    return exact(begin, end, step)


def exact(since: float, until: float, step: int = 60) -> Span:
    """From one moment to another, widened to whole steps."""
    begin, end = math.floor(since / step) * step, math.ceil(until / step) * step
    return Span(name=EXACT, since=float(begin), until=float(end), end=float(end), step=step)


def exact_fields(since: float, until: float) -> dict[str, str]:
    """The fields of a query for the time from one moment to another."""
    return {"span": EXACT, "since": field_text(since), "until": field_text(until)}


def field_text(at: float) -> str:
    """Unix seconds as a `datetime-local` input has them, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}"


def _moment(field: str, text: str) -> float:
    try:
        found = datetime.fromisoformat(text.strip())
        at = found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        at = -1.0
    if not 0 <= at <= _LATEST:
        raise InvalidInputError(
            f'{field}: "{text.strip()[:40]}" is not a time', hint="write 2026-03-01T12:00"
        )
    return at
