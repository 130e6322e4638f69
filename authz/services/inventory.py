# SPDX-License-Identifier: Apache-2.0
"""How many client certificates there are and when authorities expire: numbers to alert on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.store.certificates import CertificateQuery
from authz.store.records import CertificateStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.engine import Store

#: More certificates that expire soon are not counted.
MOST_EXPIRING: Final = 10_000
#: How soon, in days: time to plan, time to act, and the last moment.
EXPIRY_DAYS: Final = (1, 7, 30)
#: Of so many certificates that were issued last, those that no check has seen are counted.
MOST_UNSEEN: Final = 10_000
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a store has.

    Args:
        authorities: by name, when the first of its certificates expires, Unix seconds; one of
            before a rotation does not count.
        certificates: client certificates by status; an expired one keeps the status it had.
        expiring: by days, active ones that expire within them; at most MOST_EXPIRING of each
            zone are counted.
        unseen: active ones, issued more than a day ago, that no check has seen.
        revision: of the store.
    """

    authorities: Mapping[str, float]
    certificates: Mapping[CertificateStatus, int]
    expiring: Mapping[int, int]
    unseen: int
    revision: int


def take_inventory(store: Store, at: float) -> Inventory:
    """What there is, out of counts that are kept and look-ups by index.

    Raises:
        StoreUnavailableError: the store cannot be read.
    """
    with store.read() as session:
        names = {one.id: one.name for one in session.authorities.all()}
        ends: dict[str, float] = {}
        for one in session.authorities.certificates():
            if not one.role.is_of_before:
                name = names[one.authority_id]
                ends[name] = min(one.not_after, ends.get(name, one.not_after))
        zones = [one.id for one in session.zones.all()]
        counts = {
            status: sum(
                session.certificates.count(CertificateQuery(zone_id=zone, status=status))
                for zone in zones
            )
            for status in CertificateStatus
        }
        expiring = {
            days: sum(
                session.certificates.count_expiring(zone, at, at + days * _DAY, most=MOST_EXPIRING)
                for zone in zones
            )
            for days in EXPIRY_DAYS
        }
        unseen = session.certificates.count_unseen(at, at - _DAY, among=MOST_UNSEEN)
        return Inventory(
            authorities=ends,
            certificates=counts,
            expiring=expiring,
            unseen=unseen,
            revision=session.revision,
        )
