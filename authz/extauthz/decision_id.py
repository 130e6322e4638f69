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


def decision_ids() -> Iterator[bytes]:
    """The ids of this process, from now on. One thread only."""
    prefix = urlsafe_b64encode(os.urandom(_RANDOM_BYTES)).rstrip(b"=")
    for block in count():
        # The slow part is done once for 4096 ids.
        start = prefix + _number(block, _COUNTER_LETTERS - 2)
        for pair in _PAIRS:
            yield start + pair


def _number(value: int, letters: int) -> bytes:
    digits = bytearray()
    for _ in range(letters):
        value, digit = divmod(value, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return bytes(reversed(digits))
