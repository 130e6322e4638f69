# SPDX-License-Identifier: Apache-2.0
"""The thread that signs what the embedded CA publishes, and what is served of it.

    woken by a commit, or by the time → sign the CRLs that are due → hold the latest ones

What is held of it is in `documents`, how it is served in `publication`, and which CRLs are due in
services.publication.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import StoreError, StoreUnavailableError
from authz.node.control.documents import Documents
from authz.node.control.leadership import SIGN
from authz.observability.log import get_logger
from authz.services.keys import encryption_of
from authz.services.ocsp_responders import OcspReply, OcspResponders, try_later
from authz.services.publication import next_due, sign_due
from authz.sources.key_secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.ca.keys import KeyEncryption
    from authz.node.control.config import ControlConfig
    from authz.node.control.leadership import Leadership
    from authz.node.control.metrics import Samples
    from authz.services.publication import Unsigned
    from authz.store.engine import Store

#: From one round to the next at the earliest: many commits become one delta.
ROUND_SECONDS: Final = 0.5
#: And at the latest: CRLs that a command or another node signed are found by looking.
LOOK_SECONDS: Final = 5.0
#: What could not be signed is tried again after this time.
RETRY_SECONDS: Final = 15.0
#: How often others are let to lead because of the same certificate: one that started meanwhile may
#: have its key, and where nobody has it, what is due of the others is not signed late all the time.
PASS_ON_SECONDS: Final = 600.0

#: Answers to OCSP that are worked on at a time, so that publishing has its turn.
MAX_ANSWERING: Final = 4
#: How long a question waits for that.
ANSWER_SECONDS: Final = 2.0
#: Answers that are kept for whoever asks the same by GET, and for how long.
MAX_KEPT: Final = 4096
KEEP_SECONDS: Final = 600.0


class CaPublisher:
    """Signs until it is stopped.

    Args:
        leadership: says whether this node signs CRLs for all; None where it is alone.

    Attributes:
        documents: what is served besides answers to OCSP.
        failures: how often something could not be signed.
        answers: answers to OCSP, by what they said.
    """

    def __init__(
        self,
        config: ControlConfig,
        *,
        leadership: Leadership | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.documents = Documents()
        self.failures = 0
        self.answers: Counter[str] = Counter()
        self._config = config
        self._leadership = leadership
        self._led = False
        self._clock = clock
        self._responders = OcspResponders()
        self._store: Store | None = None
        # The revision for which everything was signed, and when something is due without a change.
        self._revision = -1
        self._due = 0.0
        self._signed_at = float("-inf")
        self._failed: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._passed_on: dict[str, float] = {}
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._answering = threading.BoundedSemaphore(MAX_ANSWERING)
        self._lock = threading.Lock()
        self._kept_revision = -1
        self._kept: dict[bytes, tuple[float, OcspReply]] = {}

    def use(self, store: Store | None) -> None:
        """Sign what this store has; None while there is none."""
        self._store = store
        self._woken.set()

    def published(self, revision: int) -> None:
        """Something was committed that is enforced now, a revocation for instance."""
        if revision != self._revision:
            self._woken.set()

    def wake(self) -> None:
        """Somebody else may lead."""
        self._woken.set()

    def stop(self) -> None:
        """End after the round under way."""
        self._stopped.set()
        self._woken.set()

    def run(self) -> None:
        """The body of the thread."""
        while not self._stopped.is_set():
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()
            self.step()
            self._stopped.wait(ROUND_SECONDS)

    def step(self) -> None:
        """One round."""
        store = self._store
        if store is None:
            return
        try:
            with store.read() as session:
                revision = session.revision
            at = self._clock()
            leads = self._leadership is None or self._leadership.leads(SIGN)
            # Who leads from now on looks at everything that is due.
            new = leads and not self._led
            # A clock that was put back has not come to what is due by then for long.
            put_back = at < self._signed_at
            if new or revision != self._revision or put_back or at >= self._due:
                self._sign(store, at, leads=leads)
                self._revision, self._signed_at = revision, at
            self._led = leads
            self.documents.take(store, at)
        except StoreUnavailableError:
            # The publisher says so, and what is held goes on being served.
            return

    def ocsp(self, request: bytes, *, keep: bool = False) -> OcspReply:
        """The answer to an OCSP request, both in DER. In any thread.

        Args:
            keep: whether the same answer may be given to whoever asks the same, while nothing
                changed (RFC 5019 §6: so that caches know it again).
        """
        # Before the store was read it is not known for whom we answer.
        starting = self.documents.by_path is None
        if starting or not self._answering.acquire(timeout=ANSWER_SECONDS):
            reply = try_later()
        else:
            try:
                reply = self._kept_answer(request) if keep else self._answer(request)
            finally:
                self._answering.release()
        with self._lock:
            self.answers.update(reply.statuses)
        return reply

    def samples(self) -> Samples:
        """Its metrics."""
        with self._lock:
            answers = dict(self.answers)
        return {
            "authz_published_crl_next_update_timestamp_seconds": [
                ((name,), at) for name, at in self.documents.next_updates.items()
            ],
            "authz_published_crl_failures_total": [((), float(self.failures))],
            "authz_ocsp_answers_total": [
                ((status,), float(count)) for status, count in answers.items()
            ],
        }

    # --- signing ---------------------------------------------------------------------------------

    def _sign(self, store: Store, at: float, *, leads: bool) -> None:
        self._failed = {
            one: since for one, since in self._failed.items() if since <= at < since + RETRY_SECONDS
        }
        secret = _Once(self._encryption)
        unsigned = self._sign_crls(store, secret, at) if leads else []
        # Answers are given by each node, with a key of its own.
        unsigned += self._responders.renew(store, secret, without=self._failed, at=at)
        for one in unsigned:
            self._count(one, at)
        for gone in self._told.keys() - self._failed.keys():
            del self._told[gone]
        due = self._responders.next_renewal()
        if leads:
            with store.read() as session:
                due = min(next_due(session, at=at), due)
        # What is due and was not signed was tried just now, or a moment ago.
        self._due = max(due, at + RETRY_SECONDS) if not self._failed else at + RETRY_SECONDS

    def _sign_crls(self, store: Store, secret: _Once, at: float) -> list[Unsigned]:
        if self._leadership is not None:
            store = store.checked(self._leadership.check(SIGN))
        unsigned = sign_due(
            store,
            secret,
            hours=self._config.crl_hours,
            publication_url=self._config.publication_url,
            without=self._failed,
            at=at,
        )
        if self._leadership is not None and self._passes_on(unsigned, at):
            # Another node may have the key that is missing here.
            self._leadership.rest(SIGN, RETRY_SECONDS)
        return unsigned

    def _passes_on(self, unsigned: list[Unsigned], at: float) -> bool:
        """Whether something could not be signed for which no other node was let to lead lately."""
        missing = {one.signing.certificate.id for one in unsigned}
        # Those that were left out this time are as they were.
        earlier = {
            one: since
            for one, since in self._passed_on.items()
            if (one in missing or one in self._failed) and since <= at < since + PASS_ON_SECONDS
        }
        new = missing - earlier.keys()
        self._passed_on = earlier | dict.fromkeys(new, at)
        return bool(new)

    def _count(self, unsigned: Unsigned, at: float) -> None:
        self.failures += 1
        certificate = unsigned.signing.certificate.id
        self._failed[certificate] = at
        reason = str(unsigned.error)
        if self._told.get(certificate) != reason:
            self._told[certificate] = reason
            get_logger().error(
                "what the authority publishes cannot be signed",
                authority=unsigned.signing.authority.name,
                certificate=certificate,
                reason=reason,
                hint=unsigned.error.hint,
            )

    def _encryption(self) -> KeyEncryption:
        config = self._config
        return encryption_of(
            read_secret(
                None if config.key_file is None else Path(config.key_file),
                None if config.passphrase_file is None else Path(config.passphrase_file),
                Path(config.data_dir),
                create=False,
            )
        )

    # --- OCSP ------------------------------------------------------------------------------------

    def _answer(self, request: bytes) -> OcspReply:
        return self._responders.answer(self._store, request, self._clock())

    def _kept_answer(self, request: bytes) -> OcspReply:
        store = self._store
        if store is None:
            return try_later()
        try:
            with store.read() as session:
                revision = session.revision
        except StoreError:
            return try_later()
        at = self._clock()
        with self._lock:
            if revision != self._kept_revision or len(self._kept) >= MAX_KEPT:
                self._kept, self._kept_revision = {}, revision
            kept = self._kept
        known = kept.get(request)
        if known is not None and known[0] <= at < known[0] + KEEP_SECONDS:
            return known[1]
        reply = self._responders.answer(store, request, at)
        if reply.next_update is not None:
            kept[request] = (at, reply)
        return reply


class _Once:
    """The secret that keys are encrypted by, for one round: read when it is needed, and gone."""

    def __init__(self, make: Callable[[], KeyEncryption]) -> None:
        self._make = make
        self._made: KeyEncryption | None = None

    def __call__(self) -> KeyEncryption:
        if self._made is None:
            self._made = self._make()
        return self._made
