# SPDX-License-Identifier: Apache-2.0
"""What doctor found: what is wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake.

    `id` is stable and documented in docs/reference/doctor.md; `where` names a file and line, a
    listener or a cluster; `what` is the fact, `do` the remedy.
    """

    id: str
    where: str
    what: str
    do: str


def many(count: float, noun: str) -> str:
    """So many of something, in words: `1 check`, `12 checks`."""
    return f"1 {noun}" if count == 1 else f"{count:.0f} {noun}s"
