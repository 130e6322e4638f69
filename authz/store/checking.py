# SPDX-License-Identifier: Apache-2.0
"""Whether a store is what it should be: what the database finds, and what only we know.

Reads everything, changes nothing. A finding is a value, damaged pages are findings as well; that
the store cannot be reached is an error. Certificates and keys are looked into by
services.store_check.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, exc, exists, func, not_, select, text

from authz.store.access_tables import audit_log, tokens
from authz.store.causes import is_damage
from authz.store.counts import counting
from authz.store.engine import database_of
from authz.store.metadata import metadata
from authz.store.tables import (
    authorities,
    authority_certificates,
    certificate_counts,
    client_certificates,
    list_items,
    lists,
    revocation_counts,
    revocations,
    rule_drafts,
    ruleset_versions,
    rulesets,
    zones,
)
from authz.store.tables_activity import events, recorded_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Column, Connection

    from authz.errors import StoreDamagedError
    from authz.store.engine import Store

#: Of one kind so many are told one by one; more of them are the same again.
MAX_OF_A_KIND: Final = 20

#: Where findings are that are about the file as a whole.
DATABASE: Final = "database"

#: How the finding about a column ends whose text cannot be read.
NOT_JSON: Final = "is not JSON"

_JSON: Final = (
    zones.c.upstream_headers,
    authorities.c.sources,
    ruleset_versions.c.rules,
    rule_drafts.c.rule,
    tokens.c.scopes,
    audit_log.c.before,
    audit_log.c.after,
    events.c.event,
    recorded_requests.c.left_out,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong: where in the store, and what."""

    where: str
    message: str


def check(store: Store) -> list[Finding]:
    """Everything that is wrong with a store.

    Raises:
        StoreUnavailableError: it cannot be read.
    """
    found: list[Finding] = []
    with store.read() as session:
        connection = session._connection
        store._database.patient(connection)
        for part in (
            _of_sqlite,
            _counts,
            _revocation_counts,
            _list_counts,
            _revoked,
            _versions,
            _keys,
            _json,
        ):
            found += some_of(part(connection))
            if part is _of_sqlite and found:
                # What else would be read of a damaged file is no finding.
                break
    return found


def damage(database: str, data_dir: Path, error: StoreDamagedError) -> list[Finding]:
    """What is wrong with a database that is so damaged that it cannot be opened as a store.

    Args:
        database: as `open_store` takes it, with `data_dir`.
        error: what opening it raised.
    """
    adapter = database_of(database, data_dir, create=False)
    try:
        with adapter.reading.connect() as connection:
            found = some_of(_of_sqlite(connection))
    except exc.SQLAlchemyError:
        found = []
    finally:
        adapter.close()
    return found or [Finding(where=DATABASE, message=error.message)]


def some_of(findings: Iterable[Finding]) -> list[Finding]:
    """The first MAX_OF_A_KIND findings of one kind; that SQLite finds damage meanwhile is one."""
    some: list[Finding] = []
    try:
        for one in findings:
            if len(some) == MAX_OF_A_KIND:
                some.append(Finding(where=one.where, message="and more like this"))
                break
            some.append(one)
    except exc.DatabaseError as error:
        if not is_damage(error.orig):
            raise
        some.append(Finding(where=DATABASE, message=str(error.orig)))
    return some


