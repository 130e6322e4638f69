# SPDX-License-Identifier: Apache-2.0
"""Values as people read them: the filters of the templates. Times are UTC, and say so."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STEPS: Final = ((86_400 * 365, "year"), (86_400, "day"), (3600, "hour"), (60, "minute"))


def moment(at: float | None) -> str:
    """Unix seconds as `2026-11-27 09:30 UTC`; "—" for None."""
    return "—" if at is None else f"{_utc(at):%Y-%m-%d %H:%M} UTC"


def second(at: float | None) -> str:
    """The same, to the second."""
    return "—" if at is None else f"{_utc(at):%Y-%m-%d %H:%M:%S} UTC"


def day(at: float | None) -> str:
    """Unix seconds as `2026-11-27`; "—" for None."""
    return "—" if at is None else f"{_utc(at):%Y-%m-%d}"


def iso(at: float | None) -> str:
    """Unix seconds for machines (the `datetime` of a `time` element); "" for None."""
    return "" if at is None else f"{_utc(at):%Y-%m-%dT%H:%M:%SZ}"


def ago(at: float | None, now: float) -> str:
    """How long ago, or how soon: `3 minutes ago`, `in 2 days`; "never" for None."""
    if at is None:
        return "never"
    seconds = now - at
    for size, name in _STEPS:
        count = int(abs(seconds) // size)
        if count:
            text = f"{count} {name}{'' if count == 1 else 's'}"
            return f"{text} ago" if seconds >= 0 else f"in {text}"
    return "just now" if seconds >= 0 else "in a moment"


def grouped(number: int) -> str:
    """A number with its thousands apart: `1,234,567`."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it is of: `1 rule`, `2 rules`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def short(text: str, most: int = 12) -> str:
    """The beginning of a long text, such as a fingerprint."""
    return text if len(text) <= most else f"{text[:most]}…"


def sentence(text: str) -> str:
    """A message of ours as a sentence: `the path is long` as `The path is long.`"""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(at, -62_135_596_800.0), 253_402_300_799.0), UTC)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "moment": moment,
        "second": second,
        "day": day,
        "iso": iso,
        "ago": ago,
        "grouped": grouped,
        "counted": counted,
        "short": short,
        "sentence": sentence,
    }
)
