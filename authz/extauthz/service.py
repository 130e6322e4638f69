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
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.extauthz.encode import CONSTANT_DENIAL, encode
from authz.extauthz.memo import JudgementMemo
from authz.extauthz.upstream_headers import lookalikes
from authz.observability.log import RateLimit, get_logger
from authz.policy.authorizer import authorize
from authz.policy.decision import Decision, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.certs.presented import CertificateLimits, CertificateSource
    from authz.policy.snapshot import Snapshot

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
    return Decision(verdict=Verdict.DENY, reason=reason)


def draw_seed() -> bytes:
    """The random bytes of one check, for rules that read cf.random_seed."""
    return os.urandom(SEED_BYTES)


_UNDECODABLE: Final = _denied(Reason.UNDECODABLE)
_DEADLINE_EXCEEDED: Final = _denied(Reason.DEADLINE_EXCEEDED)
_INTERNAL_ERROR: Final = _denied(Reason.INTERNAL_ERROR)


class CheckService:
    """Answers checks by the current snapshot.

    Attributes:
        snapshot: what decides; None until a policy is loaded (every check is then denied).
            Assigning it is the whole of a reload: each check reads it exactly once.
        memo: the remembered judgements, shared by all snapshots.
    """

    def __init__(
        self,
        options: DecodeOptions,
        limits: CertificateLimits,
        observer: Observer,
        clock: Callable[[], float] = time.time,
        memo: JudgementMemo | None = None,
        seed: Callable[[], bytes] = draw_seed,
    ) -> None:
        self.snapshot: Snapshot | None = None
        self.memo = memo or JudgementMemo(limits)
        self._options = options
        self._observer = observer
        self._clock = clock
        self._seed = seed
        self._log_limit = RateLimit(LOG_INTERVAL_SECONDS)
        # Unique without a system call per check: 64 random bits a process, then a counter.
        self._id_prefix = os.urandom(8).hex()
        self._ids = count()

    def check(self, data: bytes, remaining: float | None = None) -> bytes:
        """Answer one serialised CheckRequest with a serialised CheckResponse. Never raises.

        Args:
            data: the request as it came.
            remaining: seconds until the caller gives up; None when it did not say.
        """
        started = time.perf_counter()
        try:
            decision, removed = self._decide(data, started, remaining)
            answer = encode(decision, self._next_id(), removed)
            self._observer.observe(
                decision, self._options.certificate_source, time.perf_counter() - started
            )
            return answer
        # BaseException, because a panic in a Rust extension is one, and because an exception that
        # escaped would become a gRPC error, which failure_mode_allow may turn into "allowed".
        # MemoryError and RecursionError deny like any other. KeyboardInterrupt and SystemExit
        # reach the main thread only, where no transport runs checks; there too, this check is
        # denied rather than left without an answer.
        except BaseException as error:  # noqa: BLE001 - the one blind except
            return self._fail(error, started)

    def _decide(
        self, data: bytes, started: float, remaining: float | None
    ) -> tuple[Decision, tuple[str, ...]]:
        """The decision, and look-alikes of certificate headers that the request carried."""
        if remaining is not None and remaining <= 0:
            return _DEADLINE_EXCEEDED, ()
        if len(data) > MAX_CHECK_BYTES:
            return _UNDECODABLE, ()
        try:
            facts = decode(data, self._options)
        except Undecodable:
            return _UNDECODABLE, ()
        decision = authorize(self.snapshot, facts, self._clock(), self.memo.judge, self._seed)
        # An answer that comes late is no answer: the caller has decided without us, and what is
        # counted should say so.
        if remaining is not None and time.perf_counter() - started >= remaining:
            return _DEADLINE_EXCEEDED, ()
        # Only what is let through reaches an upstream.
        return decision, lookalikes(facts.headers) if decision.verdict is Verdict.ALLOW else ()

    def _fail(self, error: BaseException, started: float) -> bytes:
        # Whatever is broken may break here again, so each step stands alone.
        with suppress(BaseException):
            self._observer.internal_error()
        with suppress(BaseException):
            self._observer.observe(
                _INTERNAL_ERROR, self._options.certificate_source, time.perf_counter() - started
            )
        with suppress(BaseException):
            suppressed = self._log_limit.admit(time.monotonic())
            if suppressed is not None:
                get_logger().error(
                    "check failed and was denied", exc_info=error, suppressed=suppressed
                )
        with suppress(BaseException):
            return encode(_INTERNAL_ERROR, self._next_id())
        return CONSTANT_DENIAL

    def _next_id(self) -> str:
        return f"{self._id_prefix}{next(self._ids):012x}"
