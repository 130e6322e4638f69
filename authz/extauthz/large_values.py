# SPDX-License-Identifier: Apache-2.0
"""Field values of remembered clients that are too large for a client's own room.

A certificate with hundreds of alternative names takes hundreds of microseconds to read. What was
read stays with the client as long as the bytes allow; those that were kept first go first. Takes no
lock: that is the memo's, which also counts what is here among its own bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules import cost

if TYPE_CHECKING:
    from authz.policy.client import Client
    from authz.rules import Value

# An address takes 88 bytes, or 112 (IPv6), with its place in a tuple (CPython 3.11, measured); the
# size that rules are charged for counts 72.
_ADDRESS: Final = 40


class LargeValues:
    """At most `max_bytes` of values; `bytes` are taken."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: dict[Client, dict[str, int]] = {}
        self.bytes = 0

    @staticmethod
    def size_of(name: str, value: Value) -> int:
        """The memory that a value takes, rather too much than too little."""
        size = cost.size_of(value) + len(name) + cost.ELEMENT
        if isinstance(value, tuple):
            size += _ADDRESS * sum([not isinstance(item, bytes) for item in value])
        return size

    def make_room(self, size: int) -> bool:
        """Drop values, if need be, until so many bytes are free; false if it is too much."""
        if size > self._max_bytes:
            return False
        while self.bytes + size > self._max_bytes:
            self.drop(next(iter(self._held)))
        return True

    def keep(self, client: Client, name: str, value: Value, size: int) -> None:
        """Keep a value, or keep it again (two threads read it at once); there has to be room."""
        held = self._held.setdefault(client, {})
        self.bytes += size - held.get(name, 0)
        held[name] = size
        client.values[name] = value

    def drop(self, client: Client) -> None:
        """Drop every large value of a client."""
        for name, size in self._held.pop(client, {}).items():
            self.bytes -= size
            client.values.pop(name, None)
