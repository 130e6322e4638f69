# SPDX-License-Identifier: Apache-2.0
"""Rules of the account, before every zone's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.services.ruleset_management import put_entry_point
from authz.services.scopes import CUSTOM_RULES, Scope

if TYPE_CHECKING:
    from authz.store.engine import Store


def put_account_rules(store: Store, *rules: dict[str, Any]) -> None:
    """Have these rules in the one account that there is, as the API takes them."""
    with store.read() as session:
        scope = Scope(account_id=session.zones.accounts()[0].id)
    body = {"rules": list(rules)}
    put_entry_point(store, scope, CUSTOM_RULES, body, geo=None, actor="tester", at=1.0)
