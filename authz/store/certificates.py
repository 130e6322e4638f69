# SPDX-License-Identifier: Apache-2.0
"""Client certificates: kept, found by what people know of them, counted without counting.

A million of them answer in milliseconds because every question has its index. First the numbers of
a page are found, in an index and nothing else, then the rows of those numbers are read. How many
there are, and where a far page begins, is kept beside them (`counts`); words are found through the
full-text index of the database (`search`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, literal_column, select, update

from authz.store.certificate_order import numbers_in_order
from authz.store.counts import count_one, counted, skipped, uncount
from authz.store.records import CertificateStatus, ClientCertificate, IssuanceRequest
from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.search import number_of, numbers_with, ways_in, words_of
from authz.store.tables import client_certificates, issuance_requests, zones
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement, Connection, Select

    from authz.store.certificate_order import CertificateOrder

_TABLE = client_certificates
_READERS: Final[Readers] = {"status": CertificateStatus}

_FINGERPRINT: Final = _TABLE.c.fingerprint_sha256.name

#: Rows that are looked up in one statement: databases limit a statement's parameters.
_ROWS: Final = 1_000

#: Certificates among which PostgreSQL looks for words before it asks its index for all of them.
_LATEST: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateQuery:
    """Which certificates of a zone.

    Args:
        status: only those of this status.
        search: words, each of which begins a word of label, names, serial number, fingerprint or
            identifier; bytes of the last three may have colons between them.
        expires_before, expires_from: only those that expire before this Unix time, or then and
            later.
    """

    zone_id: str
    status: CertificateStatus | None = None
    search: str = ""
    expires_before: float | None = None
    expires_from: float | None = None

    @property
    def by_expiry(self) -> bool:
        """Whether it is about when certificates expire."""
        return self.expires_before is not None or self.expires_from is not None

    @property
    def plain(self) -> bool:
        """Whether it is about zone and status alone."""
        return not self.search.strip() and not self.by_expiry


class Certificates:
    """Client certificates of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, certificate: ClientCertificate) -> None:
        """Keep a certificate that was just issued.

        Raises:
            ConflictError: its authority has issued this serial number before.
        """
        values = values_of(certificate, but=("number",)) | {"words": words_of(certificate)}
        added = self._connection.execute(insert(_TABLE).values(values))
        (number,) = added.inserted_primary_key or (0,)
        count_one(self._connection, certificate.zone_id, certificate.status, number, 1)

    def set_status(
        self,
        certificate: ClientCertificate,
        status: CertificateStatus,
        *,
        revoked_at: float | None,
        reason: str | None,
    ) -> None:
        """Revoke or restore."""
        # As it is now: `certificate` may have been read before somebody else changed it.
        now = self._one(_TABLE.c.number == certificate.number)
        if now is None:
            return
        changed = replace(now, status=status, revoked_at=revoked_at, reason=reason)
        self._keep(changed)
        if status is not now.status:
            count_one(self._connection, now.zone_id, now.status, now.number, -1)
            count_one(self._connection, now.zone_id, status, now.number, 1)

    def set_label(self, certificate: ClientCertificate, label: str) -> None:
        """Give it another label."""
        now = self._one(_TABLE.c.number == certificate.number)
        if now is not None:
            self._keep(replace(now, label=label))

    def seen(self, at_by_fingerprint: Mapping[str, float]) -> int:
        """Note when certificates were last seen; of how many of them that is news."""
        if not at_by_fingerprint:
            return 0
        query = (
            update(_TABLE)
            .where(
                _TABLE.c.fingerprint_sha256 == bindparam("fingerprint"),
                (_TABLE.c.last_seen_at.is_(None)) | (_TABLE.c.last_seen_at < bindparam("at")),
            )
            .values(last_seen_at=bindparam("at"))
        )
        # In one order, so that two who note the same ones do not wait for each other.
        rows = [
            {"fingerprint": fingerprint, "at": at}
            for fingerprint, at in sorted(at_by_fingerprint.items())
        ]
        return self._connection.execute(query, rows).rowcount

    def get(self, certificate_id: str) -> ClientCertificate | None:
        """The certificate with this identifier."""
        return self._one(_TABLE.c.id == certificate_id)

    def by_serial(self, authority_id: str, serial: str) -> ClientCertificate | None:
        """The certificate of an authority with this serial number."""
        return self._one((_TABLE.c.authority_id == authority_id) & (_TABLE.c.serial == serial))

    def by_fingerprint(self, fingerprint_sha256: str) -> ClientCertificate | None:
        """The certificate with this SHA-256 of its DER."""
        return self._one(_TABLE.c.fingerprint_sha256 == fingerprint_sha256)

    def beginning(
        self, digits: str, authority_ids: Iterable[str], *, most: int
    ) -> dict[str, ClientCertificate]:
        """Certificates whose identifier, fingerprint or serial number begins with digits, by id.

        Args:
            digits: hexadecimal, in lower case; zeros before a serial number do not count.
            authority_ids: whose serial numbers.
            most: how many at most of each kind.
        """
        serial = digits.lstrip("0").upper()
        # Between two texts, and not LIKE: for it the index would have to be one of the C locale.
        ranges: list[ColumnElement[bool]] = [
            _TABLE.c[name].between(digits, digits + "g") for name in ("id", _FINGERPRINT)
        ]
        if serial:
            ranges += [
                (_TABLE.c.authority_id == one) & _TABLE.c.serial.between(serial, serial + "G")
                for one in authority_ids
            ]
        found: dict[str, ClientCertificate] = {}
        for condition in ranges:
            query = select(*columns_of(ClientCertificate, _TABLE)).where(condition).limit(most)
            for row in self._connection.execute(query):
                one = record_of(ClientCertificate, row, _READERS)
                found[one.id] = one
        return found

    def find(
        self, query: CertificateQuery, *, most: int, before: int | None = None, skip: int = 0
    ) -> list[ClientCertificate]:
        """Certificates, the latest first.

        Args:
            most: how many at most.
            before: only those issued before the one of this number (a cursor).
            skip: how many to leave out. Quick at any distance, but among words, or what expires
                soon, a cursor is quicker.
        """
        wanted = self._numbers(query)
        if wanted is None:
            return []
        number = number_of(wanted)
        if before is None and query.plain:
            before, skip = skipped(self._connection, query.zone_id, query.status, skip)
        if before is not None:
            wanted = wanted.where(number < before)
        if query.search.strip() and self._connection.dialect.name == "postgresql":
            found = self._among_the_latest(query, most=most, before=before, skip=skip)
            if found is not None:
                return self._of(found)
            # Not along the numbers: PostgreSQL would look at every certificate for a rare word.
            number = number + literal_column("0")
        wanted = wanted.order_by(number.desc()).limit(most).offset(skip)
        return self._of(list(self._connection.execute(wanted).scalars()))

    def ordered(
        self, query: CertificateQuery, order: CertificateOrder, *, most: int, skip: int = 0
    ) -> list[ClientCertificate]:
        """Certificates in any order; those found by words are all put in order (`count` first)."""
        wanted = self._numbers(query)
        if wanted is None:
            return []
        numbers = numbers_in_order(query, wanted, order, most=most, skip=skip)
        return self._of(list(self._connection.execute(numbers).scalars()))

    def count(self, query: CertificateQuery, *, most: int | None = None) -> int:
        """How many there are; at most `most` when words are searched for or expiry matters."""
        if query.plain:
            return counted(self._connection, query.zone_id, query.status)
        wanted = self._numbers(query)
        if wanted is None:
            return 0
        some = wanted.limit(most).subquery()
        return int(self._connection.execute(select(func.count()).select_from(some)).scalar_one())

    def contents(self) -> Iterator[tuple[str, bytes, str]]:
        """Identifier, DER and SHA-256 fingerprint of every certificate, as a stream."""
        query = select(_TABLE.c.id, _TABLE.c.der, _TABLE.c.fingerprint_sha256)
        with self._connection.execute(query, execution_options={"yield_per": _ROWS}) as rows:
            for certificate_id, der, fingerprint in rows:
                yield certificate_id, bytes(der), fingerprint

    def expiring(
        self, at: float, until: float, *, most: int, zone_id: str | None = None
    ) -> list[ClientCertificate]:
        """Active certificates that expire between two moments, the first ones first."""
        query = (
            select(*columns_of(ClientCertificate, _TABLE))
            .where(
                # All of them, named for the index, which begins with the zone.
                _TABLE.c.zone_id.in_(select(zones.c.id)),
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
        self, authority_id: str, at: float, *, issued_before: float | None = None, only: str = ""
    ) -> tuple[int, float]:
        """How many certificates of an authority have not expired, and when the last one does."""
        query = select(func.count(), func.coalesce(func.max(_TABLE.c.expires_at), at)).where(
            _TABLE.c.authority_id == authority_id, _TABLE.c.expires_at >= at
        )
        if issued_before is not None:
            query = query.where(_TABLE.c.issued_at < issued_before)
        if only:  # a status
            query = query.where(_TABLE.c.status == only)
        count, last = self._connection.execute(query).one()
        return int(count), float(last)

    def remove_of(self, authority_id: str) -> int:
        """Remove every certificate of an authority, which goes as well; how many there were."""
        own = _TABLE.c.authority_id == authority_id
        many = uncount(self._connection, own)
        ids = select(_TABLE.c.id).where(own)
        self._connection.execute(
            delete(issuance_requests).where(issuance_requests.c.certificate_id.in_(ids))
        )
        self._connection.execute(delete(_TABLE).where(own))
        return many

    def add_request(self, request: IssuanceRequest) -> None:
        """Remember what a request to issue was answered with.

        Raises:
            ConflictError: the key was used before.
        """
        self._connection.execute(insert(issuance_requests).values(values_of(request)))

    def replace_request(self, request: IssuanceRequest) -> None:
        """Remember what a request was answered with, instead of what was before its key."""
        values = values_of(request)
        key = {name: values.pop(name) for name in ("zone_id", "request_key")}
        upsert(self._connection, issuance_requests, key, insert=values)

    def request(self, zone_id: str, request_key: str) -> IssuanceRequest | None:
        """What a request with this key was answered with."""
        query = select(*columns_of(IssuanceRequest, issuance_requests)).where(
            issuance_requests.c.zone_id == zone_id,
            issuance_requests.c.request_key == request_key,
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(IssuanceRequest, row)

    def forget_requests(self, before: float) -> int:
        """Forget requests from before a Unix time; how many there were."""
        table = issuance_requests
        return self._connection.execute(delete(table).where(table.c.created_at < before)).rowcount

    def _numbers(self, query: CertificateQuery, *, indexed: bool = True) -> Select[Any] | None:
        """The numbers of the certificates that are asked for; None: there cannot be any."""
        if query.search.strip():
            terms = ways_in(query.search)
            if not terms:
                return None
            dialect = self._connection.dialect.name
            wanted = numbers_with(dialect, query.zone_id, query.status, terms, indexed=indexed)
            if not indexed:
                wanted = wanted.where(_TABLE.c.zone_id == query.zone_id)
            if dialect == "sqlite" and query.by_expiry:
                wanted = wanted.join(_TABLE, _TABLE.c.number == number_of(wanted))
        else:
            wanted = select(_TABLE.c.number).where(_TABLE.c.zone_id == query.zone_id)
            if query.status is not None:
                wanted = wanted.where(_TABLE.c.status == query.status.value)
            elif query.by_expiry:
                # All of them, named for the index.
                wanted = wanted.where(_TABLE.c.status.in_([one.value for one in CertificateStatus]))
        if query.expires_before is not None:
            wanted = wanted.where(_TABLE.c.expires_at < query.expires_before)
        if query.expires_from is not None:
            wanted = wanted.where(_TABLE.c.expires_at >= query.expires_from)
        return wanted

    def _among_the_latest(
        self, query: CertificateQuery, *, most: int, before: int | None, skip: int
    ) -> list[int] | None:
        """The numbers of a page of a search, if so many are among the latest certificates.

        PostgreSQL cannot tell how many certificates have a word that begins with some letters, and
        its index of words gives all of them or none. A word that many have is found among the
        latest; what is not there is rare, and few for the index.
        """
        latest = select(_TABLE.c.number).where(_TABLE.c.zone_id == query.zone_id)
        if query.status is not None:
            latest = latest.where(_TABLE.c.status == query.status.value)
        if before is not None:
            latest = latest.where(_TABLE.c.number < before)
        first = latest.order_by(_TABLE.c.number.desc()).limit(1).offset(_LATEST - 1)
        from_here = self._connection.execute(first).scalar_one_or_none()
        if from_here is None:
            return None
        page = self._numbers(query, indexed=False)
        if page is None:
            return None
        page = page.where(_TABLE.c.number >= from_here)
        if before is not None:
            page = page.where(_TABLE.c.number < before)
        page = page.order_by(_TABLE.c.number.desc()).limit(most).offset(skip)
        found = list(self._connection.execute(page).scalars())
        return found if len(found) == most else None

    def _of(self, numbers: list[int]) -> list[ClientCertificate]:
        """The certificates of these numbers, in their order."""
        found: dict[int, ClientCertificate] = {}
        for start in range(0, len(numbers), _ROWS):
            some = _TABLE.c.number.in_(numbers[start : start + _ROWS])
            query = select(*columns_of(ClientCertificate, _TABLE)).where(some)
            for row in self._connection.execute(query):
                one = record_of(ClientCertificate, row, _READERS)
                found[one.number] = one
        return [found[number] for number in numbers if number in found]

    def _keep(self, changed: ClientCertificate) -> None:
        values = {
            "label": changed.label,
            "status": changed.status.value,
            "revoked_at": changed.revoked_at,
            "reason": changed.reason,
            "words": words_of(changed),
        }
        self._connection.execute(
            update(_TABLE).where(_TABLE.c.number == changed.number).values(values)
        )

    def _one(self, condition: ColumnElement[Any]) -> ClientCertificate | None:
        query = select(*columns_of(ClientCertificate, _TABLE)).where(condition)
        row = self._connection.execute(query).first()
        return None if row is None else record_of(ClientCertificate, row, _READERS)
