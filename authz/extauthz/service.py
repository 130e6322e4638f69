# SPDX-License-Identifier: Apache-2.0
"""The boundary: `check(bytes) -> bytes`, which always answers and fails closed.

Bytes in, bytes out, whichever transport carries them. Holds the one blind `except` of the check
path; does not decide (policy), does not judge certificates (certs). Every way to end here without a
decision is a denial with its own reason (architecture 4.2, ADR-0007).
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from google.protobuf.message import DecodeError

from authz.certs.presented import CertificateSource
from authz.extauthz.decision_id import DecisionIds
from authz.extauthz.decode import DecodeOptions, Undecodable, decode_rest
from authz.extauthz.encode import CONSTANT_DENIAL, encode
from authz.extauthz.memo import ClientMemo, ask_nobody
from authz.extauthz.upstream_headers import nothing_to_remove, removals
from authz.observability.events import note_nothing
from authz.observability.log import RateLimit, get_logger
from authz.pb.check_view_pb2 import CheckView
from authz.policy.authorizer import authorize
from authz.policy.decision import UNJUDGED, Decision, Reason, Ruling, Verdict
from authz.policy.paths import is_plain, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.certs.presented import CertificateLimits
    from authz.extauthz.decode import DecodedRequest
    from authz.extauthz.memo import Ask
    from authz.observability.events import Note
    from authz.policy.snapshot import Snapshot

#: `about(data)`: fields for a log line about a check; may raise.
About: TypeAlias = "Callable[[bytes], Mapping[str, str]]"

_ALLOW: Final = Verdict.ALLOW
# "?" and "!", as numbers: one byte is found several times faster than a string of one.
_QUESTION_MARK: Final = 0x3F
_MARK: Final = 0x21
#: What says that a request cannot be read.
_UNREADABLE: Final = (Undecodable, DecodeError)
parse_view: Final = CheckView.FromString
#: Paths that were seen lately are told from others by a byte in one of so many places.
_DOORS: Final = 4096

#: Bytes of clients, as the memo counts them, that remembered decisions may hold besides it.
MAX_EVICTED: Final = 8 * 1024 * 1024

#: An internal error is logged with its traceback this often at most; each one is counted.
LOG_INTERVAL_SECONDS: Final = 10.0


#: As many random bytes as a UUID has: what cf.random_seed is for at Cloudflare.
SEED_BYTES: Final = 16


#: A longer CheckRequest is denied unread. Envoy bounds headers (60 KB unless set otherwise) and the
#: body (with_request_body), so nothing near it is ordinary.
MAX_CHECK_BYTES: Final = 4 * 1024 * 1024


class Observer(Protocol):
    """Who is told about checks (observability.metrics.Metrics)."""

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        """Count one decision and the time it took."""

    def internal_error(self) -> None:
        """Count one check that ended in an exception."""


def _denied(reason: Reason) -> Decision:
    # Nobody looked for a certificate; "unauthenticated" is said only of who is known to have none.
    return Decision(Ruling(verdict=Verdict.DENY, reason=reason), UNJUDGED[True])


def nothing_about(_data: bytes) -> dict[str, str]:
    """What a log line says besides of a check that broke."""
    return {}


def draw_seed() -> bytes:
    """The random bytes of one check, for rules that read cf.random_seed."""
    return os.urandom(SEED_BYTES)


class CheckService:
    """Answers checks by the current snapshot.

    Attributes:
        memo: the remembered judgements, shared by all snapshots.
    """

    def __init__(
        self,
        options: DecodeOptions,
        limits: CertificateLimits,
        observer: Observer,
        clock: Callable[[], float] = time.time,
        memo: ClientMemo | None = None,
        seed: Callable[[], bytes] = draw_seed,
        note: Note = note_nothing,
        unanswered: Ask = ask_nobody,
        about: About = nothing_about,
    ) -> None:
        self._snapshot: Snapshot | None = None
        # An empty memo is false.
        self.memo = ClientMemo(limits, ask=unanswered) if memo is None else memo
        self._options = options
        self._observer = observer
        self._clock = clock
        self._seed = seed
        self._log_limit = RateLimit(LOG_INTERVAL_SECONDS)
        self._source = options.certificate_source
        # With XFCC the certificate is somewhere in the headers.
        self._recalls = options.certificate_source is CertificateSource.ENVOY
        self._observe = observer.observe
        self._note = note
        self._about = about
        self._client_of = self.memo.client_of
        self._doors = bytearray(_DOORS)
        self._numbering = DecisionIds()
        self._ids = iter(self._numbering)
        # Not shared between services: a decision remembers where it is counted.
        self._denied = {
            reason: _denied(reason)
            for reason in (
                Reason.UNDECODABLE,
                Reason.DEADLINE_EXCEEDED,
                Reason.OVERLOADED,
                Reason.INTERNAL_ERROR,
            )
        }

    @property
    def snapshot(self) -> Snapshot | None:
        """What decides; None until a policy is loaded (every check is then denied)."""
        return self._snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot | None) -> None:
        # One assignment is the whole of a reload: each check reads it exactly once.
        self._snapshot = snapshot
        self.memo.let_go([site.trust for site in snapshot.sites] if snapshot else ())

    def check(self, data: bytes, remaining: float | None = None) -> bytes:
        """Answer one serialised CheckRequest with a serialised CheckResponse. Never raises.

        Args:
            data: the request as it came.
            remaining: seconds until the caller gives up; None when it did not say.
        """
        # Nothing that could fail stands before the `try`: what escaped here would be no answer.
        started = 0.0
        try:
            started = perf_counter()
            if remaining is not None and remaining <= 0:
                return self._refuse(Reason.DEADLINE_EXCEEDED, started, data)
            if len(data) > MAX_CHECK_BYTES:
                return self._refuse(Reason.UNDECODABLE, started, b"")
            # The straight line, steps 3 to 5. What the rules of a site decide by certificate, host
            # and path alone has been decided before, as a rule: then there is one look-up instead
            # of steps 3 and 4. Written out here, because function calls are most of what is left.
            view = parse_view(data).attributes
            http = view.request.http
            host, path, certificate = http.host, http.path, view.source.certificate
            at = self._clock()
            snapshot = self._snapshot
            decision = facts = target = tls = None
            if (
                self._recalls
                and snapshot is not None
                # Without a source there is nothing to decide about.
                and (certificate or view.HasField("source"))
                # Somewhere else it says which bytes were meant (extauthz.decode).
                and not (_MARK in path or _MARK in host)
                # The query is no part of the key, and may be what makes the request unreadable.
                and path.isascii()
            ):
                target = path.partition(b"?")[0] if _QUESTION_MARK in path else path
                tls = b""
                if snapshot.sni_matters and (pieces := view.tls_session):
                    # Several pieces mean what they are when they are merged: no key.
                    tls = pieces[0] if len(pieces) == 1 else None
                known = (
                    None if tls is None else snapshot.decided.get((certificate, host, target, tls))
                )
                if known is not None and len(data) <= known.ruling.settled_size:
                    client = known.client
                    if client is not None and client.valid_from <= at < client.valid_until:
                        # Whose certificate it is holds for a while, and as long as no list names
                        # it: the lists are asked on every check.
                        for has, serial in client.lookups:
                            if has(serial):
                                break
                        else:
                            client.recent = True
                            decision = known
            if decision is None:
                facts = decode_rest(data, view, http, host, path, certificate, self._options)
                decision = authorize(snapshot, facts, at, self._client_of, self._seed)
                if snapshot is not None and target is not None and tls is not None:
                    # Remembering costs half a decision: only what was asked for before, lately.
                    door, guest = hash(target) & _DOORS - 1, hash(target) >> 16 & 0xFF
                    if self._doors[door] == guest:
                        self._remember(snapshot, facts, decision, at, tls)
                    else:
                        self._doors[door] = guest
            decision_id = next(self._ids)
            if decision.ruling.verdict is not _ALLOW or nothing_to_remove(http.header_map):
                answer = encode(decision, decision_id)
            else:
                # Only what is let through reaches an upstream.
                facts = facts or decode_rest(
                    data, view, http, host, path, certificate, self._options
                )
                answer = encode(decision, decision_id, removals(facts, decision.client))
            seconds = perf_counter() - started
            # An answer that comes late is no answer: the caller has decided without us, and what
            # is counted should say so.
            if remaining is not None and seconds >= remaining:
                return self._refuse(Reason.DEADLINE_EXCEEDED, started, data, host, path)
            self._observe(decision, self._source, seconds)
            if at >= decision.due:
                self._note(decision, decision_id, at, host, path, data, seconds)
            return answer
        # BaseException, because a panic in a Rust extension is one, and because an exception that
        # escaped would become a gRPC error, which failure_mode_allow may turn into "allowed".
        # MemoryError and RecursionError deny like any other. KeyboardInterrupt and SystemExit
        # reach the main thread only, where no transport runs checks; there too, this check is
        # denied rather than left without an answer.
        except BaseException as error:  # noqa: BLE001 - the one blind except
            with suppress(BaseException):
                if isinstance(error, _UNREADABLE):
                    return self._refuse(Reason.UNDECODABLE, started, data)
            with suppress(BaseException):
                return self._fail(error, started, data)
            return CONSTANT_DENIAL

    def shed(self, data: bytes) -> bytes:
        """Deny one serialised CheckRequest unread, because too many came. Never raises."""
        started = 0.0
        try:
            started = perf_counter()
            return self._refuse(Reason.OVERLOADED, started, data)
        except BaseException as error:  # noqa: BLE001 - the same boundary
            return self._fail(error, started, data)

    def _remember(
        self, snapshot: Snapshot, facts: DecodedRequest, decision: Decision, at: float, tls: bytes
    ) -> None:
        """Keep a decision if it follows from what it is kept under."""
        client, ruling = decision.client, decision.ruling
        if client is None or facts.size > ruling.settled_size:
            return
        if client.credential is not None and not client.is_remembered:
            return
        if not client.valid_from <= at < client.valid_until:
            return
        target = target_of(facts.path)
        # Not a path with several readings: how much they may cost depends on the rest of the
        # request. Nor what was sent in bytes that the view does not show.
        if not is_plain(target) or _MARK in target or _MARK in facts.host:
            return
        credential = client.credential
        if credential is None or isinstance(credential, bytes):
            if self.memo.evicted > MAX_EVICTED:
                # Clients that the memo let go are held by the decisions about them.
                snapshot.decided.clear()
                self.memo.evicted = 0
            snapshot.remember((credential or b"", facts.host, target, tls), decision)

    def _refuse(
        self, reason: Reason, started: float, data: bytes, host: bytes = b"", path: bytes = b""
    ) -> bytes:
        """Answer a check that nobody decides: unreadable, or too late."""
        try:
            decision, decision_id = self._denied[reason], next(self._ids)
            answer = encode(decision, decision_id)
            seconds = perf_counter() - started
            self._observe(decision, self._source, seconds)
            self._note(decision, decision_id, self._clock(), host, path, data, seconds)
            return answer
        except BaseException as error:  # noqa: BLE001 - the same boundary
            return self._fail(error, started, data)

    def _fail(self, error: BaseException, started: float, data: bytes) -> bytes:
        # Whatever is broken may break here again, so each step stands alone.
        with suppress(BaseException):
            self._observer.internal_error()
        with suppress(BaseException):
            self._observer.observe(
                self._denied[Reason.INTERNAL_ERROR], self._source, self._since(started)
            )
        with suppress(BaseException):
            suppressed = self._log_limit.admit(time.monotonic())
            if suppressed is not None:
                get_logger().bind(**self._about(data)).error(
                    "check failed and was denied", exc_info=error, suppressed=suppressed
                )
        with suppress(BaseException):
            decision, decision_id = self._denied[Reason.INTERNAL_ERROR], self._next_id()
            with suppress(BaseException):
                seconds = self._since(started)
                self._note(decision, decision_id, self._clock(), b"", b"", data, seconds)
            return encode(decision, decision_id)
        return CONSTANT_DENIAL

    def _since(self, started: float) -> float:
        # 0.0: what broke was the look at the clock.
        return perf_counter() - started if started else 0.0

    def _next_id(self) -> bytes:
        # If it was the ids that broke, they are at their end, and every further check would break
        # as well: they begin anew.
        decision_id = next(self._ids, None)
        if decision_id is None:
            self._ids = iter(self._numbering)
            decision_id = next(self._ids)
        return decision_id
