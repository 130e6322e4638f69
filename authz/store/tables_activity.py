# SPDX-License-Identifier: Apache-2.0
"""The tables of what was seen of checks: observed, bounded, and enforced by nobody.

The rules of `tables` hold for these, too. What is kept for how long is `services.activity`'s.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, LargeBinary, Table

from authz.store.columns import CheckedText
from authz.store.metadata import Id, Integer, Large, Name, Number, Text, metadata

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
    # JSON: the whole event (observability.events) but its request.
    Column("event", Text, nullable=False),
    Column("zone_id", Id, nullable=True),
    Column("reason", CheckedText(64), nullable=False, server_default=""),
    # Without port, in lower case, where it is a host at all.
    Column("host", Name, nullable=False, server_default=""),
    # Without query.
    Column("path", Name, nullable=False, server_default=""),
    Column("action", CheckedText(16), nullable=False, server_default=""),
    # How many checks it stands for: allowed ones are sampled.
    Column("weight", Large, nullable=False, server_default="1"),
    # What it takes, with its request.
    Column("bytes", Large, nullable=False, server_default="0"),
    Index("ix_events_zone", "zone_id", "number"),
    # What there is in all is added up without reading any of it.
    Index("ix_events_size", "number", "bytes"),
)

#: What was asked: a CheckRequest without what is not to be kept (extauthz.recording).
recorded_requests: Final = Table(
    "recorded_requests",
    metadata,
    Column(
        "number",
        Large,
        ForeignKey("events.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("request", LargeBinary, nullable=False),
    # JSON: what was left out of it.
    Column("left_out", Text, nullable=False),
)

#: How many checks there were, by what became of them: of minutes, and later of hours.
check_counts: Final = Table(
    "check_counts",
    metadata,
    # 60 or 3600.
    Column("seconds", Integer, primary_key=True, autoincrement=False),
    # When that began, Unix seconds.
    Column("at", Large, primary_key=True, autoincrement=False),
    Column("site", Name, primary_key=True),
    Column("verdict", CheckedText(16), primary_key=True),
    Column("reason", CheckedText(64), primary_key=True),
    Column("action", CheckedText(16), primary_key=True),
    Column("rule", Name, primary_key=True),
    Column("zone_id", Id, nullable=True),
    Column("checks", Large, nullable=False),
    Index("ix_check_counts_zone", "zone_id", "seconds", "at"),
    Index("ix_check_counts_at", "at"),
)

#: How many checks each certificate was shown in.
certificate_checks: Final = Table(
    "certificate_checks",
    metadata,
    # SHA-256 of the DER.
    Column("fingerprint_sha256", CheckedText(64), primary_key=True),
    Column("allowed", Large, nullable=False),
    Column("blocked", Large, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False, index=True),
    # Whether it was ever verified.
    Column("verified", Boolean, nullable=False),
)
