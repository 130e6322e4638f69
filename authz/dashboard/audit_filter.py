# SPDX-License-Identifier: Apache-2.0
"""What the audit log is filtered by on its page: fields of a form, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from authz.errors import InvalidInputError
from authz.services.audit_log import AuditFilter

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The fields of the form, "" for what does not matter.

    Args:
        action: an action, or what it comes to: `create`, `update`, `delete`.
        object: a kind of object.
        since, until: moments as `2026-11-27T09:30`, UTC; the first included and the second not.
    """

    actor: str = ""
    action: str = ""
    object: str = ""
    object_id: str = ""
    zone: str = ""
    since: str = ""
    until: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it lets every entry pass."""
        return not self._given()

    def wanted(self) -> AuditFilter:
        """What it asks for.

        Raises:
            InvalidInputError: a moment is none.
        """
        columns: Mapping[str, str] = {
            "actor": self.actor,
            "action": self.action,
            "object_type": self.object,
            "object_id": self.object_id,
            "zone_id": self.zone,
        }
        return AuditFilter(
            only={name: (value,) for name, value in columns.items() if value},
            since=_moment(self.since, "From"),
            until=_moment(self.until, "To"),
        )

    def query(self, **more: str) -> str:
        """It as the query of an address, with its `?`."""
        given = self._given() | more
        return f"?{urlencode(given)}" if given else ""

    def _given(self) -> dict[str, str]:
        fields = {
            "actor": self.actor,
            "action": self.action,
            "object": self.object,
            "object_id": self.object_id,
            "zone": self.zone,
            "since": self.since,
            "until": self.until,
        }
        return {name: value for name, value in fields.items() if value}


def _moment(text: str, which: str) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f'{which}: "{text[:40]}" is no moment', hint="write it as 2027-01-31T09:30"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
