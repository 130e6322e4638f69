# SPDX-License-Identifier: Apache-2.0
"""What was fetched for authorities: CRLs and OCSP answers of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from authz.store.records import Fetched
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import fetched
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KEY = ("authority_id", "kind", "subject")


class Fetches:
    """What was fetched, in one transaction."""

    def __init__(self, connection: Connection, revision: int) -> None:
        self._connection = connection
        self._revision = revision

    def put(self, one: Fetched, *, changed: bool) -> None:
        """Keep what a fetch gave.

        Args:
            changed: its body is another one, which is to be enforced.
        """
        values = values_of(one, but=(*_KEY, "revision"))
        if changed:
            values["revision"] = self._revision
        upsert(
            self._connection,
            fetched,
            {name: getattr(one, name) for name in _KEY},
            insert={"revision": self._revision, **values},
            update=values,
        )

    def all(self, *, with_bodies: bool = True) -> list[Fetched]:
        """Everything that was fetched."""
        but = () if with_bodies else ("body",)
        query = select(*columns_of(Fetched, fetched, but=but)).order_by(
            *(fetched.c[name] for name in _KEY)
        )
        return [record_of(Fetched, row) for row in self._connection.execute(query)]

    def body(self, authority_id: str, kind: str, subject: str) -> bytes | None:
        """What a fetch gave, None when there is nothing."""
        query = select(fetched.c.body).where(
            fetched.c.authority_id == authority_id,
            fetched.c.kind == kind,
            fetched.c.subject == subject,
        )
        return self._connection.execute(query).scalar_one_or_none()

    def remove(self, authority_id: str, kind: str, subject: str) -> None:
        """Forget what was fetched from an address that is not configured any more."""
        self._connection.execute(
            delete(fetched).where(
                fetched.c.authority_id == authority_id,
                fetched.c.kind == kind,
                fetched.c.subject == subject,
            )
        )
