# SPDX-License-Identifier: Apache-2.0
"""What is worth telling about single checks: denials, matches of `log` rules, a sample of the rest.

Also when a certificate was last seen. Lives here: noting it on the thread that answers checks
(`EventRecorder.note`: an append to a bounded queue, no more) and turning it into plain data on
another one (`drain_…`). Not here: what becomes of it (activity.py), how it gets to a supervisor
(node.reporter), counting (metrics.py). A check that finds the queue full is counted and goes on.

What a check that is let through pays is one comparison: a decision knows when it is `due`, and one
that is worth telling every time always is.

Paths are told without query and fragment, hosts without what stands before an "@": that is where
secrets are. Everything a client chose is cut. What waits holds no client and no policy, only parts
of them that are small: nobody knows how long it waits.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from authz.observability.recorded import Recorded, Unrecorded
from authz.policy.decision import TOLD, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.decision import Decision, Ruling, Standing

#: Events that wait to be drained; that happens every second.
MAX_EVENTS: Final = 1024
#: Requests that are recorded each second; further events come without.
MAX_RECORDED: Final = 100
#: What a recorded request takes at most, with the names of what was left out of it.
MAX_RECORDED_BYTES: Final = 12_288
#: Events of allowed checks by time, each second at most.
MAX_ALLOWED: Final = 10
#: Certificates seen that wait to be drained.
MAX_SEEN: Final = 8192
#: A certificate that is seen all the time is noted this often.
SEEN_SECONDS: Final = 10.0
#: Requests up to this size are kept until they are drained, to find the client's address in.
MAX_KEPT_BYTES: Final = 16_384
#: All such requests together; those beyond are told without the address.
MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
#: `log` rules counted one by one; further ones are counted together, without a name.
MAX_LOG_RULES: Final = 32_768
#: Characters of a host, a path, a detail or a name; rules of a list of matches.
MAX_TEXT: Final = 256
MAX_LOGGED: Final = 16

_ALLOW: Final = Verdict.ALLOW
_UNNAMED: Final = ("", "")

#: `note(decision, id, at, host, path, data, seconds)`: told about a check whose decision is due.
Note: TypeAlias = "Callable[[Decision, bytes, float, bytes, bytes, bytes, float], None]"

_Noted: TypeAlias = "tuple[Ruling, Standing, str, bytes, bytes, float, bytes, bytes, bytes, int]"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One check, for people. Times are Unix seconds; texts of the client's are escaped and cut.

    `id` is the decision id that Envoy's access log has; `client_ip` and `fingerprint` (SHA-256,
    hex) are `""` when unknown. `weight` is how many checks it stands for, of allowed ones that are
    sampled; `unrecorded` why `recorded` is None, `""` when it is not.
    """

    id: str
    at: float
    verdict: str
    reason: str
    site: str
    rule: str
    action: str
    logged: tuple[str, ...]
    detail: str
    generation: int
    host: str
    path: str
    client_ip: str
    fingerprint: str
    presented: bool
    verified: bool
    revoked: bool
    failure: str
    weight: int = 1
    recorded: Recorded | None = None
    unrecorded: str = ""


def note_nothing(
    decision: Decision,
    _id: bytes,
    _at: float,
    _host: bytes,
    _path: bytes,
    _data: bytes,
    _seconds: float = 0.0,
) -> None:
    """Nobody is interested; whoever is in one decision will not be asked about it again."""
    decision.due = math.inf


