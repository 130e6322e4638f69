# SPDX-License-Identifier: Apache-2.0
"""What is remembered about one thing that is fetched again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.sources.refresh import next_fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.errors import AuthzError
    from authz.sources.fetch_targets import AuthorityId


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One URL of an authority, for metrics and logs. Times are Unix seconds, None for never.

    `kind` is `crl`, `delta` or `ocsp`; `failures` those since the last success, `error` the last.
    `next_update` is that of what is in use, for `ocsp` the earliest.
    """

    authority: AuthorityId
    kind: str
    url: str
    last_success: float | None
    failures: int
    next_update: float | None
    error: AuthzError | None


class Allowance:
    """How much one round may ask.

    Args:
        most: questions at most.
        enough: says that the round should end, before each question.
    """

    def __init__(self, most: int, enough: Callable[[], bool]) -> None:
        self._left = most
        self._enough = enough

    def take(self) -> bool:
        """Whether one more question may be asked, which is then counted."""
        if self._left <= 0 or self._enough():
            self._left = 0
            return False
        self._left -= 1
        return True


@dataclass(slots=True, kw_only=True)
class Attempts:
    """When something was asked for, and what of it is in use.

    Of a node among others (fetching_share): `version` is that of the last that another one brought,
    `epoch` the life of the database that counted it, and `overdue_since` when it was seen that
    nobody brings what is due.
    """

    key: str
    version: int = 0
    epoch: int = 0
    overdue_since: float | None = None
    this_update: float | None = None
    next_update: float | None = None
    asked_at: float | None = None
    last_success: float | None = None
    failures: int = 0
    error: AuthzError | None = None

    def due_at(self, at: float) -> float:
        """When to ask next."""
        return next_fetch(
            self.this_update, self.next_update, self.asked_at, self.failures, at, self.key
        )

    def succeeded(self, at: float) -> None:
        """An answer came that can be used, or what we have is what there is."""
        self.asked_at = self.last_success = at
        self.failures, self.error = 0, None

    def failed(self, at: float, error: AuthzError) -> None:
        """Nothing came that can be used."""
        self.asked_at = at
        self.failures += 1
        self.error = error
