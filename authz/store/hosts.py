# SPDX-License-Identifier: Apache-2.0
"""Hostname associations: which hosts ask for certificates of which authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from authz.store.records import HostAssociation
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import host_associations

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TABLE = host_associations


class Hosts:
    """Hostname associations of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, association: HostAssociation) -> None:
        """Keep a new association.

        Raises:
            ConflictError: it is there already.
        """
        self._connection.execute(insert(_TABLE).values(values_of(association)))

    def remove(self, zone_id: str, hostname: str, authority_id: str | None = None) -> int:
        """Remove the association of a host with an authority, or with all; how many there were."""
        query = delete(_TABLE).where(_TABLE.c.zone_id == zone_id, _TABLE.c.hostname == hostname)
        if authority_id is not None:
            query = query.where(_TABLE.c.authority_id == authority_id)
        return self._connection.execute(query).rowcount

    def replace(
        self, zone_id: str, authority_id: str, hostnames: tuple[str, ...], at: float
    ) -> None:
        """Make `hostnames` those of a zone that ask for this authority, in this order."""
        known = {
            one.hostname: one.created_at for one in self.all(zone_id, authority_id=authority_id)
        }
        self._connection.execute(
            delete(_TABLE).where(_TABLE.c.zone_id == zone_id, _TABLE.c.authority_id == authority_id)
        )
        for position, hostname in enumerate(hostnames):
            self.add(
                HostAssociation(
                    zone_id=zone_id,
                    hostname=hostname,
                    authority_id=authority_id,
                    position=position,
                    created_at=known.get(hostname, at),
                )
            )

    def all(
        self, zone_id: str | None = None, *, authority_id: str | None = None
    ) -> list[HostAssociation]:
        """Associations, in their order; of one zone, one authority, or all."""
        query = select(*columns_of(HostAssociation, _TABLE)).order_by(
            _TABLE.c.zone_id,
            _TABLE.c.position,
            _TABLE.c.created_at,
            _TABLE.c.hostname,
            _TABLE.c.authority_id,
        )
        if zone_id is not None:
            query = query.where(_TABLE.c.zone_id == zone_id)
        if authority_id is not None:
            query = query.where(_TABLE.c.authority_id == authority_id)
        return [record_of(HostAssociation, row) for row in self._connection.execute(query)]
