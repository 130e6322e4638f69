# SPDX-License-Identifier: Apache-2.0
"""Certificates that somebody should ask about, on their way from whoever saw them.

A process that answers checks asks nobody (architecture 4.11). It notes a certificate whose CRL or
OCSP answer is missing, bounded and each once a while, and tells it with its reports; what comes of
it is the control process's. Lives here: noting and draining. What is missing is for certs.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.certs.unanswered import Unanswered

#: Certificates that wait to be drained; that happens every second.
MAX_WAITING: Final = 256
#: A certificate and its issuer's together: reports have to fit into a socket.
MAX_BYTES: Final = 32 * 1024
#: A certificate that is still unanswered is told again after this: reports get lost.
AGAIN_SECONDS: Final = 60.0
#: Certificates of which it is known when they were told.
MAX_NOTED: Final = 4096


class SeenCertificate(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A certificate and its issuer's in DER, the SHA-256 of the anchor that its path leads to, and
    the name of that authority."""

    certificate: bytes
    issuer: bytes
    anchor: bytes
    authority: str


class SeenCertificates:
    """Notes and drains. Any thread may call any method.

    Attributes:
        dropped: certificates that were not noted, because too many waited or they are too large.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._lock = threading.Lock()
        self._waiting: deque[SeenCertificate] = deque()
        self._noted: dict[tuple[str, str], float] = {}

    def note(self, found: Iterable[Unanswered], at: float) -> None:
        """Note what there is to ask at Unix time `at`."""
        with self._lock:
            for one in found:
                key = one.certificate.fingerprint_sha256, one.anchor.fingerprint_sha256
                noted = self._noted.get(key)
                # A clock that was set back must not keep anybody waiting.
                if noted is not None and 0 <= at - noted < AGAIN_SECONDS:
                    continue
                size = len(one.certificate.der) + len(one.issuer.der)
                if len(self._waiting) >= MAX_WAITING or size > MAX_BYTES:
                    self.dropped += 1
                    continue
                if len(self._noted) >= MAX_NOTED:
                    self._noted.clear()
                self._noted[key] = at
                self._waiting.append(
                    SeenCertificate(
                        certificate=one.certificate.der,
                        issuer=one.issuer.der,
                        anchor=bytes.fromhex(one.anchor.fingerprint_sha256),
                        authority=one.authority,
                    )
                )

    def drain(self, most_bytes: int) -> tuple[SeenCertificate, ...]:
        """The certificates that wait, the oldest first: `most_bytes`, and one more, at most."""
        drained: list[SeenCertificate] = []
        size = 0
        with self._lock:
            while self._waiting and size < most_bytes:
                one = self._waiting.popleft()
                drained.append(one)
                size += len(one.certificate) + len(one.issuer)
        return tuple(drained)