def _of_sqlite(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name != "sqlite":
        # PostgreSQL keeps its references itself, and its pages are pg_amcheck's.
        return
    for (message,) in connection.execute(text("PRAGMA integrity_check")):
        if message != "ok":
            # One row may have many lines, the first of them "*** in database main ***".
            for line in str(message).split("\n"):
                if not line.startswith("***"):
                    yield Finding(where=DATABASE, message=line)
    for row in connection.execute(text("PRAGMA foreign_key_check")):
        yield Finding(where=str(row[0]), message=f"row {row[1]} refers to nothing in {row[2]}")


def _counts(connection: Connection) -> Iterator[Finding]:
    kept = {
        (row.zone_id, row.status, row.block): row.certificates
        for row in connection.execute(select(*certificate_counts.columns))
        if row.certificates
    }
    query = counting()
    counted = {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}
    for key in sorted(kept.keys() | counted.keys()):
        if kept.get(key, 0) != counted.get(key, 0):
            yield Finding(
                where=f"zone {key[0]}",
                message=f"{counted.get(key, 0)} certificates are {key[1]} (block {key[2]}), "
                f"kept is {kept.get(key, 0)}",
            )


def _revocation_counts(connection: Connection) -> Iterator[Finding]:
    kept = {
        row.authority_id: row.revocations
        for row in connection.execute(select(*revocation_counts.columns))
    }
    query = select(revocations.c.authority_id, func.count()).group_by(revocations.c.authority_id)
    counted = {row[0]: row[1] for row in connection.execute(query)}
    for key in sorted(kept.keys() | counted.keys()):
        if kept.get(key, 0) != counted.get(key, 0):
            yield Finding(
                where=f"authority {key}",
                message=f"{counted.get(key, 0)} serial numbers are revoked, "
                f"kept is {kept.get(key, 0)}",
            )


def _list_counts(connection: Connection) -> Iterator[Finding]:
    query = select(list_items.c.list_id, func.count()).group_by(list_items.c.list_id)
    counted = {row[0]: row[1] for row in connection.execute(query)}
    kept = select(lists.c.id, lists.c.name, lists.c["items"])
    for list_id, name, items in connection.execute(kept):
        if counted.get(list_id, 0) != items:
            yield Finding(
                where=f"list {name}",
                message=f"it has {counted.get(list_id, 0)} items, kept is {items}",
            )


def _revoked(connection: Connection) -> Iterator[Finding]:
    table = client_certificates
    same = and_(
        revocations.c.authority_id == table.c.authority_id,
        revocations.c.serial == table.c.serial,
    )
    off = select(table.c.id).where(
        table.c.status == "revoked", not_(exists().where(same).correlate(table))
    )
    for (certificate_id,) in connection.execute(off.limit(MAX_OF_A_KIND + 1)):
        yield Finding(
            where=f"certificate {certificate_id}",
            message="it is revoked, but not on its authority's list",
        )
    on = select(table.c.id).join(revocations, same).where(table.c.status != "revoked")
    for (certificate_id,) in connection.execute(on.limit(MAX_OF_A_KIND + 1)):
        yield Finding(
            where=f"certificate {certificate_id}",
            message="it is active, but on its authority's list of revoked ones",
        )


def _versions(connection: Connection) -> Iterator[Finding]:
    there = exists().where(
        ruleset_versions.c.ruleset_id == rulesets.c.id,
        ruleset_versions.c.version == rulesets.c.version,
    )
    query = select(rulesets.c.id, rulesets.c.version).where(not_(there))
    for ruleset_id, version in connection.execute(query):
        yield Finding(where=f"ruleset {ruleset_id}", message=f"its version {version} is not there")


def _keys(connection: Connection) -> Iterator[Finding]:
    table = authority_certificates
    query = (
        select(table.c.id)
        .join(authorities, authorities.c.id == table.c.authority_id)
        .where(
            # Also a root of before: its CRLs are signed until it goes.
            table.c.role.in_(("issuing", "previous", "previous_root")),
            table.c.key_id.is_(None),
            authorities.c.kind == "managed",
        )
    )
    for (certificate_id,) in connection.execute(query):
        yield Finding(
            where=f"authority certificate {certificate_id}", message="it signs, but has no key"
        )


def _json(connection: Connection) -> Iterator[Finding]:
    for column in _JSON:
        yield from _json_of(connection, column)


def _json_of(connection: Connection, column: Column[str]) -> Iterator[Finding]:
    table = column.table
    key = next(iter(metadata.tables[str(table)].primary_key.columns))
    query = select(key, column).where(column.is_not(None))
    with connection.execute(query, execution_options={"yield_per": 1_000}) as rows:
        for name, value in rows:
            try:
                json.loads(value)
            except ValueError:
                yield Finding(where=f"{table} {name}", message=f"{column.name} {NOT_JSON}")
