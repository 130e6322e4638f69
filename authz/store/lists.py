# SPDX-License-Identifier: Apache-2.0
"""Named lists and their items, a million of them if need be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    ColumnElement,
    bindparam,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)

from authz.store.columns import CheckedText
from authz.store.records import List, ListItem
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import list_items, lists

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection

#: Rows of one statement: both databases limit its parameters.
_ROWS: Final = 5_000

#: Rows that are in memory at a time while a long list is read.
_AT_ONCE: Final = 10_000

#: What the index of values has (migrations 0005); it is used where a query says the very same.
_BEGINNING: Final = 64
_BEGINS: Final[ColumnElement[Any]] = func.substr(
    list_items.c.value, literal_column("1"), literal_column(str(_BEGINNING)), type_=CheckedText()
)

#: Values of one question: PostgreSQL leaves the index alone when there are thousands.
_SOUGHT: Final = 500

#: To look up a value in the index takes as long as to read so many items one after the other.
_LOOKED_UP: Final = 20

#: What whoever replaces an item leaves as it is.
_FIXED: Final = ("id", "list_id", "value", "created_at", "number")


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

    def change_items(self, list_id: str, items: Sequence[ListItem], at: float) -> None:
        """Give items of a list other comments, and `exclude_exact`; values stay."""
        rows = [
            {"of": one.id, **values_of(replace(one, modified_at=at), but=_FIXED)} for one in items
        ]
        query = update(list_items).where(list_items.c.id == bindparam("of"))
        for start in range(0, len(rows), _ROWS):
            self._connection.execute(query, rows[start : start + _ROWS])
        self._changed(list_id, lists.c["items"], at)

    def replace_items(self, list_id: str, items: Sequence[ListItem], at: float) -> None:
        """Make these the items of a list."""
        self._connection.execute(delete(list_items).where(list_items.c.list_id == list_id))
        self._insert(items)
        self._changed(list_id, len(items), at, replaced=self._revision)

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
        self,
        list_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        most: int | None = None,
        search: str = "",
        begins: bool = False,
        but: str = "",
    ) -> list[ListItem]:
        """Items in the order they were added, those behind number `after`.

        Args:
            before: instead, the last ones before this number.
            search: what a value has in it, or, where it `begins`, at its beginning.
            but: the identifier of one that is left out.
        """
        number = list_items.c.number
        query = (
            select(*columns_of(ListItem, list_items))
            .where(list_items.c.list_id == list_id)
            .where(number > after if before is None else number < before)
            .order_by(number if before is None else number.desc())
            .limit(most)
        )
        if but:
            query = query.where(list_items.c.id != but)
        if search:
            # Not LIKE, in which SQLite has no case: the same on both.
            value = list_items.c.value
            query = query.where(
                func.substr(value, 1, len(search), type_=CheckedText()) == search
                if begins
                else func.replace(value, literal(search, CheckedText()), "") != value
            )
        found = [record_of(ListItem, row) for row in self._connection.execute(query)]
        return found if before is None else found[::-1]

    def item(self, list_id: str, item_id: str) -> ListItem | None:
        """One item of a list."""
        query = select(*columns_of(ListItem, list_items)).where(
            list_items.c.list_id == list_id, list_items.c.id == item_id
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(ListItem, row)

    def with_values(self, list_id: str, values: Sequence[str]) -> dict[str, ListItem]:
        """The items of a list that have one of these values, by their values."""
        found: dict[str, ListItem] = {}
        columns = columns_of(ListItem, list_items)
        query = select(*columns).where(list_items.c.list_id == list_id)
        one = self.get(list_id)
        if one is None or one.items < len(values) * _LOOKED_UP:
            wanted = frozenset(values)
            options = {"yield_per": _AT_ONCE}
            with self._connection.execute(query, execution_options=options) as every:
                for part in every.partitions():
                    for row in part:
                        if row.value in wanted:
                            found[row.value] = record_of(ListItem, row)
            return found
        for start in range(0, len(values), _SOUGHT):
            some = values[start : start + _SOUGHT]
            beginnings = {value[:_BEGINNING] for value in some}
            here = query.where(_BEGINS.in_(beginnings), list_items.c.value.in_(some))
            for row in self._connection.execute(here):
                found[row.value] = record_of(ListItem, row)
        return found

    def with_ids(self, list_id: str, item_ids: Sequence[str]) -> dict[str, str]:
        """The values of those items of a list that are there, by their identifiers."""
        found: dict[str, str] = {}
        for start in range(0, len(item_ids), _ROWS):
            query = select(list_items.c.id, list_items.c.value).where(
                list_items.c.list_id == list_id,
                list_items.c.id.in_(item_ids[start : start + _ROWS]),
            )
            found.update((row.id, row.value) for row in self._connection.execute(query))
        return found

    def values(self, list_id: str) -> Iterator[str]:
        """What is in a list, in the order it was added: the values of its items, and of an item
        `*.example.com` that does not exclude it, example.com itself."""
        query = (
            select(list_items.c.value, list_items.c.exclude_exact)
            .where(list_items.c.list_id == list_id)
            .order_by(list_items.c.number)
        )
        # Closed also by whoever stops in the middle.
        with self._connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as found:
            for part in found.partitions():
                for value, exclude_exact in part:
                    yield value
                    if exclude_exact is False and value.startswith("*."):
                        yield value[2:]

    def every_item(self, list_id: str) -> Iterator[tuple[str, str, bool | None]]:
        """The items in the order they were added: value, comment, `exclude_exact`."""
        columns = (list_items.c.value, list_items.c.comment, list_items.c.exclude_exact)
        query = (
            select(*columns).where(list_items.c.list_id == list_id).order_by(list_items.c.number)
        )
        with self._connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as found:
            for part in found.partitions():
                yield from ((row.value, row.comment, row.exclude_exact) for row in part)

    def _insert(self, items: Sequence[ListItem]) -> None:
        for start in range(0, len(items), _ROWS):
            rows = [values_of(one, but=("number",)) for one in items[start : start + _ROWS]]
            self._connection.execute(insert(list_items), rows)

    def _changed(self, list_id: str, items: Any, at: float, **more: Any) -> None:
        self._connection.execute(
            update(lists)
            .where(lists.c.id == list_id)
            .values(items=items, revision=self._revision, modified_at=at, **more)
        )

    def _one(self, condition: ColumnElement[Any]) -> List | None:
        query = select(*columns_of(List, lists)).where(condition)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(List, row)
