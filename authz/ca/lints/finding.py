# SPDX-License-Identifier: Apache-2.0
"""What a lint is, and what it finds.

One lint is one small function over one view, and cites the clause it enforces. It returns what is
wrong, or None; it never raises over anything that a view can be made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

View = TypeVar("View")


class Severity(StrEnum):
    """An error keeps from being signed; a warning is told."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint(Generic[View]):
    """One rule. `check` returns what breaks it, in words, or None."""

    id: str
    clause: str
    check: Callable[[View], str | None]
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """A rule that is broken."""

    id: str
    clause: str
    severity: Severity
    message: str


def run(lints: Iterable[Lint[View]], view: View) -> tuple[LintFinding, ...]:
    """What all these lints find, in their order."""
    return tuple(
        LintFinding(id=lint.id, clause=lint.clause, severity=lint.severity, message=message)
        for lint in lints
        if (message := lint.check(view)) is not None
    )
