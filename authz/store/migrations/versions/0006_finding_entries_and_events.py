# SPDX-License-Identifier: Apache-2.0
"""By what entries of the audit log and events are found (store.audit, store.events)."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the indexes, and what was only inside the JSON of an event."""
    for column in ("zone_id", "actor", "action", "object_type", "object_id"):
        op.create_index(op.f(f"ix_audit_log_{column}_at"), "audit_log", [column, "at"])
    op.add_column("events", sa.Column("zone_id", sa.String(length=32), nullable=True))
    # Programs of the release before go on adding events without them.
    op.add_column(
        "events", sa.Column("reason", sa.String(length=64), nullable=False, server_default="")
    )
    op.add_column(
        "events", sa.Column("host", sa.String(length=255), nullable=False, server_default="")
    )
    op.create_index("ix_events_zone", "events", ["zone_id", "number"])
