# SPDX-License-Identifier: Apache-2.0
"""The audit log as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import NotFoundError
from authz.services import audit_log as module
from authz.services.audit_log import (
    VERBS,
    AuditFilter,
    audit_choices,
    cursor_of,
    entry_object,
    find_entries,
    get_entry,
    latest_entries,
    verb_of,
)
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


def test_what_there_is_to_filter_by(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = world.ca() and world.issue().certificate
    revoke_certificate(world.store, issued.id, reason="superseded", actor="bob", at=1_000_000.5)

    choices = audit_choices(world.store)

    assert "bob" in choices.actors
    assert list(choices.actors) == sorted(choices.actors)
    assert {"certificate.issue", "certificate.revoke"} <= {*choices.actions}
    assert "certificate" in choices.object_types
    monkeypatch.setattr(module, "MOST_ACTORS", 1)
    assert audit_choices(world.store).actors == choices.actors[:1]


def test_an_entry_by_its_identifier(world: World) -> None:
    world.ca()
    latest = latest_entries(world.store, most=1)[0]

    assert get_entry(world.store, latest.id) == latest
    with pytest.raises(NotFoundError):
        get_entry(world.store, "0" * 32)


def test_entries_go_on_behind_one_in_either_order(world: World) -> None:
    world.ca()
    world.issue()
    every = latest_entries(world.store)

    older = find_entries(world.store, AuditFilter(), most=9, cursor=cursor_of(every[0]))
    newer = find_entries(
        world.store, AuditFilter(), most=9, oldest_first=True, cursor=cursor_of(every[-1])
    )

    assert list(older.entries) == every[1:]
    assert list(newer.entries) == every[-2::-1]
