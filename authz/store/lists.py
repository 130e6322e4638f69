# SPDX-License-Identifier: Apache-2.0
"""Named lists and their items, a million of them if need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from authz.store.records import List, ListItem
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import list_items, lists

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection

#: Rows of one statement: both databases limit its parameters.
_ROWS: Final = 5_000

#: Rows that are in memory at a time while a long list is read.
_AT_ONCE: Final = 10_000


class Lists:
    """Lists of one transaction."""

    def __init__(self, connection: Connection, revision: int) -> None:
        self._connection = connection
        self._revision = revision

    def add(self, one: List) -> None:
        """Keep a new list, without items.

        Raises:
            ConflictError: the account has one of this name.
        """
        values = values_of(one) | {"items": 0, "revision": self._revision}
        self._connection.execute(insert(lists).values(values))

    def describe(self, list_id: str, description: str, at: float) -> None:
        """Give it another description."""
        self._connection.execute(
            update(lists)
            .where(lists.c.id == list_id)
            .values(description=description, modified_at=at)
        )

    def remove(self, list_id: str) -> None:
        """Remove a list and its items."""
        self._connection.execute(delete(list_items).where(list_items.c.list_id == list_id))
        self._connection.execute(delete(lists).where(lists.c.id == list_id))

    def all(self) -> list[List]:
        """Every list, by name."""
        query = select(*columns_of(List, lists)).order_by(lists.c.name, lists.c.id)
        return [record_of(List, row) for row in self._connection.execute(query)]

    def get(self, list_id: str) -> List | None:
        """The list with this identifier."""
        return self._one(lists.c.id == list_id)

    def named(self, account_id: str, name: str) -> List | None:
        """The account's list of this name."""
        return self._one((lists.c.account_id == account_id) & (lists.c.name == name))

    def add_items(self, list_id: str, items: Sequence[ListItem], at: float) -> None:
        """Add items to a list."""
        self._insert(items)
        self._changed(list_id, lists.c["items"] + len(items), at)

    def replace_items(self, list_id: str, items: Sequence[ListItem], at: float) -> None:
        """Make these the items of a list."""
        self._connection.execute(delete(list_items).where(list_items.c.list_id == list_id))
        self._insert(items)
        self._changed(list_id, len(items), at)

    def remove_items(self, list_id: str, item_ids: Collection[str], at: float) -> int:
        """Remove items from a list; how many were there."""
        removed = 0
        given = list(item_ids)
        for start in range(0, len(given), _ROWS):
            some = given[start : start + _ROWS]
            removed += self._connection.execute(
                delete(list_items).where(list_items.c.list_id == list_id, list_items.c.id.in_(some))
            ).rowcount
        self._changed(list_id, lists.c["items"] - removed, at)
        return removed

    def items(
        self, list_id: str, *, after: int = 0, most: int | None = None, search: str = ""
    ) -> list[ListItem]:
        """Items in the order they were added, those behind number `after`."""
        query = (
            select(*columns_of(ListItem, list_items))
            .where(list_items.c.list_id == list_id, list_items.c.number > after)
            .order_by(list_items.c.number)
            .limit(most)
        )
        if search:
            query = query.where(
                list_items.c.value.contains(search, autoescape=True)
                | list_items.c.comment.contains(search, autoescape=True)
            )
        return [record_of(ListItem, row) for row in self._connection.execute(query)]

    def item(self, list_id: str, item_id: str) -> ListItem | None:
        """One item of a list."""
        query = select(*columns_of(ListItem, list_items)).where(
            list_items.c.list_id == list_id, list_items.c.id == item_id
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(ListItem, row)

    def values(self, list_id: str) -> Iterator[str]:
        """The values of all items, in order."""
        query = (
            select(list_items.c.value)
            .where(list_items.c.list_id == list_id)
            .order_by(list_items.c.number)
        )
        # Closed also by whoever stops in the middle.
        with self._connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as found:
            for part in found.scalars().partitions():
                yield from part

    def _insert(self, items: Sequence[ListItem]) -> None:
        for start in range(0, len(items), _ROWS):
            rows = [values_of(one, but=("number",)) for one in items[start : start + _ROWS]]
            self._connection.execute(insert(list_items), rows)

    def _changed(self, list_id: str, items: Any, at: float) -> None:
        self._connection.execute(
            update(lists)
            .where(lists.c.id == list_id)
            .values(items=items, revision=self._revision, modified_at=at)
        )

    def _one(self, condition: ColumnElement[Any]) -> List | None:
        query = select(*columns_of(List, lists)).where(condition)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(List, row)
