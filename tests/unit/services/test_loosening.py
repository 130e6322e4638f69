# SPDX-License-Identifier: Apache-2.0
"""What lets in more than before, and for which hosts a file was written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from authz.services.loosening import covers, loosened
from authz.store.records import Zone
from tests.factories.pki import AT

ZONE = Zone(id="z", account_id="a", name="example.com", created_at=AT, modified_at=AT)


def _rule(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "ref": name, "action": "block", "enabled": True, **changes}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ([], [_rule("a")], ()),
        ([_rule("a")], [_rule("a")], ()),
        ([_rule("a", action="log")], [_rule("a")], ()),
        ([_rule("a")], [], ("rule a goes",)),
        ([_rule("a", action="log")], [], ("rule a goes",)),
        ([_rule("a")], [_rule("a", enabled=False)], ("rule a does not block any more",)),
        ([_rule("a")], [_rule("a", action="log")], ("rule a does not block any more",)),
        ([_rule("a", enabled=False)], [_rule("a", action="log")], ()),
    ],
)
def test_rules(
    before: list[dict[str, Any]], after: list[dict[str, Any]], found: tuple[str, ...]
) -> None:
    assert loosened(ZONE, ZONE, before, after) == found


@pytest.mark.parametrize(
    ("name", "strict", "loose"),
    [
        ("default_action", "block", "allow"),
        ("paths", "refuse", "compare"),
        ("paths", "compare", "as_sent"),
        ("misdirected", "answer_421", "ignore"),
    ],
)
def test_settings(name: str, strict: str, loose: str) -> None:
    one, other = replace(ZONE, **{name: strict}), replace(ZONE, **{name: loose})

    assert loosened(one, other, [], []) == (f"{name} goes from {strict} to {loose}",)
    assert loosened(other, one, [], []) == ()


@pytest.mark.parametrize(
    ("zone", "hosts", "all_of_it"),
    [
        ("example.com", ["*"], True),
        ("example.com", ["Example.com", "*.example.com."], True),
        ("example.com", ["example.com"], False),
        ("example.com", ["*.example.com"], False),
        ("default", ["*"], True),
        ("default", ["default", "*.default"], False),
        ("default", ["a.example"], False),
    ],
)
def test_which_hosts_a_file_is_for(zone: str, hosts: list[str], all_of_it: bool) -> None:
    assert covers(hosts, replace(ZONE, name=zone)) is all_of_it
