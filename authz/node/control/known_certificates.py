# SPDX-License-Identifier: Apache-2.0
"""The certificates that were seen and have to be asked about, kept across restarts.

Workers tell of a certificate once nobody has an answer about it; from then on it is asked about as
long as it is seen. Bounded: whoever is seen last stays. The file is a cache: one that is damaged or
cannot be written costs what workers tell again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from authz.certs.certificate import Certificate
from authz.errors import CertificateError
from authz.observability.log import get_logger
from authz.observability.seen_certificates import SeenCertificate
from authz.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

NAME: Final = "certificates"

MAX_KNOWN: Final = 10_000
#: Of all of them, as DER with that of their issuers.
MAX_BYTES: Final = 32 * 1024 * 1024
#: A certificate that was not seen for so long is not asked about any more.
FORGET_SECONDS: Final = 30 * 86_400.0
#: When certificates were last seen is written this often.
SAVE_SECONDS: Final = 3600.0


class _Known(msgspec.Struct, kw_only=True):
    seen: SeenCertificate
    at: float
    until: float


_Key = tuple[bytes, bytes, str]


class KnownCertificates:
    """What workers told of. One thread at a time.

    Args:
        directory: of the file.
    """

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self._file = directory / NAME
        self._clock = clock
        self._known: OrderedDict[_Key, _Known] = OrderedDict()
        self._by_fingerprint: dict[str, list[_Key]] = {}
        self._bytes = 0
        self._saved_at = clock()
        self._unsaved = False
        self._failed = False
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            for one in msgspec.msgpack.decode(self._file.read_bytes(), type=list[_Known]):
                self._add(one)
        self._drop()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def all(self) -> list[SeenCertificate]:
        """The certificates, the ones that were seen last at the end."""
        return [one.seen for one in self._known.values()]

    def take(self, seen: Mapping[str, float], unanswered: Iterable[SeenCertificate]) -> None:
        """Take in what workers tell: when certificates were seen (Unix seconds by fingerprint), and
        those that somebody should ask about."""
        now = self._clock()
        for fingerprint, at in seen.items():
            for key in self._by_fingerprint.get(fingerprint, ()):
                self._seen(key, min(at, now))
        for one in unanswered:
            key = _key(one)
            if key in self._known:
                self._seen(key, now)
                continue
            try:
                until = Certificate.from_der(one.certificate).not_after_at + 1
            except CertificateError:
                continue  # a worker of another version read it
            self._add(_Known(seen=one, at=now, until=until))
            self._unsaved = True
        self._drop()

    def of(self, fingerprints: Iterable[str]) -> list[SeenCertificate]:
        """Those with these fingerprints."""
        return [
            self._known[key].seen
            for fingerprint in fingerprints
            for key in self._by_fingerprint.get(fingerprint, ())
        ]

    def save(self) -> None:
        """Write the file if it is time to."""
        now = self._clock()
        if not self._unsaved and 0 <= now - self._saved_at < SAVE_SECONDS:
            return
        self._drop()
        self._saved_at, self._unsaved = now, False
        if not self._known and not self._file.exists():
            return
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file, [msgspec.msgpack.encode(list(self._known.values()))])
            self._failed = False
        except OSError as error:
            if not self._failed:
                get_logger().warning(
                    "certificates to ask about are not kept", reason=error.strerror or str(error)
                )
            self._failed = True

    def _seen(self, key: _Key, at: float) -> None:
        known = self._known[key]
        known.at = max(known.at, at)
        self._known.move_to_end(key)

    def _add(self, one: _Known) -> None:
        key = _key(one.seen)
        if key in self._known:
            return
        self._known[key] = one
        self._bytes += _size(one)
        fingerprint = hashlib.sha256(one.seen.certificate).hexdigest()
        self._by_fingerprint.setdefault(fingerprint, []).append(key)

    def _drop(self) -> None:
        """Forget what has expired or was not seen for long, and what does not fit."""
        now = self._clock()
        gone = [
            key
            for key, one in self._known.items()
            if one.until <= now or one.at <= now - FORGET_SECONDS
        ]
        for key in gone:
            self._remove(key)
        while len(self._known) > MAX_KNOWN or self._bytes > MAX_BYTES:
            self._remove(next(iter(self._known)))

    def _remove(self, key: _Key) -> None:
        one = self._known.pop(key)
        self._bytes -= _size(one)
        fingerprint = hashlib.sha256(one.seen.certificate).hexdigest()
        keys = self._by_fingerprint[fingerprint]
        keys.remove(key)
        if not keys:
            del self._by_fingerprint[fingerprint]


def _key(one: SeenCertificate) -> _Key:
    return one.certificate, one.anchor, one.authority


def _size(one: _Known) -> int:
    return len(one.seen.certificate) + len(one.seen.issuer)
