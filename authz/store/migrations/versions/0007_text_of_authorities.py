# SPDX-License-Identifier: Apache-2.0
"""Certificates of an uploaded authority as they were written."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("authorities", sa.Column("uploaded_text", sa.Text(), nullable=True))
