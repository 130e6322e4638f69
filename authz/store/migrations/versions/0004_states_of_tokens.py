# SPDX-License-Identifier: Apache-2.0
"""API tokens that are not valid yet, or disabled, and when they were last changed.

No release before this one has an API that tokens would open: none takes a disabled one for valid.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("not_before", "disabled_at", "modified_at"):
        op.add_column("tokens", sa.Column(name, sa.Double(), nullable=True))
