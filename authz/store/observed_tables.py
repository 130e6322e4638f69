# SPDX-License-Identifier: Apache-2.0
"""Tables of what was seen of checks (see `tables`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Double, Index, Table

from authz.store.columns import CheckedText
from authz.store.metadata import Id, Name, Number, Text, metadata

events: Final = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", CheckedText(64), nullable=False, index=True),
    Column("at", Double, nullable=False, index=True),
    Column("site", Name, nullable=False),
    Column("verdict", CheckedText(16), nullable=False),
    Column("rule", Name, nullable=False),
    Column("fingerprint_sha256", CheckedText(64), nullable=False, index=True),
    # JSON: the whole event (observability.events).
    Column("event", Text, nullable=False),
    Column("zone_id", Id, nullable=True),
    Column("reason", CheckedText(64), nullable=False, server_default=""),
    # Without port, in lower case, where it is a host at all.
    Column("host", Name, nullable=False, server_default=""),
    Index("ix_events_zone", "zone_id", "number"),
)
