# SPDX-License-Identifier: Apache-2.0
"""The account: a store has one, which its zones, authorities and lists belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.services.context import account_of, audit, checked_name, facts_of

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import Account


def get_account(store: Store) -> Account:
    """The account."""
    with store.read() as session:
        return account_of(session)


def rename_account(store: Store, name: str, *, actor: str, at: float) -> Account:
    """Give the account another name.

    Raises:
        InvalidInputError: the name is none.
    """
    wanted = checked_name("name of the account", name)
    with store.note() as session:
        before = account_of(session)
        after = replace(before, name=wanted)
        session.zones.rename_account(before.id, wanted)
        audit(
            session,
            "account.rename",
            actor=actor,
            at=at,
            of=("account", before.id),
            before=facts_of(before),
            after=facts_of(after),
        )
    return after
