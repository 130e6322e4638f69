# SPDX-License-Identifier: Apache-2.0
"""How many certificates there are, kept beside them, by zone, status and block of numbers.

Counting a million takes too long, and so does leaving half a million out to come to a page in the
middle: the blocks say in which one the page begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal_column, select, update

from authz.store.records import CertificateStatus
from authz.store.tables import certificate_counts, client_certificates
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select

#: Numbers of a block: 2^12. A page is at most so many rows away from where it is looked for.
BLOCK_BITS: Final = 12

_TABLE = certificate_counts


def count_one(
    connection: Connection, zone_id: str, status: CertificateStatus, number: int, more: int
) -> None:
    """A certificate of this number is now (+1), or no more (-1), of this status."""
    upsert(
        connection,
        _TABLE,
        {"zone_id": zone_id, "status": status.value, "block": number >> BLOCK_BITS},
        insert={"certificates": max(more, 0)},
        update={"certificates": _TABLE.c.certificates + more},
    )


def uncount(connection: Connection, condition: ColumnElement[bool]) -> int:
    """The certificates of which `condition` is true are about to go; how many there are."""
    rows = connection.execute(counting().where(condition)).all()
    for row in rows:
        connection.execute(
            update(_TABLE)
            .where(
                _TABLE.c.zone_id == row.zone_id,
                _TABLE.c.status == row.status,
                _TABLE.c.block == row.block,
            )
            .values(certificates=_TABLE.c.certificates - row.certificates)
        )
    return sum(int(row.certificates) for row in rows)


def counted(connection: Connection, zone_id: str, status: CertificateStatus | None) -> int:
    """How many certificates a zone has, of a status or in all."""
    query = select(func.coalesce(func.sum(_TABLE.c.certificates), 0)).where(*_of(zone_id, status))
    return int(connection.execute(query).scalar_one())


def skipped(
    connection: Connection, zone_id: str, status: CertificateStatus | None, skip: int
) -> tuple[int | None, int]:
    """Where to begin when the latest `skip` are left out.

    Returns:
        The number that all before it are below, None for the latest of all, and how many of
        these are still to be left out: fewer than a block has.
    """
    if skip >> BLOCK_BITS == 0:
        return None, skip
    query = (
        select(_TABLE.c.block, func.sum(_TABLE.c.certificates))
        .where(*_of(zone_id, status))
        .group_by(_TABLE.c.block)
        .order_by(_TABLE.c.block.desc())
    )
    for block, certificates in connection.execute(query):
        if skip < certificates:
            return (block + 1) << BLOCK_BITS, skip
        skip -= int(certificates)
    # Behind the last one: numbers begin with 1.
    return 1, 0


def recount(connection: Connection) -> None:
    """Count everything anew."""
    connection.execute(_TABLE.delete())
    found = counting()
    connection.execute(_TABLE.insert().from_select(list(found.selected_columns.keys()), found))


def counting() -> Select[Any]:
    """The query that counts what is kept."""
    table = client_certificates
    # Not shifted: PostgreSQL shifts its numbers by another kind of number only.
    block = table.c.number.op("/")(literal_column(str(1 << BLOCK_BITS))).label("block")
    return select(
        table.c.zone_id, table.c.status, block, func.count().label("certificates")
    ).group_by(table.c.zone_id, table.c.status, block)


def _of(zone_id: str, status: CertificateStatus | None) -> list[Any]:
    conditions: list[Any] = [_TABLE.c.zone_id == zone_id]
    if status is not None:
        conditions.append(_TABLE.c.status == status.value)
    return conditions


def count_unseen(connection: Connection, at: float, issued_before: float, *, among: int) -> int:
    """How many active certificates that were issued before a moment no check has seen.

    Only the `among` certificates that were issued last are looked at: there is no index for what
    never happened, and whoever does not use a certificate is found soon after it was issued.
    """
    table = client_certificates
    last = (
        select(table.c.status, table.c.issued_at, table.c.expires_at, table.c.last_seen_at)
        .order_by(table.c.number.desc())
        .limit(among)
        .subquery()
    )
    query = (
        select(func.count())
        .select_from(last)
        .where(
            last.c.status == CertificateStatus.ACTIVE.value,
            last.c.last_seen_at.is_(None),
            last.c.issued_at < issued_before,
            last.c.expires_at >= at,
        )
    )
    return int(connection.execute(query).scalar_one())
