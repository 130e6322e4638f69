# SPDX-License-Identifier: Apache-2.0
"""Rulesets: a version is kept until it is removed, and numbers are never used again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update

from authz.store.records import Ruleset, RulesetVersion
from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.tables import ruleset_versions, rulesets

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_READERS: Final[Readers] = {"rules": lambda text: tuple(json.loads(text))}


class Rulesets:
    """Rulesets of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, ruleset: Ruleset, first: RulesetVersion) -> None:
        """Keep a new ruleset and its first version."""
        self._connection.execute(insert(rulesets).values(values_of(ruleset)))
        self._connection.execute(insert(ruleset_versions).values(values_of(first)))

    def add_version(self, ruleset: Ruleset, version: RulesetVersion) -> bool:
        """Make `version` the one in force; `ruleset` as it is afterwards.

        False, and nothing changed, when the ruleset is not at the version before any more.
        """
        changed = self._connection.execute(
            update(rulesets)
            .where(rulesets.c.id == ruleset.id, rulesets.c.version == version.version - 1)
            .values(
                version=version.version,
                description=ruleset.description,
                modified_at=ruleset.modified_at,
            )
        ).rowcount
        if not changed:
            return False
        self._connection.execute(insert(ruleset_versions).values(values_of(version)))
        return True

    def remove(self, ruleset_id: str) -> None:
        """Remove a ruleset with all its versions."""
        for table, column in (
            (ruleset_versions, ruleset_versions.c.ruleset_id),
            (rulesets, rulesets.c.id),
        ):
            self._connection.execute(delete(table).where(column == ruleset_id))

    def remove_version(self, ruleset_id: str, version: int) -> bool:
        """Remove an old version; False when there is none of this number."""
        removed = self._connection.execute(
            delete(ruleset_versions).where(
                ruleset_versions.c.ruleset_id == ruleset_id, ruleset_versions.c.version == version
            )
        ).rowcount
        return bool(removed)

    def sizes(self, ruleset_id: str) -> list[tuple[int, float, int]]:
        """Number, Unix time and characters of rules of every version, the latest first."""
        table = ruleset_versions.c
        query = (
            select(table.version, table.created_at, func.length(table.rules))
            .where(table.ruleset_id == ruleset_id)
            .order_by(table.version.desc())
        )
        return [(version, at, size) for version, at, size in self._connection.execute(query)]

    def remove_versions(self, ruleset_id: str, last: int) -> None:
        """Remove the versions up to this one."""
        self._connection.execute(
            delete(ruleset_versions).where(
                ruleset_versions.c.ruleset_id == ruleset_id, ruleset_versions.c.version <= last
            )
        )

    def all(self, *, zone_id: str | None = None, account_id: str | None = None) -> list[Ruleset]:
        """The rulesets of a zone, or those of an account that are no zone's; or every one."""
        query = select(*columns_of(Ruleset, rulesets)).order_by(
            rulesets.c.created_at, rulesets.c.id
        )
        if zone_id is not None:
            query = query.where(rulesets.c.zone_id == zone_id)
        if account_id is not None:
            query = query.where(rulesets.c.account_id == account_id, rulesets.c.zone_id.is_(None))
        return [record_of(Ruleset, row) for row in self._connection.execute(query)]

    def get(self, ruleset_id: str) -> Ruleset | None:
        """The ruleset with this identifier."""
        return self._one(rulesets.c.id == ruleset_id)

    def entry_point(self, zone_id: str, phase: str) -> Ruleset | None:
        """The ruleset that a phase of a zone begins with."""
        return self._one(
            (rulesets.c.zone_id == zone_id)
            & (rulesets.c.phase == phase)
            & (rulesets.c.kind == "zone")
        )

    def root(self, account_id: str, phase: str) -> Ruleset | None:
        """The ruleset that a phase of an account begins with, before those of its zones."""
        return self._one(
            (rulesets.c.account_id == account_id)
            & rulesets.c.zone_id.is_(None)
            & (rulesets.c.phase == phase)
            & (rulesets.c.kind == "root")
        )

    def version(self, ruleset_id: str, version: int) -> RulesetVersion | None:
        """One version of a ruleset."""
        query = select(*columns_of(RulesetVersion, ruleset_versions)).where(
            ruleset_versions.c.ruleset_id == ruleset_id, ruleset_versions.c.version == version
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(RulesetVersion, row, _READERS)

    def versions(self, ruleset_id: str) -> list[RulesetVersion]:
        """Every version that is kept, the latest first."""
        query = (
            select(*columns_of(RulesetVersion, ruleset_versions))
            .where(ruleset_versions.c.ruleset_id == ruleset_id)
            .order_by(ruleset_versions.c.version.desc())
        )
        rows = self._connection.execute(query)
        return [record_of(RulesetVersion, row, _READERS) for row in rows]

    def outlines(self, ruleset_id: str) -> list[RulesetVersion]:
        """The same without their rules: a thousand versions of as many rules are a million."""
        query = (
            select(*columns_of(RulesetVersion, ruleset_versions, but=("rules",)))
            .where(ruleset_versions.c.ruleset_id == ruleset_id)
            .order_by(ruleset_versions.c.version.desc())
        )
        rows = self._connection.execute(query)
        return [RulesetVersion(**row._mapping, rules=()) for row in rows]

    def _one(self, condition: ColumnElement[Any]) -> Ruleset | None:
        query = select(*columns_of(Ruleset, rulesets)).where(condition)
        row = self._connection.execute(query).first()
        return None if row is None else record_of(Ruleset, row)
