# SPDX-License-Identifier: Apache-2.0
"""Large immutable sets as bytes: built once, checked by a hash, mapped by every process.

    section = Section(pack_strings([b"a", b"b"]))   # bytes and their SHA-256
    members = StringSet(section)                    # or of a mapped file: nothing is copied
    members.has(b"a")                               # True

Three kinds: byte strings of any length (strings.py), whole numbers of up to 20 bytes, signed down
to 64 bits (integers.py: serial numbers, AS numbers), and intervals of IP addresses (intervals.py).
Answers are exact, and a look-up costs the same whether there are ten members or a million, whoever
chose them. The layouts are in the modules, the reasons in ADR-0006. No I/O: whoever maps a file
(authz.node.snapshot_file) verifies its hash first.
"""

from __future__ import annotations

from authz.packed.integers import IntegerSet, pack_integers
from authz.packed.intervals import IntervalSet, pack_intervals
from authz.packed.section import Buffer, Section
from authz.packed.strings import StringSet, pack_strings

__all__ = [
    "Buffer",
    "IntegerSet",
    "IntervalSet",
    "Section",
    "StringSet",
    "pack_integers",
    "pack_intervals",
    "pack_strings",
]
