# SPDX-License-Identifier: Apache-2.0
"""Authorities, their certificates, and their keys, encrypted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update

from authz.store.records import (
    Authority,
    AuthorityCertificate,
    AuthorityKind,
    AuthorityStatus,
    CertificateRole,
    Key,
    Sources,
)
from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.tables import (
    authorities,
    authority_certificates,
    client_certificates,
    host_associations,
    keys,
    published_crls,
    revocation_counts,
    revocations,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


def _sources(text: str) -> Sources:
    found = json.loads(text)
    return Sources(crl_urls=tuple(found.get("crl_urls", ())), ocsp=found.get("ocsp", "off"))


_AUTHORITY: Final[Readers] = {
    "kind": AuthorityKind,
    "status": AuthorityStatus,
    "sources": _sources,
}
_CERTIFICATE: Final[Readers] = {"role": CertificateRole}


class Authorities:
    """Authorities of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, authority: Authority) -> None:
        """Keep a new authority.

        Raises:
            ConflictError: the account has one of this name.
        """
        self._connection.execute(insert(authorities).values(values_of(authority)))

    def update(self, authority: Authority) -> None:
        """Keep its name, status, revocation mode and sources as they are in `authority`."""
        values = values_of(authority, but=("id", "account_id", "zone_id", "kind", "created_at"))
        self._connection.execute(
            update(authorities).where(authorities.c.id == authority.id).values(values)
        )

    def keep_text(self, authority_id: str, text: str) -> None:
        """Keep how the certificates of an uploaded authority were written."""
        named = authorities.c.id == authority_id
        self._connection.execute(update(authorities).where(named).values(uploaded_text=text))

    def texts(self, authority_id: str | None = None) -> dict[str, str]:
        """What `keep_text` has kept, of one authority or of all."""
        columns = authorities.c.id, authorities.c.uploaded_text
        query = select(*columns).where(authorities.c.uploaded_text.is_not(None))
        if authority_id is not None:
            query = query.where(authorities.c.id == authority_id)
        return {row.id: row.uploaded_text for row in self._connection.execute(query)}

    def remove(self, authority_id: str) -> None:
        """Remove an authority with everything that is only its own.

        The caller has made sure that nothing refers to it: certificates it issued, hostnames.
        """
        connection = self._connection
        named = authorities.c.id == authority_id
        key_ids = select(authority_certificates.c.key_id).where(
            authority_certificates.c.authority_id == authority_id,
            authority_certificates.c.key_id.is_not(None),
        )
        unused = [row.key_id for row in connection.execute(key_ids)]
        for table in (
            revocations,
            revocation_counts,
            published_crls,
            authority_certificates,
        ):
            connection.execute(delete(table).where(table.c.authority_id == authority_id))
        for key_id in unused:
            self._remove_key(key_id)
        connection.execute(delete(authorities).where(named))

    def all(self) -> list[Authority]:
        """Every authority, the oldest first."""
        query = select(*columns_of(Authority, authorities)).order_by(
            authorities.c.created_at, authorities.c.id
        )
        return [record_of(Authority, row, _AUTHORITY) for row in self._connection.execute(query)]

    def get(self, authority_id: str) -> Authority | None:
        """The authority with this identifier."""
        return self._one(authorities.c.id == authority_id)

    def named(self, account_id: str, name: str) -> Authority | None:
        """The account's authority of this name."""
        return self._one((authorities.c.account_id == account_id) & (authorities.c.name == name))

    def in_use(self, authority_id: str) -> tuple[int, int]:
        """How many hostnames ask for it, and how many certificates it issued here."""
        hosts = select(func.count()).where(host_associations.c.authority_id == authority_id)
        issued = select(func.count()).where(client_certificates.c.authority_id == authority_id)
        return (
            int(self._connection.execute(hosts).scalar_one()),
            int(self._connection.execute(issued).scalar_one()),
        )

    def add_certificate(self, certificate: AuthorityCertificate) -> None:
        """Keep a certificate of an authority.

        Raises:
            ConflictError: the authority has it already.
        """
        self._connection.execute(insert(authority_certificates).values(values_of(certificate)))

    def set_role(self, certificate_id: str, role: CertificateRole) -> None:
        """Change what a certificate does for its authority."""
        self._connection.execute(
            update(authority_certificates)
            .where(authority_certificates.c.id == certificate_id)
            .values(role=role.value)
        )

    def remove_certificate(self, certificate_id: str) -> None:
        """Remove a certificate and its key: what it issued verifies no more."""
        table = authority_certificates
        key_id = self._connection.execute(
            select(table.c.key_id).where(table.c.id == certificate_id)
        ).scalar_one_or_none()
        self._connection.execute(
            delete(published_crls).where(published_crls.c.certificate_id == certificate_id)
        )
        self._connection.execute(delete(table).where(table.c.id == certificate_id))
        if key_id is not None:
            self._remove_key(key_id)

    def certificates(self, authority_id: str | None = None) -> list[AuthorityCertificate]:
        """The certificates of one authority, or of all, in their order."""
        table = authority_certificates
        query = select(*columns_of(AuthorityCertificate, table)).order_by(
            table.c.authority_id, table.c.position, table.c.id
        )
        if authority_id is not None:
            query = query.where(table.c.authority_id == authority_id)
        return [
            record_of(AuthorityCertificate, row, _CERTIFICATE)
            for row in self._connection.execute(query)
        ]

    def add_key(self, key: Key) -> None:
        """Keep an encrypted private key."""
        self._connection.execute(insert(keys).values(values_of(key)))

    def key(self, key_id: str) -> Key | None:
        """An encrypted private key: for whoever is about to sign."""
        query = select(*columns_of(Key, keys)).where(keys.c.id == key_id)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(Key, row)

    def keys(self) -> list[Key]:
        """Every encrypted private key: for encrypting them under another secret."""
        query = select(*columns_of(Key, keys)).order_by(keys.c.created_at, keys.c.id)
        return [record_of(Key, row) for row in self._connection.execute(query)]

    def replace_key(self, key: Key) -> None:
        """Keep the same key, encrypted under another secret."""
        self._connection.execute(update(keys).where(keys.c.id == key.id).values(record=key.record))

    def _remove_key(self, key_id: str) -> None:
        """Remove a key that no certificate has any more."""
        used = select(func.count()).where(authority_certificates.c.key_id == key_id)
        if not self._connection.execute(used).scalar_one():
            self._connection.execute(delete(keys).where(keys.c.id == key_id))

    def _one(self, condition: ColumnElement[Any]) -> Authority | None:
        query = select(*columns_of(Authority, authorities)).where(condition)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(Authority, row, _AUTHORITY)
