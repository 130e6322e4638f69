# SPDX-License-Identifier: Apache-2.0
"""What OCSP responders have said, arranged for look-ups: two dict hits, and no time but `until`.

That an issuer revoked a certificate stays said: an answer that revokes counts after its nextUpdate
as well, until another one takes its place. RFC 6960 §2.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.certs.authority import OcspStatus
    from authz.certs.certificate import Certificate

_NOBODY: frozenset[int] = frozenset()


class OcspAnswers:
    """The answers about certificates, by their issuer's key and serial number.

    Of several answers about one certificate the newest counts, and of those of one moment one that
    revokes.
    """

    __slots__ = ("_revoked", "_until")

    def __init__(self, statuses: Iterable[OcspStatus]) -> None:
        revoked: dict[str, set[int]] = {}
        self._until: dict[tuple[str, int], float] = {}
        for status in sorted(statuses, key=lambda one: (one.this_update, one.revoked)):
            issuer, serial = status.issuer.hex(), int.from_bytes(status.serial)
            self._until[issuer, serial] = math.inf if status.revoked else status.until
            of_issuer = revoked.setdefault(issuer, set())
            if status.revoked:
                of_issuer.add(serial)
            else:
                of_issuer.discard(serial)
        self._revoked = {issuer: frozenset(serials) for issuer, serials in revoked.items()}

    def __len__(self) -> int:
        return len(self._until)

    def revoked_by(self, issuer: Certificate) -> frozenset[int]:
        """The serial numbers that this issuer's responder called revoked."""
        return self._revoked.get(issuer.spki_sha256, _NOBODY)

    def until(self, issuer: Certificate, serial: int) -> float:
        """Until when (Unix seconds, inclusive) there is an answer; -inf when there is none."""
        return self._until.get((issuer.spki_sha256, serial), -math.inf)
