# SPDX-License-Identifier: Apache-2.0
"""Accounts and zones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from authz.store.records import Account, Zone
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import (
    accounts,
    certificate_counts,
    issuance_requests,
    rule_drafts,
    ruleset_versions,
    rulesets,
    zones,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_READERS: Final = {"upstream_headers": lambda text: tuple(json.loads(text))}


class Zones:
    """Accounts and zones of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_account(self, account: Account) -> None:
        """Keep a new account."""
        self._connection.execute(insert(accounts).values(values_of(account)))

    def accounts(self) -> list[Account]:
        """Every account, the oldest first."""
        query = select(*columns_of(Account, accounts)).order_by(
            accounts.c.created_at, accounts.c.id
        )
        return [record_of(Account, row) for row in self._connection.execute(query)]

    def rename_account(self, account_id: str, name: str) -> None:
        """Give an account another name."""
        self._connection.execute(
            update(accounts).where(accounts.c.id == account_id).values(name=name)
        )

    def add(self, zone: Zone) -> None:
        """Keep a new zone.

        Raises:
            ConflictError: there is one of this name.
        """
        self._connection.execute(insert(zones).values(values_of(zone)))

    def update(self, zone: Zone) -> None:
        """Keep a zone's settings as they are in `zone`."""
        values = values_of(zone, but=("id", "account_id", "created_at"))
        self._connection.execute(update(zones).where(zones.c.id == zone.id).values(values))

    def remove(self, zone_id: str) -> None:
        """Remove a zone with its rulesets, drafts and counts.

        The caller has made sure that nothing else refers to it: hosts, authorities, lists.
        """
        connection = self._connection
        own = select(rulesets.c.id).where(rulesets.c.zone_id == zone_id)
        connection.execute(delete(ruleset_versions).where(ruleset_versions.c.ruleset_id.in_(own)))
        for table in (rulesets, rule_drafts, certificate_counts, issuance_requests):
            connection.execute(delete(table).where(table.c.zone_id == zone_id))
        connection.execute(delete(zones).where(zones.c.id == zone_id))

    def all(self) -> list[Zone]:
        """Every zone, the oldest first."""
        query = select(*columns_of(Zone, zones)).order_by(zones.c.created_at, zones.c.id)
        return [record_of(Zone, row, _READERS) for row in self._connection.execute(query)]

    def get(self, zone_id: str) -> Zone | None:
        """The zone with this identifier."""
        return self._one(zones.c.id == zone_id)

    def named(self, name: str) -> Zone | None:
        """The zone of this name."""
        return self._one(zones.c.name == name)

    def _one(self, condition: ColumnElement[Any]) -> Zone | None:
        query = select(*columns_of(Zone, zones)).where(condition)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(Zone, row, _READERS)
