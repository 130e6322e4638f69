# SPDX-License-Identifier: Apache-2.0
"""What people call that which events name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.context import account_of
from authz.services.event_names import certificates_by_fingerprint, rules_by_ref
from authz.services.ruleset_management import create_ruleset
from authz.services.rulesets import replace_rules
from authz.services.scopes import CUSTOM_RULES, Scope
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

RULES = [
    {"ref": "protect", "expression": "true", "action": "block", "description": "Keep out"},
    {"ref": "watch", "expression": "true", "action": "log"},
]


def test_rules_are_in_their_order_by_what_events_call_them(world: World) -> None:
    replace_rules(world.store, "default", RULES, actor="test", at=AT)

    rules = rules_by_ref(world.store, "default", account=True)

    assert list(rules) == ["protect", "watch"]
    assert [one.title for one in rules.values()] == ["Keep out", "watch"]
    assert [one.logs for one in rules.values()] == [False, True]
    assert not rules["protect"].of_account


def test_rules_of_the_account_come_first_where_they_are_wanted(world: World) -> None:
    with world.store.read() as session:
        scope = Scope(account_id=account_of(session).id)
    body = {"kind": "root", "phase": CUSTOM_RULES, "name": "root", "rules": RULES[:1]}
    create_ruleset(world.store, scope, body, geo=None, actor="test", at=AT)
    replace_rules(world.store, "default", RULES[:1], actor="test", at=AT)

    rules = rules_by_ref(world.store, "default", account=True)

    assert [(ref, one.of_account) for ref, one in rules.items()] == [
        ("account:protect", True),
        ("protect", False),
    ]
    assert list(rules_by_ref(world.store, "default", account=False)) == ["protect"]


def test_certificates_of_the_zones_that_are_asked_for(world: World) -> None:
    world.ca()
    issued = world.issue().certificate
    with world.store.read() as session:
        (zone,) = session.zones.all()
        assert account_of(session).id == zone.account_id
    wanted = {issued.fingerprint_sha256, "ff" * 32}

    found = certificates_by_fingerprint(world.store, [zone.id], wanted)

    assert {one.id for one in found.values()} == {issued.id}
    assert certificates_by_fingerprint(world.store, ["0" * 32], wanted) == {}
