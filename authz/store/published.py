# SPDX-License-Identifier: Apache-2.0
"""The CRLs that the embedded CA signed: of each issuing certificate the latest of both kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from authz.store.records import PublishedCrl
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import published_crls
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KEY = ("certificate_id", "kind")


class PublishedCrls:
    """CRLs of our own, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, crl: PublishedCrl) -> None:
        """Keep the latest CRL of a kind."""
        upsert(
            self._connection,
            published_crls,
            {name: getattr(crl, name) for name in _KEY},
            insert=values_of(crl, but=_KEY),
        )

    def get(
        self, certificate_id: str, kind: str, *, for_update: bool = False
    ) -> PublishedCrl | None:
        """The latest CRL of a kind (`complete`, `delta`) of an issuing certificate.

        Args:
            for_update: nobody else gets it like that until the transaction ends (SQLite has one
                writer anyway).
        """
        query = select(*columns_of(PublishedCrl, published_crls)).where(
            published_crls.c.certificate_id == certificate_id, published_crls.c.kind == kind
        )
        if for_update:
            query = query.with_for_update()
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(PublishedCrl, row)
