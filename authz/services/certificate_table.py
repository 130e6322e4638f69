# SPDX-License-Identifier: Apache-2.0
"""The certificates of a zone as people look through them: by state or words, in order, in pages.

What programs list is in `certificates`. Here expiry counts as well: a certificate that expired is
`expired` whatever its status, one that expires within 30 days `expiring`. Of a million, every page
costs what is on it: what no index has in an order is put in order only while it is not too much
(MOST_SORTED).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError
from authz.services.certificates import EXPIRY_WARNING_SECONDS
from authz.services.context import zone_of
from authz.store.certificate_order import CertificateOrder
from authz.store.certificates import CertificateQuery
from authz.store.records import CertificateStatus, ClientCertificate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.engine import Store

__all__ = ["CertificateOrder", "CertificateState", "CertificateTable", "find_certificates"]

#: More certificates are counted only where their number is kept (store.counts).
MOST_COUNTED: Final = 10_000
#: More certificates that words or moments find are shown as their index has them, whatever was
#: asked for: found by words the latest first, by moments by when they expire.
MOST_SORTED: Final = 10_000
MAX_PER_PAGE: Final = 200
#: Words that are looked for, in characters.
MAX_SEARCH: Final = 255
#: Beyond it there is nothing, and databases count no further than 2^63.
MAX_PAGE: Final = 1_000_000_000


class CertificateState(StrEnum):
    """What a certificate is at some moment; `all` for any."""

    ALL = "all"
    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRING = "expiring"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTable:
    """A page of certificates.

    Args:
        total: how many there are; MOST_COUNTED, and `total_is_least`, where it is at least so many.
        has_more: whether there is another page.
        order: in which they are; another one than was asked for where there were too many.
        authorities: the names of their authorities, by identifier.
    """

    certificates: tuple[ClientCertificate, ...]
    page: int
    per_page: int
    total: int
    total_is_least: bool
    has_more: bool
    order: CertificateOrder
    authorities: Mapping[str, str]


def state_of(one: ClientCertificate, at: float) -> CertificateState:
    """What a certificate is at Unix time `at`: never `all`."""
    if one.status is CertificateStatus.REVOKED:
        return CertificateState.REVOKED
    # notAfter is the last second in which it is valid (RFC 5280 §4.1.2.5).
    if one.expires_at + 1 <= at:
        return CertificateState.EXPIRED
    if one.expires_at < at + EXPIRY_WARNING_SECONDS:
        return CertificateState.EXPIRING
    return CertificateState.ACTIVE


def find_certificates(
    store: Store,
    zone: str,
    *,
    state: CertificateState = CertificateState.ALL,
    search: str = "",
    order: CertificateOrder = CertificateOrder.NEWEST,
    page: int = 1,
    per_page: int = 50,
    at: float,
) -> CertificateTable:
    """A page of a zone's certificates; behind the last page there are none.

    Args:
        search: words, each of which begins a word of label, names, serial number or fingerprint.

    Raises:
        NotFoundError: there is no such zone.
        InvalidInputError: there is no such page, or the search is too long.
    """
    if not 1 <= page <= MAX_PAGE or not 1 <= per_page <= MAX_PER_PAGE:
        raise InvalidInputError(
            f"there is no page {page} of {per_page}",
            hint=f"pages begin at 1 and have 1 to {MAX_PER_PAGE} certificates",
        )
    if len(search) > MAX_SEARCH:
        raise InvalidInputError(
            f"the search has {len(search)} characters", hint=f"at most {MAX_SEARCH} are looked for"
        )
    skip = (page - 1) * per_page
    with store.read() as session:
        query = _query(zone_of(session, zone).id, state, search, at)
        total = session.certificates.count(query, most=MOST_COUNTED)
        if not query.plain and total >= MOST_SORTED:
            order = _order_of_index(query, order)
        if order is CertificateOrder.NEWEST:
            found = session.certificates.find(query, most=per_page + 1, skip=skip)
        else:
            found = session.certificates.ordered(query, order, most=per_page + 1, skip=skip)
        names = {one.id: one.name for one in session.authorities.all()}
    return CertificateTable(
        certificates=tuple(found[:per_page]),
        page=page,
        per_page=per_page,
        total=total,
        total_is_least=not query.plain and total >= MOST_COUNTED,
        has_more=len(found) > per_page,
        order=order,
        authorities=names,
    )


def _order_of_index(query: CertificateQuery, order: CertificateOrder) -> CertificateOrder:
    """The nearest order in which an index has what is asked for."""
    if query.search.strip():
        return CertificateOrder.NEWEST
    return order if order.by_expiry else CertificateOrder.EXPIRES_FIRST


def _query(zone_id: str, state: CertificateState, search: str, at: float) -> CertificateQuery:
    status = {
        CertificateState.ACTIVE: CertificateStatus.ACTIVE,
        CertificateState.EXPIRING: CertificateStatus.ACTIVE,
        CertificateState.REVOKED: CertificateStatus.REVOKED,
    }.get(state)
    expires_from: float | None = None
    expires_before: float | None = None
    # `state_of`, of whole seconds: before this one, the last second of what expired is over.
    now = math.floor(at)
    if state is CertificateState.EXPIRED:
        expires_before = now
    elif state is CertificateState.EXPIRING:
        expires_from, expires_before = now, at + EXPIRY_WARNING_SECONDS
    return CertificateQuery(
        zone_id=zone_id,
        status=status,
        search=search,
        expires_before=expires_before,
        expires_from=expires_from,
    )
