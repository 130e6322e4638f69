# SPDX-License-Identifier: Apache-2.0
"""What an import of Cloudflare's configuration finds and does, as values and as JSON.

An object carries over, changes its meaning, or cannot be carried over; a note says what and why.
`losses` are what was protected at Cloudflare and would not be here, `changes` what is different in
the store afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from authz.errors import AuthzError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Verdict(StrEnum):
    """What becomes of one object."""

    CARRIES_OVER = "carries_over"
    CHANGES = "changes"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing to know about an object; `code` is a stable word for it.

    `changes` says whether the object means something else here because of it.
    """

    code: str
    text: str
    changes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object of Cloudflare's and what becomes of it.

    Args:
        kind: `rule`, `list`, `authority`, `hosts`, `client certificates`, `ruleset`, `zone`.
        error: why it cannot be carried over, where the engine says so (with carets).
    """

    kind: str
    name: str
    verdict: Verdict
    notes: tuple[Note, ...] = ()
    error: AuthzError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One zone, or what its account shares: what is kept together, or not at all.

    Args:
        scope: `zone` or `account`.
        losses: phrases, the protection that is lost.
        changes: phrases, what is different in the store afterwards.
        error: why it could not be applied as a whole.
        applied: whether it is in the store now; a part without changes is there already.
    """

    scope: str
    name: str
    items: tuple[Item, ...] = ()
    losses: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    error: AuthzError | None = None
    applied: bool = False

    @property
    def title(self) -> str:
        """What it is called: `zone example.com`."""
        return f"{self.scope} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was found, in the order in which it is applied."""

    source: str
    parts: tuple[Part, ...]

    @property
    def losses(self) -> tuple[str, ...]:
        """What was protected at Cloudflare and would not be here, with where."""
        return tuple(f"{part.title}: {loss}" for part in self.parts for loss in part.losses)

    @property
    def complete(self) -> bool:
        """Whether everything carries over as it is."""
        return not self.losses and all(
            part.error is None and all(one.verdict is Verdict.CARRIES_OVER for one in part.items)
            for part in self.parts
        )


def item_of(
    kind: str, name: str, notes: Iterable[Note] = (), *, cannot: AuthzError | bool = False
) -> Item:
    """An object with the verdict that follows from its notes."""
    found = tuple(notes)
    verdict = Verdict.CARRIES_OVER
    if cannot:
        verdict = Verdict.CANNOT
    elif any(one.changes for one in found):
        verdict = Verdict.CHANGES
    error = cannot if isinstance(cannot, AuthzError) else None
    return Item(kind=kind, name=name, verdict=verdict, notes=found, error=error)


def report_object(report: Report) -> dict[str, Any]:
    """The report as `--json` gives it."""
    return {
        "source": report.source,
        "complete": report.complete,
        "losses": list(report.losses),
        "parts": [
            {
                "scope": part.scope,
                "name": part.name,
                "applied": part.applied,
                "error": None if part.error is None else _error(part.error),
                "losses": list(part.losses),
                "changes": list(part.changes),
                "objects": [
                    {
                        "kind": one.kind,
                        "name": one.name,
                        "verdict": str(one.verdict),
                        "notes": [
                            {"code": note.code, "text": note.text, "changes": note.changes}
                            for note in one.notes
                        ],
                        "error": None if one.error is None else _error(one.error),
                    }
                    for one in part.items
                ],
            }
            for part in report.parts
        ],
    }


def _error(error: AuthzError) -> dict[str, Any]:
    found: dict[str, Any] = {
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "code": error.code,
    }
    if isinstance(error, ExpressionError):
        found |= {"line": error.line, "column": error.column, "source": error.source}
    return found
