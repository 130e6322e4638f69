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
