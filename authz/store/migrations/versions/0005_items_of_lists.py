# SPDX-License-Identifier: Apache-2.0
"""Items of lists by their values, whole replacements of them, and operations on them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the columns, the table and the index."""
    op.add_column("lists", sa.Column("replaced", sa.BigInteger(), nullable=True))
    op.add_column("list_items", sa.Column("exclude_exact", sa.Boolean(), nullable=True))
    op.create_table(
        "list_operations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("list_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("completed_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_list_operations_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_operations")),
    )
    op.create_index(
        op.f("ix_list_operations_created_at"), "list_operations", ["created_at"], unique=False
    )
    # The beginning of a value, as store.lists looks for it: an index of PostgreSQL takes no more
    # than 2.7 KB, and a string of a policy file may be longer.
    op.execute("CREATE INDEX ix_list_items_value ON list_items (list_id, substr(value, 1, 64))")
