# SPDX-License-Identifier: Apache-2.0
"""Client certificates that were issued: found, listed, labelled, and when they were last seen.

Issuing is in `issuance`, revoking and restoring in `revocation`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError, NotFoundError, StoreDamagedError
from authz.services.context import audit, authority_of, checked_name, zone_of
from authz.store.certificates import CertificateQuery
from authz.store.records import CertificateStatus, ClientCertificate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.engine import Store
    from authz.store.session import Session

#: Certificates that expire within this time are told about.
EXPIRY_WARNING_SECONDS: Final = 30 * 86400
MAX_PER_PAGE: Final = 1000
#: Beyond it there is nothing, and databases count no further than 2^63.
_FURTHEST: Final = 1 << 62
#: More certificates that begin alike are not counted.
_MOST_ALIKE: Final = 100
_LEAST_PREFIX: Final = 6
_DIGITS: Final = re.compile(rf"[0-9a-f]{{{_LEAST_PREFIX},64}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePage:
    """Some of a zone's certificates, the latest first.

    Args:
        total: how many there are in all; at most 10,000 are counted where words are searched for.
        authorities: the names of their authorities, by identifier.
    """

    certificates: tuple[ClientCertificate, ...]
    page: int
    per_page: int
    total: int
    authorities: Mapping[str, str]


def list_certificates(
    store: Store,
    zone: str,
    *,
    status: str | None = None,
    search: str = "",
    page: int = 1,
    per_page: int = 50,
    offset: int = 0,
) -> CertificatePage:
    """A page of a zone's certificates; behind the last page there are none.

    Args:
        offset: how many of the latest are left out before the pages begin.
        status: `active` or `revoked`; None or `all` for both.
        search: words, each of which begins a word of label, names, serial number or fingerprint.

    Raises:
        NotFoundError: there is no such zone.
        InvalidInputError: there is no such status or page.
        StoreDamagedError: certificates that are counted are not there.
    """
    skip = offset + (page - 1) * per_page
    if page < 1 or offset < 0 or not 1 <= per_page <= MAX_PER_PAGE or skip > _FURTHEST:
        raise InvalidInputError(
            f"there is no page {page} of {per_page}",
            hint=f"pages begin at 1 and have 1 to {MAX_PER_PAGE} certificates",
        )
    wanted = None if status in (None, "all") else _status(status or "")
    with store.read() as session:
        query = CertificateQuery(zone_id=zone_of(session, zone).id, status=wanted, search=search)
        found = session.certificates.find(query, most=per_page, skip=skip)
        total = session.certificates.count(query, most=10_000)
        if not found and total > skip:
            # Counts are kept beside the certificates, and these cannot be found.
            raise StoreDamagedError(
                f"{total} certificates are counted, and none is found",
                hint="authz db check says what is damaged",
                where=store.name,
            )
        names = {one.id: one.name for one in session.authorities.all()}
    return CertificatePage(
        certificates=tuple(found), page=page, per_page=per_page, total=total, authorities=names
    )


def expiring_certificates(
    store: Store,
    zone: str,
    *,
    at: float,
    within: float = EXPIRY_WARNING_SECONDS,
    most: int = MAX_PER_PAGE,
) -> CertificatePage:
    """The active certificates of a zone that expire soon, the first ones first, on one page.

    Args:
        within: seconds from `at`.

    Raises:
        NotFoundError: there is no such zone.
    """
    with store.read() as session:
        found = session.certificates.expiring(
            at, at + within, most=most, zone_id=zone_of(session, zone).id
        )
        names = {one.id: one.name for one in session.authorities.all()}
    return CertificatePage(
        certificates=tuple(found), page=1, per_page=most, total=len(found), authorities=names
    )


def zones_with_some(
    store: Store,
    *,
    status: str | None = None,
    search: str = "",
    expiring_at: float | None = None,
) -> tuple[str, ...]:
    """The names of all zones that have such certificates: where else to look.

    Args:
        status, search: as `list_certificates`.
        expiring_at: instead of both: those that `expiring_certificates` has at that time.

    Raises:
        InvalidInputError: there is no such status.
    """
    wanted = None if status in (None, "all") else _status(status or "")
    with store.read() as session:
        return tuple(
            zone.name
            for zone in session.zones.all()
            if (
                session.certificates.count(
                    CertificateQuery(zone_id=zone.id, status=wanted, search=search), most=1
                )
                if expiring_at is None
                else session.certificates.count_expiring(
                    zone.id, expiring_at, expiring_at + EXPIRY_WARNING_SECONDS, most=1
                )
            )
        )


def get_certificate(store: Store, named: str) -> ClientCertificate:
    """The certificate with this identifier, serial number or fingerprint, or a beginning of one.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: several begin like that.
    """
    with store.read() as session:
        return certificate_named(session, named)


def certificate_in_zone(
    store: Store, zone_id: str, certificate_id: str
) -> tuple[ClientCertificate, str]:
    """A certificate of a zone, and the name of its authority; others are not looked for.

    Raises:
        NotFoundError: the zone has none of this identifier.
    """
    with store.read() as session:
        found = session.certificates.get(certificate_id)
        if found is None or found.zone_id != zone_id:
            raise NotFoundError(
                f'the zone has no certificate "{certificate_id}"',
                hint="the list of its certificates has their identifiers",
            )
        return found, authority_of(session, found.authority_id).name


def set_label(store: Store, named: str, label: str, *, actor: str, at: float) -> ClientCertificate:
    """Give a certificate another label.

    Raises:
        NotFoundError, InvalidInputError: as `get_certificate`; or the label is none.
    """
    wanted = checked_name("label", label)
    with store.write() as session:
        before = certificate_named(session, named)
        session.certificates.set_label(before, wanted)
        audit(
            session,
            "certificate.label",
            actor=actor,
            at=at,
            of=("certificate", before.id),
            zone_id=before.zone_id,
            before={"label": before.label},
            after={"label": wanted},
        )
    return replace(before, label=wanted)


def certificate_named(session: Session, named: str) -> ClientCertificate:
    """The same as `get_certificate`, in a transaction."""
    wanted = named.strip().replace(":", "").lower()
    found = session.certificates.get(wanted) or session.certificates.by_fingerprint(wanted)
    if found is not None:
        return found
    serial = wanted.lstrip("0").upper()
    for authority in session.authorities.all():
        found = session.certificates.by_serial(authority.id, serial)
        if found is not None:
            return found
    near: dict[str, ClientCertificate] = {}
    if _DIGITS.fullmatch(wanted):
        authorities = [one.id for one in session.authorities.all()]
        near = session.certificates.beginning(wanted, authorities, most=_MOST_ALIKE)
    if len(near) > 1:
        many = f"{len(near)}" if len(near) < _MOST_ALIKE else f"{_MOST_ALIKE} or more"
        raise InvalidInputError(
            f'{many} certificates begin with "{named}"',
            hint="write more of the identifier, serial number or fingerprint",
        )
    if not near:
        raise NotFoundError(
            f'there is no certificate "{named}"',
            hint="name its identifier, serial number or fingerprint, or at least "
            f"{_LEAST_PREFIX} digits of one: authz cert list",
        )
    return next(iter(near.values()))


def _status(text: str) -> CertificateStatus:
    if text not in list(CertificateStatus):
        raise InvalidInputError(
            f'"{text}" is no status of a certificate',
            hint=f"one of all, {', '.join(CertificateStatus)}",
        )
    return CertificateStatus(text)
