# SPDX-License-Identifier: Apache-2.0
"""Text in columns on standard output, also when lines come one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Table:
    """Columns as wide as the widest of `head` and `like`; what comes later may be wider."""

    def __init__(self, head: Sequence[str], like: Iterable[Sequence[str]]) -> None:
        self._head = head
        rows = (head, *like)
        self._widths = [max(len(row[column]) for row in rows) for column in range(len(head))]

    def print_head(self) -> None:
        """The headings, and a line below them."""
        self.print_row(self._head)
        self.print_row(["-" * width for width in self._widths])

    def print_row(self, cells: Sequence[str]) -> None:
        """One line."""
        padded = (cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        print("  ".join(padded).rstrip())
