# SPDX-License-Identifier: Apache-2.0
"""What was done to the items of lists, kept for a while for whoever asks whether it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from authz.store.records import ListOperation
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import list_operations

if TYPE_CHECKING:
    from sqlalchemy import Connection


class ListOperations:
    """Operations on items, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, operation: ListOperation) -> None:
        """Keep an operation."""
        self._connection.execute(insert(list_operations).values(values_of(operation)))

    def get(self, account_id: str, operation_id: str) -> ListOperation | None:
        """The account's operation with this identifier."""
        query = select(*columns_of(ListOperation, list_operations)).where(
            list_operations.c.id == operation_id, list_operations.c.account_id == account_id
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(ListOperation, row)

    def forget(self, before: float) -> int:
        """Remove operations that were begun before Unix time `before`; how many."""
        return self._connection.execute(
            delete(list_operations).where(list_operations.c.created_at < before)
        ).rowcount