class EventRecorder:
    """Notes what is worth telling. One thread calls `note`, another one drains.

    Args:
        address_of: the client's address out of a CheckRequest's bytes; may raise.
        allowed_every: so many allowed checks make an event; 0: none does.
        allowed_seconds: of a client, and what is decided of it, an allowed check is told after so
            many seconds again; 0: none is.
        record: what may be kept of a CheckRequest; may raise. None: nothing is.

    Attributes:
        dropped: events that nobody will hear of, because too many waited.
        unseen: checks whose certificate could not be noted as seen; its next check tries again.
        logged: how often each `log` rule matched, by site and ref.
        unrecorded: events that were to come with their request and did not, by why.
    """

    def __init__(
        self,
        address_of: Callable[[bytes], str] = lambda _: "",
        allowed_every: int = 0,
        *,
        allowed_seconds: float = 0.0,
        record: Callable[[bytes], Recorded] | None = None,
    ) -> None:
        self.dropped = 0
        self.unseen = 0
        self.logged: dict[tuple[str, str], int] = {}
        self.unrecorded: dict[str, int] = {}
        self._address_of = address_of
        self._record = record
        self._every = allowed_every
        self._countdown = allowed_every
        self._seconds = allowed_seconds
        # Whose turn it is: allowed ones of this second, and recorded ones of another.
        self._allowed = _Limit(MAX_ALLOWED)
        self._recorded = _Limit(MAX_RECORDED)
        self._events: deque[_Noted] = deque()
        self._seen: deque[tuple[bytes, float]] = deque()
        # Of the requests that wait. Each thread adds to its own, so none is locked.
        self._bytes_in = 0
        self._bytes_out = 0

    # --- the thread that answers checks ---------------------------------------------------------

    def note(
        self,
        decision: Decision,
        decision_id: bytes,
        at: float,
        host: bytes,
        path: bytes,
        data: bytes,
        _seconds: float = 0.0,
    ) -> None:
        """Note a check at Unix time `at`, and say when the next one with this decision is due.

        Without a path nobody could read the request, and its bytes are not kept.
        """
        client = decision.client
        if client is not None and at >= client.due:
            if len(self._seen) < MAX_SEEN:
                self._seen.append((client.fingerprint, at))
                client.due = at + SEEN_SECONDS
            else:
                self.unseen += 1
        ruling = decision.ruling
        if ruling.logged:
            self._count(ruling)
        elif ruling.verdict is _ALLOW:
            if self._every:
                # Always due.
                self._countdown -= 1
                if self._countdown > 0:
                    return
                self._countdown = self._every
            elif not self._is_its_turn(decision, at):
                return
        if len(self._events) >= MAX_EVENTS:
            self.dropped += 1
            return
        size = len(data)
        waiting = self._bytes_in - self._bytes_out
        if path and size <= MAX_KEPT_BYTES and waiting + size <= MAX_WAITING_BYTES:
            self._bytes_in += size
        else:
            data = b""
        weight, cell = 1, decision.cell
        if cell is not None:
            # Those that were counted with this one since the last that was told.
            weight, cell[TOLD] = cell[0] - cell[TOLD], cell[0]
        self._events.append(
            (
                ruling,
                decision.standing,
                decision.detail[:MAX_TEXT],
                b"" if client is None else client.fingerprint,
                decision_id,
                at,
                # Before it is cut, or what is left would be what was to go.
                host.rpartition(b"@")[2][:MAX_TEXT],
                path[:MAX_TEXT],
                data,
                weight,
            )
        )

    def _is_its_turn(self, decision: Decision, at: float) -> bool:
        """Whether an allowed check is told by time; says when the next one is due."""
        client = decision.client
        seen = math.inf if client is None else client.due
        if not self._seconds:
            decision.due = seen
            return False
        # Its own time, and not that of the client: each of them tells of itself.
        if decision.told + self._seconds > at >= decision.told:
            decision.due = min(seen, decision.told + self._seconds)
            return False
        if not self._allowed.has_room(at):
            decision.due = min(seen, at + 1.0)
            return False
        decision.told = at
        decision.due = min(seen, at + self._seconds)
        return True

    def _count(self, ruling: Ruling) -> None:
        for ref in ruling.logged:
            key = (ruling.site, ref)
            if key not in self.logged and len(self.logged) >= MAX_LOG_RULES:
                key = _UNNAMED
            self.logged[key] = self.logged.get(key, 0) + 1

    # --- another thread -------------------------------------------------------------------------

    def drain_events(self, most: int, most_bytes: int = MAX_WAITING_BYTES) -> tuple[Event, ...]:
        """The events that wait, the oldest first, `most` at most.

        As MessagePack they have `most_bytes`, and one event more, at most.
        """
        events: list[Event] = []
        size = 0
        while self._events and len(events) < most and size < most_bytes:
            event = self._event(*self._events.popleft())
            events.append(event)
            size += len(msgspec.msgpack.encode(event))
        return tuple(events)

    def drain_seen(self, most: int) -> dict[str, float]:
        """When certificates were seen, by fingerprint, `most` at most."""
        seen: dict[str, float] = {}
        while self._seen and len(seen) < most:
            fingerprint, at = self._seen.popleft()
            seen[fingerprint.decode()] = at
        return seen

    def _event(
        self,
        ruling: Ruling,
        standing: Standing,
        detail: str,
        fingerprint: bytes,
        decision_id: bytes,
        at: float,
        host: bytes,
        path: bytes,
        data: bytes,
        weight: int,
    ) -> Event:
        self._bytes_out += len(data)
        address = ""
        if data:
            with suppress(Exception):  # a part of the request that nobody has read may be anything
                address = self._address_of(data)
        recorded = self._recorded_of(data, at, readable=bool(path))
        return Event(
            id=decision_id.decode(),
            at=at,
            verdict=ruling.verdict.value,
            reason=ruling.reason.value,
            site=ruling.site[:MAX_TEXT],
            rule=ruling.rule[:MAX_TEXT],
            action=ruling.action,
            logged=tuple(ref[:MAX_TEXT] for ref in ruling.logged[:MAX_LOGGED]),
            # Half a surrogate pair can be in a text, and not in a message.
            detail=_text(detail.encode("utf-8", "backslashreplace")),
            generation=ruling.generation,
            host=_text(host),
            path=_text(path.partition(b"?")[0].partition(b"#")[0]),
            client_ip=address[:MAX_TEXT],
            fingerprint=fingerprint.decode(),
            presented=standing.presented,
            verified=standing.verified,
            revoked=standing.revoked,
            failure=standing.failure,
            weight=weight,
            recorded=recorded if isinstance(recorded, Recorded) else None,
            unrecorded="" if isinstance(recorded, Recorded) else recorded.value,
        )

    def _recorded_of(self, data: bytes, at: float, *, readable: bool) -> Recorded | Unrecorded:
        if self._record is None:
            return Unrecorded.OFF
        found: Recorded | Unrecorded
        if not data:
            found = Unrecorded.TOO_LARGE if readable else Unrecorded.UNREADABLE
        elif not self._recorded.has_room(at):
            found = Unrecorded.TOO_MANY
        else:
            try:
                found = self._record(data)
            except Exception:  # noqa: BLE001 - nobody has read it, so it may be anything
                found = Unrecorded.UNREADABLE
            else:
                names = sum(map(len, found.left_out.headers))
                if len(found.request) + names > MAX_RECORDED_BYTES:
                    found = Unrecorded.TOO_LARGE
        if isinstance(found, Unrecorded):
            self.unrecorded[found.value] = self.unrecorded.get(found.value, 0) + 1
        return found


class _Limit:
    """So many each second, by the times of checks."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = -1
        self._taken = 0

    def has_room(self, at: float) -> bool:
        """Whether there is room for one more; it is then taken."""
        second = int(at)
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return self._taken <= self._most


def _text(raw: bytes) -> str:
    """Bytes of a client's as text that can be sent, cut."""
    return raw.decode("utf-8", "backslashreplace")[:MAX_TEXT]
