# SPDX-License-Identifier: Apache-2.0
"""How often rules matched, for whoever may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.zones import create_zone
from tests.factories.recorded_checks import count_matches
from tests.factories.rulesets import account_scope, put_rules, rule

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def test_matches_of_a_rule_of_the_account_are_those_of_all_zones(visitor: Visitor) -> None:
    store = visitor.bench.store
    put_rules(store, rule("mine"), scope=account_scope(store))
    create_zone(store, "shop.example", actor="t", at=visitor.bench.now)
    count_matches(store, "account:mine", 20)
    count_matches(store, "account:mine", 3, site="shop.example")
    count_matches(store, "other", 500)

    page = visitor.get("/rules")

    assert "</span>23</a>" in page


def test_only_who_may_see_events_of_every_zone_sees_them(visitor: Visitor) -> None:
    store = visitor.bench.store
    put_rules(store, rule("mine"), scope=account_scope(store))
    grants = {
        Grant(resource=Resource.RULES, level=Level.READ, place=ACCOUNT_WIDE),
        Grant(resource=Resource.RULES, level=Level.READ, place=EVERY_ZONE),
    }

    assert "Matches" not in visitor.with_grants(grants).get("/rules")
    events = Grant(resource=Resource.EVENTS, level=Level.READ, place=EVERY_ZONE)
    assert "Matches" in visitor.with_grants({*grants, events}).get("/rules")
