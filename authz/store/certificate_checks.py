# SPDX-License-Identifier: Apache-2.0
"""How many checks each certificate was shown in, and what became of them.

Counts are added to what is there, so that several nodes can count into one database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, exists, func, select

from authz.store.records_activity import CertificateChecks
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import client_certificates
from authz.store.tables_activity import certificate_checks
from authz.store.upsert import inserting

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

_TABLE: Final = certificate_checks

#: Fingerprints that one question names: PostgreSQL and SQLite take some thousands.
_AT_ONCE: Final = 500


class CertificateCheckCounts:
    """Counts by certificate, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, some: Sequence[CertificateChecks]) -> None:
        """Add to what was counted."""
        if not some:
            return
        sqlite_here = self._connection.dialect.name == "sqlite"
        statement = inserting(self._connection, _TABLE)
        new = statement.excluded
        later = func.max if sqlite_here else func.greatest
        earlier = func.min if sqlite_here else func.least
        statement = statement.on_conflict_do_update(
            index_elements=["fingerprint_sha256"],
            set_={
                "allowed": _TABLE.c.allowed + new.allowed,
                "blocked": _TABLE.c.blocked + new.blocked,
                "first_at": earlier(_TABLE.c.first_at, new.first_at),
                "last_at": later(_TABLE.c.last_at, new.last_at),
                "verified": _TABLE.c.verified | new.verified
                if sqlite_here
                else _TABLE.c.verified.op("OR")(new.verified),
            },
        )
        # In one order, so that two who count the same do not wait for each other.
        rows = sorted(map(values_of, some), key=lambda row: row["fingerprint_sha256"])
        self._connection.execute(statement, rows)

    def known(self, fingerprints: Collection[str], zone_id: str | None = None) -> set[str]:
        """Which of these are fingerprints of client certificates that are managed here, in a
        zone or in any."""
        column = client_certificates.c.fingerprint_sha256
        found: set[str] = set()
        for some in _parts(sorted(fingerprints)):
            query = select(column).where(column.in_(some))
            if zone_id is not None:
                query = query.where(client_certificates.c.zone_id == zone_id)
            found.update(self._connection.execute(query).scalars())
        return found

    def get(self, fingerprints: Collection[str]) -> dict[str, CertificateChecks]:
        """What was counted of these certificates, by fingerprint; nothing of those never seen."""
        found: dict[str, CertificateChecks] = {}
        for some in _parts(sorted(fingerprints)):
            query = select(*columns_of(CertificateChecks, _TABLE)).where(
                _TABLE.c.fingerprint_sha256.in_(some)
            )
            for row in self._connection.execute(query):
                found[row.fingerprint_sha256] = record_of(CertificateChecks, row)
        return found

    def forget(self, *, before: float, keep: int) -> int:
        """Remove counts of certificates that are not managed here and were last seen before a Unix
        time, and those seen longest ago of more than `keep`; how many."""
        managed = exists().where(
            client_certificates.c.fingerprint_sha256 == _TABLE.c.fingerprint_sha256
        )
        old = _TABLE.c.last_at < before
        rows = select(_TABLE.c.last_at).where(~managed).order_by(_TABLE.c.last_at.desc())
        beyond = self._connection.execute(rows.offset(keep).limit(1)).scalar_one_or_none()
        if beyond is not None:
            old = old | (_TABLE.c.last_at <= beyond)
        return self._connection.execute(delete(_TABLE).where(old, ~managed)).rowcount


def _parts(some: Sequence[str]) -> list[Sequence[str]]:
    return [some[start : start + _AT_ONCE] for start in range(0, len(some), _AT_ONCE)]
