# SPDX-License-Identifier: Apache-2.0
"""The CRLs that the embedded CA signed: of each issuing certificate the latest of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, literal, select

from authz.store.records import PublishedCrl
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import authority_certificates, published_crls
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy import Connection, Label

_KEY = ("certificate_id", "kind")
_NO_BODY: Label[Any] = literal(b"", LargeBinary).label("body")


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

    def get(self, certificate_id: str, kind: str) -> PublishedCrl | None:
        """The latest CRL of a kind (`complete`, `delta`, `base`) of an issuing certificate."""
        query = select(*columns_of(PublishedCrl, published_crls)).where(
            published_crls.c.certificate_id == certificate_id, published_crls.c.kind == kind
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(PublishedCrl, row)

    def lock(self, certificate_id: str) -> bool:
        """Keep others who sign for an issuing certificate away until the transaction ends; False
        when there is no such certificate (any more)."""
        table = authority_certificates
        # SQLite has one writer anyway, and leaves the lock out.
        query = select(table.c.id).where(table.c.id == certificate_id).with_for_update()
        return self._connection.execute(query).one_or_none() is not None

    def heads(self, certificate_id: str | None = None) -> list[PublishedCrl]:
        """The CRLs of one issuing certificate, or of all, without their bodies: a complete one may
        have megabytes."""
        columns: list[Any] = [*columns_of(PublishedCrl, published_crls, but=("body",)), _NO_BODY]
        query = select(*columns).order_by(published_crls.c.certificate_id, published_crls.c.kind)
        if certificate_id is not None:
            query = query.where(published_crls.c.certificate_id == certificate_id)
        return [record_of(PublishedCrl, row) for row in self._connection.execute(query)]
