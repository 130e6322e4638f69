# SPDX-License-Identifier: Apache-2.0
"""Requests from which decisions can be made again, and counts of checks."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0010"
down_revision: Final = "0009"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the tables, and what events are grouped and bounded by."""
    for column, length in (("path", 255), ("action", 16)):
        op.add_column(
            "events",
            sa.Column(column, sa.String(length=length), nullable=False, server_default=""),
        )
    for column, default in (("weight", "1"), ("bytes", "0")):
        op.add_column(
            "events",
            sa.Column(column, sa.BigInteger(), nullable=False, server_default=default),
        )
    # Those of the release before have a size, too.
    op.execute("UPDATE events SET bytes = length(event)")
    op.create_index("ix_events_size", "events", ["number", "bytes"])
    op.create_table(
        "recorded_requests",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("left_out", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["events.number"],
            name=op.f("fk_recorded_requests_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_recorded_requests")),
    )
    op.create_table(
        "check_counts",
        sa.Column("seconds", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=255), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.String(length=255), nullable=False),
        sa.Column("zone_id", sa.String(length=32), nullable=True),
        sa.Column("checks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            *("seconds", "at", "site", "verdict", "reason", "action", "rule"),
            name=op.f("pk_check_counts"),
        ),
    )
    op.create_index("ix_check_counts_zone", "check_counts", ["zone_id", "seconds", "at"])
    op.create_index("ix_check_counts_at", "check_counts", ["at"])
    op.create_table(
        "certificate_checks",
        sa.Column("fingerprint_sha256", sa.String(length=64), nullable=False),
        sa.Column("allowed", sa.BigInteger(), nullable=False),
        sa.Column("blocked", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint_sha256", name=op.f("pk_certificate_checks")),
    )
    op.create_index(op.f("ix_certificate_checks_last_at"), "certificate_checks", ["last_at"])
