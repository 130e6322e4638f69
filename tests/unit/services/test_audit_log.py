# SPDX-License-Identifier: Apache-2.0
"""The audit log as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.audit_log import VERBS, entry_object, latest_entries, verb_of
from authz.services.revocation import revoke_certificate

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_the_latest_first_and_the_history_of_one_object(world: World) -> None:
    world.ca()
    issued = world.issue().certificate
    revoke_certificate(world.store, issued.id, reason="superseded", actor="bob", at=1_000_000.5)

    everything = latest_entries(world.store)
    assert [one.action for one in everything][:2] == ["certificate.revoke", "certificate.issue"]
    assert latest_entries(world.store, most=1) == everything[:1]
    assert latest_entries(world.store, before=everything[0].number) == everything[1:]
    assert [one.action for one in latest_entries(world.store, of=issued.id)] == [
        "certificate.revoke",
        "certificate.issue",
    ]
    shown = entry_object(everything[0])
    assert (shown["actor"], shown["at"]) == ("bob", "1970-01-12T13:46:40.500000Z")
    assert shown["object"] == {"type": "certificate", "id": issued.id}
    assert shown["after"]["reason"] == "superseded"


def test_every_action_comes_to_one_of_three() -> None:
    """Filters, pages and cursors are in tests/unit/api/routes/test_audit_logs.py."""
    assert {verb_of(one) for one in ("zone.create", "host.add", "certificate.issue")} == {"create"}
    assert {verb_of(one) for one in ("host.remove", "certificate.revoke")} == {"delete"}
    assert {verb_of(one) for one in ("zone.change", "certificate.restore", "odd")} == {"update"}
    assert set(VERBS) == {"create", "update", "delete"}
