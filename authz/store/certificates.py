# SPDX-License-Identifier: Apache-2.0
"""Client certificates: kept, found by what people know of them, counted without counting.

A million of them answer in milliseconds because every question has its index: pages go along
`number` (there is no OFFSET over a million rows; a page by number is counted within one status),
how many there are is kept beside them, and words are found through the full-text index of the
database (`search`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, func, insert, select, update

from authz.store.records import CertificateStatus, ClientCertificate, IssuanceRequest
from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.search import matching
from authz.store.tables import certificate_counts, client_certificates, issuance_requests
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

_TABLE = client_certificates
_READERS: Final[Readers] = {"status": CertificateStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateQuery:
    """Which certificates of a zone.

    Args:
        status: only those of this status.
        search: words, each of which begins a word of label, names, serial number, fingerprint or
            identifier.
        expires_before: only those that expire before this Unix time.
    """

    zone_id: str
    status: CertificateStatus | None = None
    search: str = ""
    expires_before: float | None = None


class Certificates:
    """Client certificates of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, certificate: ClientCertificate) -> None:
        """Keep a certificate that was just issued.

        Raises:
            ConflictError: its authority has issued this serial number before.
        """
        self._connection.execute(insert(_TABLE).values(values_of(certificate, but=("number",))))
        self._count(certificate.zone_id, certificate.status, 1)

    def set_status(
        self,
        certificate: ClientCertificate,
        status: CertificateStatus,
        *,
        revoked_at: float | None,
        reason: str | None,
    ) -> None:
        """Revoke or restore."""
        self._connection.execute(
            update(_TABLE)
            .where(_TABLE.c.number == certificate.number)
            .values(status=status.value, revoked_at=revoked_at, reason=reason)
        )
        if status is not certificate.status:
            self._count(certificate.zone_id, certificate.status, -1)
            self._count(certificate.zone_id, status, 1)

    def set_label(self, certificate: ClientCertificate, label: str) -> None:
        """Give it another label."""
        self._connection.execute(
            update(_TABLE).where(_TABLE.c.number == certificate.number).values(label=label)
        )

    def seen(self, at_by_fingerprint: Mapping[str, float]) -> int:
        """Note when certificates were last seen; how many of them are ours."""
        known = 0
        for fingerprint, at in at_by_fingerprint.items():
            later = (_TABLE.c.last_seen_at.is_(None)) | (_TABLE.c.last_seen_at < at)
            known += self._connection.execute(
                update(_TABLE)
                .where(and_(_TABLE.c.fingerprint_sha256 == fingerprint, later))
                .values(last_seen_at=at)
            ).rowcount
        return known

    def get(self, certificate_id: str) -> ClientCertificate | None:
        """The certificate with this identifier."""
        return self._one(_TABLE.c.id == certificate_id)

    def by_serial(self, authority_id: str, serial: str) -> ClientCertificate | None:
        """The certificate of an authority with this serial number."""
        return self._one((_TABLE.c.authority_id == authority_id) & (_TABLE.c.serial == serial))

    def by_fingerprint(self, fingerprint_sha256: str) -> ClientCertificate | None:
        """The certificate with this SHA-256 of its DER."""
        return self._one(_TABLE.c.fingerprint_sha256 == fingerprint_sha256)

    def find(
        self, query: CertificateQuery, *, most: int, before: int | None = None, skip: int = 0
    ) -> list[ClientCertificate]:
        """Certificates, the latest first.

        Args:
            most: how many at most.
            before: only those issued before the one of this number (a cursor).
            skip: how many to leave out; a cursor is quicker for far pages.
        """
        wanted = self._where(query, select(*columns_of(ClientCertificate, _TABLE)))
        if before is not None:
            wanted = wanted.where(_TABLE.c.number < before)
        wanted = wanted.order_by(_TABLE.c.number.desc()).limit(most).offset(skip)
        rows = self._connection.execute(wanted)
        return [record_of(ClientCertificate, row, _READERS) for row in rows]

    def count(self, query: CertificateQuery, *, most: int | None = None) -> int:
        """How many there are; at most `most` when words are searched for or expiry matters."""
        if not query.search and query.expires_before is None:
            counted = select(func.coalesce(func.sum(certificate_counts.c.certificates), 0)).where(
                certificate_counts.c.zone_id == query.zone_id
            )
            if query.status is not None:
                counted = counted.where(certificate_counts.c.status == query.status.value)
            return int(self._connection.execute(counted).scalar_one())
        some = self._where(query, select(_TABLE.c.number)).limit(most).subquery()
        return int(self._connection.execute(select(func.count()).select_from(some)).scalar_one())

    def expiring(
        self, at: float, until: float, *, most: int, zone_id: str | None = None
    ) -> list[ClientCertificate]:
        """Active certificates that expire between two moments, the first ones first."""
        query = (
            select(*columns_of(ClientCertificate, _TABLE))
            .where(
                _TABLE.c.status == CertificateStatus.ACTIVE.value,
                _TABLE.c.expires_at >= at,
                _TABLE.c.expires_at < until,
            )
            .order_by(_TABLE.c.expires_at, _TABLE.c.number)
            .limit(most)
        )
        if zone_id is not None:
            query = query.where(_TABLE.c.zone_id == zone_id)
        rows = self._connection.execute(query)
        return [record_of(ClientCertificate, row, _READERS) for row in rows]

    def count_expiring(self, zone_id: str, at: float, until: float, *, most: int) -> int:
        """How many active certificates of a zone expire between two moments; at most `most`."""
        some = (
            select(_TABLE.c.number)
            .where(
                _TABLE.c.zone_id == zone_id,
                _TABLE.c.status == CertificateStatus.ACTIVE.value,
                _TABLE.c.expires_at >= at,
                _TABLE.c.expires_at < until,
            )
            .limit(most)
            .subquery()
        )
        return int(self._connection.execute(select(func.count()).select_from(some)).scalar_one())

    def unexpired(
        self, authority_id: str, at: float, *, issued_before: float | None = None
    ) -> tuple[int, float]:
        """How many certificates of an authority have not expired, and when the last one does."""
        query = select(func.count(), func.coalesce(func.max(_TABLE.c.expires_at), at)).where(
            _TABLE.c.authority_id == authority_id, _TABLE.c.expires_at >= at
        )
        if issued_before is not None:
            query = query.where(_TABLE.c.issued_at < issued_before)
        count, last = self._connection.execute(query).one()
        return int(count), float(last)

    def remove_of(self, authority_id: str) -> int:
        """Remove every certificate of an authority, which goes as well; how many there were."""
        own = _TABLE.c.authority_id == authority_id
        counted = select(_TABLE.c.zone_id, _TABLE.c.status, func.count().label("many"))
        rows = self._connection.execute(
            counted.where(own).group_by(_TABLE.c.zone_id, _TABLE.c.status)
        ).all()
        for row in rows:
            self._count(row.zone_id, CertificateStatus(row.status), -row.many)
        ids = select(_TABLE.c.id).where(own)
        self._connection.execute(
            delete(issuance_requests).where(issuance_requests.c.certificate_id.in_(ids))
        )
        self._connection.execute(delete(_TABLE).where(own))
        return sum(int(row.many) for row in rows)

    def add_request(self, request: IssuanceRequest) -> None:
        """Remember what a request to issue was answered with.

        Raises:
            ConflictError: the key was used before.
        """
        self._connection.execute(insert(issuance_requests).values(values_of(request)))

    def request(self, zone_id: str, request_key: str) -> IssuanceRequest | None:
        """What a request with this key was answered with."""
        query = select(*columns_of(IssuanceRequest, issuance_requests)).where(
            issuance_requests.c.zone_id == zone_id,
            issuance_requests.c.request_key == request_key,
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(IssuanceRequest, row)

    def _where(self, query: CertificateQuery, wanted: Select[Any]) -> Select[Any]:
        wanted = wanted.where(_TABLE.c.zone_id == query.zone_id)
        if query.status is not None:
            wanted = wanted.where(_TABLE.c.status == query.status.value)
        if query.expires_before is not None:
            wanted = wanted.where(_TABLE.c.expires_at < query.expires_before)
        if query.search.split():
            wanted = wanted.where(matching(self._connection.dialect.name, query.search))
        return wanted

    def _count(self, zone_id: str, status: CertificateStatus, more: int) -> None:
        upsert(
            self._connection,
            certificate_counts,
            {"zone_id": zone_id, "status": status.value},
            insert={"certificates": max(more, 0)},
            update={"certificates": certificate_counts.c.certificates + more},
        )

    def _one(self, condition: ColumnElement[Any]) -> ClientCertificate | None:
        query = select(*columns_of(ClientCertificate, _TABLE)).where(condition)
        row = self._connection.execute(query).first()
        return None if row is None else record_of(ClientCertificate, row, _READERS)


def words_of(certificate: ClientCertificate) -> Sequence[str]:
    """What a certificate is found by."""
    return (
        certificate.label,
        certificate.common_name,
        certificate.organization,
        certificate.organizational_unit,
        certificate.serial,
        certificate.fingerprint_sha256,
        certificate.id,
    )
