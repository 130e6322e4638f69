# SPDX-License-Identifier: Apache-2.0
"""The card of hostnames, as the page of certificates has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.dashboard.hosts_card import ON_CARD
from authz.services.permissions import Resource
from tests.factories.dashboard import READ_ONLY

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/client-certificates"


def test_the_first_hostnames_are_on_it_and_the_rest_is_counted(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.ca()
    for number in range(ON_CARD + 2):
        world.host(f"h{number}.example.com")

    page = visitor.get(PAGE)

    assert f"h{ON_CARD - 1}.example.com" in page
    assert f"h{ON_CARD}.example.com" not in page
    assert "and 2 more" in page


def test_it_says_whether_a_rule_guards_a_host(visitor: Visitor) -> None:
    visitor.bench.world.protect()

    assert "Guarded by a rule" in visitor.get(PAGE)


def test_who_may_not_see_rules_is_not_told_of_them(visitor: Visitor) -> None:
    visitor.bench.world.protect()
    others = visitor.with_grants(one for one in READ_ONLY if one.resource is not Resource.RULES)

    page = others.get(PAGE)

    assert "api.example.com" in page
    assert "Guarded by a rule" not in page
    assert "No rule blocks yet" not in page
