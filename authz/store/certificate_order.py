# SPDX-License-Identifier: Apache-2.0
"""Client certificates in other orders than the latest first.

By expiry there is an index for each status, and both databases put two of them together as they
read: the first page of a million costs what it shows. What was found by words has no index of an
order; it is put in order whole, so the caller bounds how much that is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, union_all

from authz.store.records import CertificateStatus
from authz.store.tables import client_certificates

if TYPE_CHECKING:
    from sqlalchemy import CompoundSelect, Select

    from authz.store.certificates import CertificateQuery

_TABLE = client_certificates


class CertificateOrder(StrEnum):
    """In which order certificates are shown."""

    NEWEST = "newest"
    OLDEST = "oldest"
    EXPIRES_FIRST = "expires_first"
    EXPIRES_LAST = "expires_last"

    @property
    def descends(self) -> bool:
        """Whether what is greater comes first."""
        return self in (CertificateOrder.NEWEST, CertificateOrder.EXPIRES_LAST)

    @property
    def by_expiry(self) -> bool:
        """Whether it is about when certificates expire."""
        return self in (CertificateOrder.EXPIRES_FIRST, CertificateOrder.EXPIRES_LAST)


def numbers_in_order(
    query: CertificateQuery,
    wanted: Select[Any],
    order: CertificateOrder,
    *,
    most: int,
    skip: int,
) -> Select[Any] | CompoundSelect[Any]:
    """The numbers (first column) of the certificates of a query, in an order.

    Args:
        wanted: has them (`number`) in no order.
    """
    if order.by_expiry and not query.search.strip():
        along = _along_the_index(query)
        found = along.selected_columns
        # On the parts themselves: around them, SQLite would read all before it puts them in order.
        by = _directed(order, found.expires_at, found.number)
        return along.order_by(*by).limit(most).offset(skip)
    numbers = wanted.subquery()
    number = numbers.c.number
    rows = select(number)
    columns = [number]
    if order.by_expiry:
        rows = rows.join(_TABLE, _TABLE.c.number == number)
        columns.insert(0, _TABLE.c.expires_at)
    return rows.order_by(*_directed(order, *columns)).limit(most).offset(skip)


def _directed(order: CertificateOrder, *columns: Any) -> list[Any]:
    return [one.desc() if order.descends else one for one in columns]


def _along_the_index(query: CertificateQuery) -> CompoundSelect[Any]:
    """Number and expiry of the certificates of a query without words, a part for each status."""
    parts = []
    for status in CertificateStatus if query.status is None else (query.status,):
        part = select(_TABLE.c.number, _TABLE.c.expires_at).where(
            _TABLE.c.zone_id == query.zone_id, _TABLE.c.status == status.value
        )
        if query.expires_from is not None:
            part = part.where(_TABLE.c.expires_at >= query.expires_from)
        if query.expires_before is not None:
            part = part.where(_TABLE.c.expires_at < query.expires_before)
        parts.append(part)
    return union_all(*parts)
