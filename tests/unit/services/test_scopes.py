# SPDX-License-Identifier: Apache-2.0
"""Whose rules: a zone's, or the account's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.scopes import Scope, scope_of

if TYPE_CHECKING:
    from authz.store.engine import Store


def test_a_zone_and_the_account(store: Store) -> None:
    with store.read() as session:
        zone = session.zones.all()[0]
    here, above = scope_of(zone), Scope(account_id=zone.account_id)

    assert (here.kind, here.zone_id, here.where) == ("zone", zone.id, 'rules of the zone "default"')
    assert (above.kind, above.zone_id, above.where) == ("root", None, "rules of the account")
