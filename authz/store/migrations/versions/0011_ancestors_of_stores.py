# SPDX-License-Identifier: Apache-2.0
"""Which moments of which stores a store was restored from."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0011"
down_revision: Final = "0010"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the table. Of what was restored before, nobody knows any more."""
    op.create_table(
        "store_ancestors",
        sa.Column("store_id", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_store_ancestors")),
    )
