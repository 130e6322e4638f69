# SPDX-License-Identifier: Apache-2.0
"""What the server of the API puts up with. Numbers and their reasons; who keeps to them is in
`connections` (connections), `bodies` (bodies) and `guard` (calls)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Of one body. The server reads none that is larger; the application, which may be served by
#: another one (as in tests), keeps to the same.
BODY_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one server.

    Calls run in threads. As many are let in at a time as there are threads, the others wait in
    their order, so that a call once begun never waits for a thread; and the writers among them
    never take all of them: they wait for each other in the database, and readers for nobody.
    Expressions that are checked are no writers, though they are posted: they take memory and the
    interpreter instead, and only a few of them are in work at a time. With them are replays, and
    forms that may replay before they deploy.
    Connections to the database are bounded by the threads, not by the pool (store.sqlite,
    store.postgresql).

    Args:
        connections: open ones; beyond them, those that ask nothing make room, or a newcomer is
            refused.
        header_bytes: of request line and headers.
        header_seconds: from the first byte of a request, or from accept, to the end of its headers.
        handshake_seconds: for that of TLS.
        idle_seconds: between two requests. More than clients keep connections for (the SDK 5 s), so
            that it is not closed under a request.
        stalled_seconds: for which a client may take nothing of an answer.
        body_bytes: of one body: 16 MiB of JSON hold the interpreter for a fifth of a second, and
            become 150 MB of objects.
        other_body_bytes: of one body of a call that takes neither rules nor items of lists: it is
            parsed on the thread that all calls share.
        body_seconds: for its arrival.
        unknown_body_bytes: of a body whose sender's token was not looked at yet.
        held_bytes: of all bodies together; more than `connections` times `unknown_body_bytes`.
        readers, writers, checkers: calls that are carried out at a time.
        queue_seconds: how long a call waits for its turn: less than the SDK waits (60 s).
        discard_seconds: how long what comes behind an early refusal is read, for the client to see
            the answer instead of a reset.
    """

    connections: int = 2000
    header_bytes: int = 32 * 1024
    header_seconds: float = 10.0
    handshake_seconds: float = 10.0
    idle_seconds: float = 60.0
    stalled_seconds: float = 30.0
    body_bytes: int = BODY_BYTES
    other_body_bytes: int = 1024 * 1024
    body_seconds: float = 60.0
    unknown_body_bytes: int = 64 * 1024
    held_bytes: int = 256 * 1024 * 1024
    readers: int = 16
    writers: int = 8
    checkers: int = 2
    queue_seconds: float = 50.0
    discard_seconds: float = 5.0

    def body_of(self, path: str) -> int:
        """Bytes of one body of a call at this path."""
        is_long = "/rulesets" in path or path.endswith("/items")
        return self.body_bytes if is_long else min(self.body_bytes, self.other_body_bytes)
