# SPDX-License-Identifier: Apache-2.0
"""Rules that are written and not deployed."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "rule_drafts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.String(32), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("zone_id", sa.String(32), sa.ForeignKey("zones.id"), nullable=True),
        sa.Column("ruleset_id", sa.String(32), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.String(32), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("modified_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_rule_drafts_scope", "rule_drafts", ["account_id", "zone_id"])
