# SPDX-License-Identifier: Apache-2.0
"""Serial numbers nobody can foresee. RFC 5280 §4.1.2.2."""

from __future__ import annotations

import secrets
from typing import Final

#: Positive and at most 20 octets: of 160 bits the first is the sign, and stays 0.
SERIAL_BITS: Final = 159


def random_serial() -> int:
    """A fresh serial number: random, 1 <= n < 2**159.

    So many random bits that two are never the same, and that nobody can prepare a collision for a
    certificate before it is signed.
    """
    return secrets.randbelow(2**SERIAL_BITS - 1) + 1
