# SPDX-License-Identifier: Apache-2.0
"""Events as rows, the same for a page and for the script that adds to it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from authz.dashboard.event_rows import NOBODY, Names, row_of
from authz.services.event_names import NamedRule
from authz.store.records_activity import StoredEvent
from tests.factories.events import blocked

PRINT = "ab" * 32
NAMES = Names(rules=NOBODY, certificates=NOBODY, zones={"z": "example.com"}, base="/zones/z/events")


def _stored(number: int = 7, weight: int = 1, **changes: Any) -> StoredEvent:
    event = blocked(**changes)
    return StoredEvent(
        id=event.id,
        at=event.at,
        site=event.site,
        verdict=event.verdict,
        rule=event.rule,
        fingerprint_sha256=event.fingerprint,
        event=msgspec.to_builtins(event),
        zone_id="z",
        reason=event.reason,
        host=event.host,
        path=event.path,
        action=event.action,
        weight=weight,
        number=number,
    )


def test_a_row_is_plain_values() -> None:
    row = row_of(_stored(fingerprint=PRINT, presented=True, verified=True), NAMES)

    assert (
        json.loads(json.dumps(row))
        == row
        == {
            "number": 7,
            "id": "d-1",
            "url": "/zones/z/events/d-1",
            "at": "1970-01-01T00:00:01Z",
            "at_text": "1970-01-01 00:00:01",
            "verdict_word": "Blocked",
            "verdict_kind": "bad",
            "host": "api.example.com",
            "path": "/",
            "zone": "example.com",
            "reason": "",
            "rule": "protect",
            "rule_url": "/zones/z/events?rule=protect",
            "logged": "",
            "client": "192.0.2.1",
            "certificate": "abababababab…",
            "certificate_url": f"/zones/z/events?certificate={PRINT}",
            "state": "Verified",
            "state_kind": "good",
            "stands_for": "",
        }
    )


def test_what_no_rule_decided_has_a_reason() -> None:
    row = row_of(_stored(rule="", reason="unknown_host", verdict="deny"), NAMES)

    assert (row["rule"], row["rule_url"], row["reason"]) == ("", "", "Unknown host")
    assert (row["certificate"], row["certificate_url"]) == ("", "")


def test_a_rule_that_is_in_one_reading_only_is_said_with_its_reason() -> None:
    row = row_of(_stored(reason="ambiguous_path"), NAMES)

    assert (row["rule"], row["reason"]) == ("protect", "Ambiguous path")


def test_names_that_people_know() -> None:
    rule = NamedRule(
        ref="protect", rule_id="1", description="Keep out", of_account=False, logs=False
    )
    names = Names(rules={"protect": rule}, certificates=NOBODY, zones={}, base="/events")

    row = row_of(_stored(logged=("protect", "x/y"), verdict="allow", weight=25), names)

    assert (row["rule"], row["logged"]) == ("Keep out", "Logged by Keep out, x/y")
    assert (row["zone"], row["stands_for"], row["verdict_kind"]) == ("", "stands for 25", "good")
