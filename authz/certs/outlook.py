# SPDX-License-Identifier: Apache-2.0
"""Which sets of serial numbers can make a verified certificate revoked, and until when.

For a certificate that many checks show: finding its lists is done once, looking its serial numbers
up is done on every check. Says nothing about which list counts (revocation.py does): while no set
holds a serial number, the answer is the one at the time the outlook was taken, until a list comes
into force or an answer goes stale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from authz.certs.authority import RevocationMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authz.certs.judgement import Judgement
    from authz.certs.revocation import AuthorityRevocation, ScopeCrls
    from authz.certs.serials import Serials
    from authz.certs.trust import TrustBundle
    from authz.packed import IntegerSet

#: Lists of at most so many serial numbers are asked about together.
SMALL: Final = 1024

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
        own = rules.serials if rules.mode is not RevocationMode.OFF else None
        certificates = path.certificates
        for certificate, issuer in pairwise(certificates):
            serial = certificate.serial_number
            # Whatever the small lists say of this serial number.
            lookups.append((bundle.listed.__contains__, serial))
            if own is not None and len(own) > SMALL:
                lookups.append((own.has, serial))
            for listing in bundle.listing:
                for scope in listing.by_issuer_key.get(issuer.spki, ()):
                    lookups += [
                        (crl.revoked.has, serial)
                        for crl in (*scope.complete, *scope.deltas)
                        if len(crl.revoked) > SMALL
                    ]
                    moments.update(_moments(scope))
                if listing.ocsp is not None:
                    # Few enough to be asked as they are; nobody is, where nothing was revoked.
                    if said := listing.ocsp.revoked_by(issuer):
                        lookups.append((said.__contains__, serial))
                    until = listing.ocsp.until(issuer, serial)
                    if math.isfinite(until):
                        moments.add(math.nextafter(until, math.inf))
    return Outlook(
        lookups=tuple(dict.fromkeys(lookups)),
        valid_from=max((one for one in moments if one <= at), default=-math.inf),
        valid_until=min((one for one in moments if one > at), default=math.inf),
    )


def union_of_small(revocations: Iterable[AuthorityRevocation]) -> frozenset[int]:
    """The serial numbers on all lists that are small enough to be kept twice."""
    found: set[int] = set()
    for one in revocations:
        lists: list[Serials | IntegerSet] = [one.serials]
        for scopes in one.by_issuer_key.values():
            for scope in scopes:
                lists += [crl.revoked for crl in (*scope.complete, *scope.deltas)]
        for serials in lists:
            if len(serials) <= SMALL:
                found.update(serials)
    return frozenset(found)


def _moments(scope: ScopeCrls) -> Iterator[float]:
    """When a list comes into force, and the first moment after it went stale."""
    for crl in (*scope.complete, *scope.deltas):
        yield crl.this_update
        yield math.nextafter(crl.next_update, math.inf)
