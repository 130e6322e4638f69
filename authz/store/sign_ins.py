# SPDX-License-Identifier: Apache-2.0
"""Sessions of the dashboard by the hash of what the browser keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, true, update

from authz.store.access_tables import sessions
from authz.store.records import SignIn
from authz.store.rows import Readers, columns_of, record_of, values_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_READERS: Final[Readers] = {"grants": lambda text: tuple(json.loads(text))}


class SignIns:
    """Sessions of the dashboard in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, one: SignIn) -> None:
        """Keep a new one."""
        self._connection.execute(insert(sessions).values(values_of(one)))

    def by_sha256(self, sha256: str) -> SignIn | None:
        """The one with this hash."""
        found = self._some(sessions.c.sha256 == sha256)
        return found[0] if found else None

    def of(self, owner: SignIn) -> list[SignIn]:
        """Those of the same token or person as this one, the last used first."""
        return self._some(_whose(owner))

    def all(self) -> list[SignIn]:
        """Every one, the last used first."""
        return self._some(true())

    def used(self, one: str, at: float) -> None:
        """Note when it was last used; of two moments, the later one stays."""
        self._connection.execute(
            update(sessions)
            .where(sessions.c.id == one, sessions.c.last_used_at < at)
            .values(last_used_at=at)
        )

    def remove(self, one: str) -> bool:
        """End one; whether there was one."""
        return bool(self._connection.execute(delete(sessions).where(sessions.c.id == one)).rowcount)

    def remove_of(self, owner: SignIn) -> int:
        """End all of the same token or person as this one; how many."""
        return self._connection.execute(delete(sessions).where(_whose(owner))).rowcount

    def forget(self, *, at: float, idle_before: float) -> int:
        """Remove those that ended before `at` or were last used before `idle_before`."""
        over = (sessions.c.expires_at <= at) | (sessions.c.last_used_at < idle_before)
        return self._connection.execute(delete(sessions).where(over)).rowcount

    def _some(self, condition: ColumnElement[bool]) -> list[SignIn]:
        query = (
            select(*columns_of(SignIn, sessions))
            .where(condition)
            .order_by(sessions.c.last_used_at.desc(), sessions.c.id)
        )
        return [record_of(SignIn, row, _READERS) for row in self._connection.execute(query)]


def _whose(owner: SignIn) -> ColumnElement[Any]:
    if owner.token_id is None:
        return sessions.c.token_id.is_(None) & (sessions.c.subject == owner.subject)
    return sessions.c.token_id == owner.token_id
