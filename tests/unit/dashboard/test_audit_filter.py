# SPDX-License-Identifier: Apache-2.0
"""The form that filters the audit log."""

from __future__ import annotations

import pytest

from authz.dashboard.audit_filter import Filter
from authz.errors import InvalidInputError
from authz.services.audit_log import AuditFilter


def test_fields_that_are_empty_ask_for_nothing() -> None:
    assert Filter().wanted() == AuditFilter()
    assert Filter().is_empty
    assert Filter().query() == ""


def test_each_field_asks_for_its_column() -> None:
    chosen = Filter(
        actor="a b",
        action="create",
        object="list",
        object_id="1",
        zone="2",
        since="1970-01-01T00:01",
        until="1970-01-01T01:00+01:00",
    )

    assert chosen.wanted() == AuditFilter(
        only={
            "actor": ("a b",),
            "action": ("create",),
            "object_type": ("list",),
            "object_id": ("1",),
            "zone_id": ("2",),
        },
        since=60.0,
        until=0.0,
    )
    assert not chosen.is_empty
    assert chosen.query(older="x").startswith("?actor=a+b&action=create&object=list")
    assert chosen.query(older="x").endswith("&older=x")


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01T00:00"])
def test_a_moment_that_is_none_is_refused(moment: str) -> None:
    with pytest.raises(InvalidInputError, match="is no moment"):
        Filter(since=moment).wanted()
