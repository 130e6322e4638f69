# SPDX-License-Identifier: Apache-2.0
"""Decision ids: unique without a system call for each check.

64 random bits a process, then a counter, in the 64 letters of base64url (RFC 4648 5) without
padding: 20 characters, which sort by age within a process.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# In the order of their codes, so that ids sort as they were made.
_LETTERS: Final = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 8
#: Letters of the counter: it lasts for 2**54 checks.
_COUNTER_LETTERS: Final = 9
_PAIRS: Final = tuple(bytes((high, low)) for high in _LETTERS for low in _LETTERS)


class DecisionIds:
    """The ids of one process. One thread only."""

    def __init__(self) -> None:
        self._prefix = urlsafe_b64encode(os.urandom(_RANDOM_BYTES)).rstrip(b"=")
        self._blocks = count()

    def __iter__(self) -> Iterator[bytes]:
        """The ids from now on: new ones, after all that were made before.

        What an exception leaves is at its end for ever, as any generator; then another one of the
        same object goes on.
        """
        for block in self._blocks:
            # The slow part is done once for 4096 ids.
            start = self._prefix + _number(block, _COUNTER_LETTERS - 2)
            for pair in _PAIRS:
                yield start + pair


def decision_ids() -> Iterator[bytes]:
    """Ids as a process of their own would have them."""
    return iter(DecisionIds())


def _number(value: int, letters: int) -> bytes:
    digits = bytearray()
    for _ in range(letters):
        value, digit = divmod(value, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return bytes(reversed(digits))
