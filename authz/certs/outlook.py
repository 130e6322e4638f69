# SPDX-License-Identifier: Apache-2.0
"""Which sets of serial numbers can make a verified certificate revoked, and until when.

For a certificate that many checks show: finding its lists is done once, looking its serial numbers
up is done on every check. Says nothing about which list counts (revocation.py does): while no set
holds a serial number, the answer is the one at the time the outlook was taken, until a list comes
into force or goes stale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from authz.certs.authority import RevocationMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.certs.judgement import Judgement
    from authz.certs.revocation import ScopeCrls
    from authz.certs.trust import TrustBundle

#: A membership test and the serial number to ask it about.
Lookup = tuple[Callable[[int], bool], int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """`lookups` are all that could say "revoked"; it holds for `valid_from <= at < valid_until`."""

    lookups: tuple[Lookup, ...]
    valid_from: float
    valid_until: float


def outlook_of(judgement: Judgement, bundle: TrustBundle, at: float) -> Outlook:
    """The outlook of a judgement by `bundle` at Unix time `at`; an unverified one has no look-ups.

    Covers every list that revocation.revocation_of may look into, in force or not.
    """
    lookups: list[Lookup] = []
    moments: set[float] = set()
    for path in judgement.paths:
        rules = bundle.revocation_by_authority[path.authority]
        own = rules.serials if rules.mode is not RevocationMode.OFF else ()
        certificates = path.certificates
        for certificate, issuer in pairwise(certificates):
            serial = certificate.serial_number
            if own:
                lookups.append((own.__contains__, serial))
            for listing in bundle.listing:
                for scope in listing.by_issuer_key.get(issuer.spki, ()):
                    lookups += [
                        (crl.revoked.__contains__, serial)
                        for crl in (*scope.complete, *scope.deltas)
                        if crl.revoked
                    ]
                    moments.update(_moments(scope))
    return Outlook(
        lookups=tuple(dict.fromkeys(lookups)),
        valid_from=max((one for one in moments if one <= at), default=-math.inf),
        valid_until=min((one for one in moments if one > at), default=math.inf),
    )


def _moments(scope: ScopeCrls) -> Iterator[float]:
    """When a list comes into force, and the first moment after it went stale."""
    for crl in (*scope.complete, *scope.deltas):
        yield crl.this_update
        yield math.nextafter(crl.next_update, math.inf)
