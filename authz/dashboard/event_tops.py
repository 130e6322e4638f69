# SPDX-License-Identifier: Apache-2.0
"""What was blocked most, as lists with bars, each of which leads to its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.dashboard.chart import share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.dashboard.event_rows import Names
    from authz.services.check_counts import Top, TopBy

TITLES: Final[Mapping[TopBy, str]] = {
    "certificate": "Certificates",
    "path": "Paths",
    "host": "Hosts",
    "rule": "Rules",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopRow:
    """One value: `share` is its bar in percent of the first one's, `url` its events."""

    title: str
    name: str
    blocked: int
    share: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TopList:
    """The values of one kind (`by`), those with the most first."""

    by: str
    title: str
    rows: tuple[TopRow, ...]


def top_lists(
    top: Mapping[TopBy, tuple[Top, ...]], names: Names, url: Callable[[TopBy, str], str]
) -> tuple[TopList, ...]:
    """The lists, those with nothing in them as well.

    Args:
        url: where the events of a value are.
    """
    titles: dict[TopBy, Callable[[str], str]] = {
        "certificate": names.certificate,
        "rule": names.rule,
    }
    return tuple(
        TopList(
            by=by,
            title=title,
            rows=tuple(
                TopRow(
                    title=titles.get(by, str)(one.name),
                    name=one.name,
                    blocked=one.blocked,
                    share=share(one.blocked, top[by][0].blocked),
                    url=url(by, one.name),
                )
                for one in top[by]
            ),
        )
        for by, title in TITLES.items()
    )
