# SPDX-License-Identifier: Apache-2.0
"""What one node fetched for all, and the certificates that nodes want to be asked about.

Bytes as they came: whoever takes them verifies them as if they came from the network. Who may write
what was fetched is in `leases`; what is wanted, every node writes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select, update

from authz.store.leases import now_of
from authz.store.rows import columns_of, record_of
from authz.store.tables_nodes import shared_fetches, wanted_certificates
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import Connection

#: Keys that one statement names: PostgreSQL and SQLite take some thousands.
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFetch:
    """What was fetched, and the validators to ask with next time."""

    key: str
    version: int
    sha256: str
    body: bytes
    etag: str
    last_modified: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedHead:
    """What was fetched, without its body."""

    key: str
    version: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCertificate:
    """A certificate, its issuer's and its authority, as observability.seen_certificates has it."""

    key: str
    certificate: bytes
    issuer: bytes
    anchor: bytes
    authority: str


class SharedFetches:
    """What was fetched, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._now = now_of(connection)

    def put(self, fetched: SharedFetch) -> None:
        """Keep it in place of what was there."""
        values = {
            "version": fetched.version,
            "sha256": fetched.sha256,
            "body": fetched.body,
            "etag": fetched.etag,
            "last_modified": fetched.last_modified,
            "fetched_at": self._now,
        }
        upsert(self._connection, shared_fetches, {"key": fetched.key}, insert=values)

    def confirm(self, key: str, version: int) -> None:
        """What is there is what there is."""
        table = shared_fetches
        self._connection.execute(
            update(table).where(table.c.key == key).values(version=version, fetched_at=self._now)
        )

    def get(self, key: str) -> SharedFetch | None:
        """What was fetched, None when nothing was."""
        table = shared_fetches
        query = select(*columns_of(SharedFetch, table)).where(table.c.key == key)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(SharedFetch, row)

    def after(self, version: int) -> list[SharedHead]:
        """What is newer than a version, in its order."""
        table = shared_fetches
        query = select(*columns_of(SharedHead, table)).where(table.c.version > version)
        return [
            record_of(SharedHead, row)
            for row in self._connection.execute(query.order_by(table.c.version))
        ]

    def prune(self, seconds: float) -> None:
        """Forget what was not fetched for so long."""
        table = shared_fetches
        self._connection.execute(delete(table).where(table.c.fetched_at < self._now - seconds))


class WantedCertificates:
    """Certificates to ask about, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._now = now_of(connection)

    def add(self, some: Iterable[WantedCertificate]) -> None:
        """Want these, from now on."""
        # In one order, so that two nodes that want the same do not wait for each other.
        for one in sorted(some, key=lambda one: one.key):
            upsert(
                self._connection,
                wanted_certificates,
                {"key": one.key},
                insert={
                    "certificate": one.certificate,
                    "issuer": one.issuer,
                    "anchor": one.anchor,
                    "authority": one.authority,
                    "seen_at": self._now,
                },
                update={"seen_at": self._now},
            )

    def still(self, keys: Collection[str], seconds: float) -> None:
        """They were seen again; those of which that was said in the last `seconds` stay as they
        are."""
        table = wanted_certificates
        ordered = sorted(keys)
        for first in range(0, len(ordered), _AT_ONCE):
            self._connection.execute(
                update(table)
                .where(
                    table.c.key.in_(ordered[first : first + _AT_ONCE]),
                    table.c.seen_at < self._now - seconds,
                )
                .values(seen_at=self._now)
            )

    def within(self, seconds: float, *, most: int) -> list[WantedCertificate]:
        """Those of the last `seconds`, the latest `most` of them, in the order in which they were
        seen."""
        table = wanted_certificates
        query = (
            select(*columns_of(WantedCertificate, table))
            .where(table.c.seen_at >= self._now - seconds)
            .order_by(table.c.seen_at.desc())
            .limit(most)
        )
        found = [record_of(WantedCertificate, row) for row in self._connection.execute(query)]
        return found[::-1]

    def prune(self, seconds: float) -> None:
        """Forget what was not seen for so long."""
        table = wanted_certificates
        self._connection.execute(delete(table).where(table.c.seen_at < self._now - seconds))


def key_of(*parts: bytes | str) -> str:
    """What tells things apart that were asked for: SHA-256 of all parts."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.hexdigest()
