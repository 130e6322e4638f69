# SPDX-License-Identifier: Apache-2.0
"""Two texts compared word by word, in a time that is bounded whatever is in them.

Words at the beginning and the end that are the same are set aside; of what is between, one of the
longest common subsequences stays (dynamic programming, so many steps as the one has words times
the other). Where that is too much, the middle is told as a whole: all of it went, all of it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Of one pair of texts, some 200 ms; and of all that somebody compares at a time.
MAX_STEPS: Final = 1_000_000
TOTAL_STEPS: Final = 4 * MAX_STEPS

#: Names, numbers and quoted strings stay in one piece.
_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.:/*\-]+|\s+|[^\w\s]', re.DOTALL)


class Kind(StrEnum):
    """What became of some words."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Some words in a row."""

    kind: Kind
    text: str


class Comparing:
    """Compares texts as long as it may.

    Args:
        steps: how many all comparisons together may take.
    """

    def __init__(self, steps: int = TOTAL_STEPS) -> None:
        self._left = steps

    def words(self, before: str, after: str) -> tuple[Words, ...]:
        """What stayed, went and came, in order; what went is told before what came instead."""
        old, new = _WORD.findall(before), _WORD.findall(after)
        first, last = _same_ends(old, new)
        middle_old, middle_new = old[first : len(old) - last], new[first : len(new) - last]
        steps = len(middle_old) * len(middle_new)
        if steps > min(self._left, MAX_STEPS):
            middle = [
                *((Kind.REMOVED, one) for one in middle_old),
                *((Kind.ADDED, one) for one in middle_new),
            ]
        else:
            self._left -= steps
            middle = list(_middle(middle_old, middle_new))
        return _joined(
            [
                *((Kind.SAME, one) for one in old[:first]),
                *middle,
                *((Kind.SAME, one) for one in old[len(old) - last :]),
            ]
        )


def _same_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many words are the same at the beginning, and at the end."""
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    return first, last


def _middle(old: Sequence[str], new: Sequence[str]) -> Iterable[tuple[Kind, str]]:
    # lengths[i][j]: words that old[i:] and new[j:] have in common.
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        row, below = lengths[i], lengths[i + 1]
        for j in range(len(new) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if old[i] == new[j] else max(below[j], row[j + 1])
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and old[i] == new[j]:
            yield Kind.SAME, old[i]
            i, j = i + 1, j + 1
        elif j == len(new) or (i < len(old) and lengths[i + 1][j] >= lengths[i][j + 1]):
            yield Kind.REMOVED, old[i]
            i += 1
        else:
            yield Kind.ADDED, new[j]
            j += 1


def _joined(found: Sequence[tuple[Kind, str]]) -> tuple[Words, ...]:
    """Words of one kind in one piece; between two that stayed, what went before what came."""
    pieces: list[tuple[Kind, list[str]]] = []
    gone: list[str] = []
    come: list[str] = []

    def settle() -> None:
        if gone:
            pieces.append((Kind.REMOVED, list(gone)))
        if come:
            pieces.append((Kind.ADDED, list(come)))
        gone.clear()
        come.clear()

    for position, (kind, word) in enumerate(found):
        if kind is Kind.SAME and word.isspace() and (gone or come) and _goes_on(found, position):
            # A blank between two words that changed went and came with them.
            gone.append(word)
            come.append(word)
        elif kind is Kind.SAME:
            settle()
            if pieces and pieces[-1][0] is Kind.SAME:
                pieces[-1][1].append(word)
            else:
                pieces.append((Kind.SAME, [word]))
        else:
            (gone if kind is Kind.REMOVED else come).append(word)
    settle()
    return tuple(Words(kind=kind, text="".join(words)) for kind, words in pieces)


def _goes_on(found: Sequence[tuple[Kind, str]], position: int) -> bool:
    following = position + 1
    return following < len(found) and found[following][0] is not Kind.SAME
