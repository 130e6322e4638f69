# SPDX-License-Identifier: Apache-2.0
"""Rules that are written and not deployed: nothing that is enforced is made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update

from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.tables import rule_drafts

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_READERS: Final[Readers] = {"rule": json.loads}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as somebody would like it.

    Args:
        zone_id: None: the rule is to be the account's.
        ruleset_id, version: the rules that it was written for; None and 0 where there were none.
        rule_id: the rule that it changes; None: it is a new one.
        rule: as the API takes it; it need not be one that can be deployed.
        place: where the rule is to go, from 1; None: where it is, or behind all others.
        actor: who wrote it last.
    """

    id: str
    account_id: str
    zone_id: str | None
    ruleset_id: str | None
    version: int
    rule_id: str | None
    rule: dict[str, Any]
    place: int | None
    actor: str
    created_at: float
    modified_at: float


class RuleDrafts:
    """Drafts of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, draft: RuleDraft) -> None:
        """Keep a new one."""
        self._connection.execute(insert(rule_drafts).values(values_of(draft)))

    def change(self, draft: RuleDraft) -> bool:
        """Keep it as it is in `draft`; False when it is not there any more."""
        values = values_of(draft, but=("id", "account_id", "zone_id", "created_at"))
        changed = self._connection.execute(
            update(rule_drafts).where(rule_drafts.c.id == draft.id).values(values)
        ).rowcount
        return bool(changed)

    def remove(self, draft_id: str) -> bool:
        """Remove it; False when it is not there."""
        removed = self._connection.execute(
            delete(rule_drafts).where(rule_drafts.c.id == draft_id)
        ).rowcount
        return bool(removed)

    def get(self, draft_id: str) -> RuleDraft | None:
        """The draft with this identifier."""
        query = select(*columns_of(RuleDraft, rule_drafts)).where(rule_drafts.c.id == draft_id)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(RuleDraft, row, _READERS)

    def of(self, account_id: str, zone_id: str | None) -> list[RuleDraft]:
        """Those of a zone, or those of the account itself; the latest first."""
        query = (
            select(*columns_of(RuleDraft, rule_drafts))
            .where(_scope(account_id, zone_id))
            .order_by(rule_drafts.c.modified_at.desc(), rule_drafts.c.id)
        )
        return [record_of(RuleDraft, row, _READERS) for row in self._connection.execute(query)]

    def count(self, account_id: str, zone_id: str | None) -> int:
        """How many there are of them."""
        query = select(func.count()).select_from(rule_drafts).where(_scope(account_id, zone_id))
        return int(self._connection.execute(query).scalar_one())


def _scope(account_id: str, zone_id: str | None) -> ColumnElement[bool]:
    zone = rule_drafts.c.zone_id
    return (rule_drafts.c.account_id == account_id) & (
        zone.is_(None) if zone_id is None else zone == zone_id
    )
