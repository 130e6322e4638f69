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
from typing import TYPE_CHECKING, Final, Protocol

from authz.extauthz.decision_id import decision_ids
from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.extauthz.encode import CONSTANT_DENIAL, encode
from authz.extauthz.memo import ClientMemo
from authz.extauthz.upstream_headers import removals
from authz.observability.log import RateLimit, get_logger
from authz.policy.authorizer import authorize
from authz.policy.decision import UNJUDGED, Decision, Reason, Ruling, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.certs.presented import CertificateLimits, CertificateSource
    from authz.policy.snapshot import Snapshot

_ALLOW: Final = Verdict.ALLOW

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


def draw_seed() -> bytes:
    """The random bytes of one check, for rules that read cf.random_seed."""
    return os.urandom(SEED_BYTES)


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
        memo: ClientMemo | None = None,
        seed: Callable[[], bytes] = draw_seed,
    ) -> None:
        self.snapshot: Snapshot | None = None
        self.memo = memo or ClientMemo(limits)
        self._options = options
        self._observer = observer
        self._clock = clock
        self._seed = seed
        self._log_limit = RateLimit(LOG_INTERVAL_SECONDS)
        self._source = options.certificate_source
        self._observe = observer.observe
        self._client_of = self.memo.client_of
        self._ids = decision_ids()
        # Not shared between services: a decision remembers where it is counted.
        self._denied = {
            reason: _denied(reason)
            for reason in (Reason.UNDECODABLE, Reason.DEADLINE_EXCEEDED, Reason.INTERNAL_ERROR)
        }

    def check(self, data: bytes, remaining: float | None = None) -> bytes:
        """Answer one serialised CheckRequest with a serialised CheckResponse. Never raises.

        Args:
            data: the request as it came.
            remaining: seconds until the caller gives up; None when it did not say.
        """
        started = perf_counter()
        try:
            if remaining is not None and remaining <= 0:
                decision = self._denied[Reason.DEADLINE_EXCEEDED]
            elif len(data) > MAX_CHECK_BYTES:
                decision = self._denied[Reason.UNDECODABLE]
            else:
                # The straight line, steps 3 to 5.
                facts = decode(data, self._options)
                decision = authorize(
                    self.snapshot, facts, self._clock(), self._client_of, self._seed
                )
            if decision.ruling.verdict is _ALLOW:
                # Only what is let through reaches an upstream.
                answer = encode(decision, next(self._ids), removals(facts, decision.client))
            else:
                answer = encode(decision, next(self._ids))
            seconds = perf_counter() - started
            # An answer that comes late is no answer: the caller has decided without us, and what
            # is counted should say so.
            if remaining is not None and seconds >= remaining:
                decision = self._denied[Reason.DEADLINE_EXCEEDED]
                answer = encode(decision, next(self._ids))
            self._observe(decision, self._source, seconds)
            return answer
        except Undecodable:
            return self._refuse(self._denied[Reason.UNDECODABLE], started)
        # BaseException, because a panic in a Rust extension is one, and because an exception that
        # escaped would become a gRPC error, which failure_mode_allow may turn into "allowed".
        # MemoryError and RecursionError deny like any other. KeyboardInterrupt and SystemExit
        # reach the main thread only, where no transport runs checks; there too, this check is
        # denied rather than left without an answer.
        except BaseException as error:  # noqa: BLE001 - the one blind except
            return self._fail(error, started)

    def _refuse(self, decision: Decision, started: float) -> bytes:
        """Answer a check whose request turned out to be unreadable."""
        try:
            answer = encode(decision, next(self._ids))
            self._observe(decision, self._source, perf_counter() - started)
            return answer
        except BaseException as error:  # noqa: BLE001 - the same boundary
            return self._fail(error, started)

    def _fail(self, error: BaseException, started: float) -> bytes:
        # Whatever is broken may break here again, so each step stands alone.
        with suppress(BaseException):
            self._observer.internal_error()
        with suppress(BaseException):
            self._observer.observe(
                self._denied[Reason.INTERNAL_ERROR], self._source, perf_counter() - started
            )
        with suppress(BaseException):
            suppressed = self._log_limit.admit(time.monotonic())
            if suppressed is not None:
                get_logger().error(
                    "check failed and was denied", exc_info=error, suppressed=suppressed
                )
        with suppress(BaseException):
            return encode(self._denied[Reason.INTERNAL_ERROR], next(self._ids))
        return CONSTANT_DENIAL
