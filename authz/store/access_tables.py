# SPDX-License-Identifier: Apache-2.0
"""Tables of who may do what, and who did: tokens, sessions, the audit log (see `tables`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Double, Index, Table

from authz.store.columns import CheckedText
from authz.store.metadata import Id, Name, Number, Text, identifier, metadata

tokens: Final = Table(
    "tokens",
    metadata,
    identifier(primary_key=True),
    Column("name", Name, nullable=False),
    # SHA-256 of the token; the token itself is shown once and kept nowhere.
    Column("sha256", CheckedText(64), nullable=False, unique=True),
    # JSON: what it may do, and where (services.token_policies).
    Column("scopes", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=True),
    Column("revoked_at", Double, nullable=True),
    Column("last_used_at", Double, nullable=True),
    Column("not_before", Double, nullable=True),
    Column("disabled_at", Double, nullable=True),
    Column("modified_at", Double, nullable=True),
)

#: Who is signed in to the dashboard. A session of somebody whom a provider knows has grants of its
#: own; one of a token has that token's.
sessions: Final = Table(
    "sessions",
    metadata,
    identifier(primary_key=True),
    # SHA-256 of what the browser keeps.
    Column("sha256", CheckedText(64), nullable=False, unique=True),
    Column("token_id", Id, nullable=True, index=True),
    Column("name", Name, nullable=False),
    # Hexadecimal: of a session of a token, that token's hash when it began; of one without, the
    # hash of what the provider calls whoever it is.
    Column("subject", CheckedText(64), nullable=False, index=True),
    # JSON: grants, of a session without a token.
    Column("grants", Text, nullable=True),
    Column("address", CheckedText(64), nullable=False),
    Column("agent", Name, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("last_used_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)

audit_log: Final = Table(
    "audit_log",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("at", Double, nullable=False, index=True),
    Column("actor", Name, nullable=False),
    Column("action", CheckedText(64), nullable=False),
    Column("object_type", CheckedText(64), nullable=False),
    Column("object_id", Name, nullable=False),
    Column("zone_id", Id, nullable=True),
    # JSON, without secrets.
    Column("before", Text, nullable=True),
    Column("after", Text, nullable=True),
    # What it is filtered by, each in the order in which entries are told.
    *(Index(None, one, "at") for one in ("zone_id", "actor", "action", "object_type", "object_id")),
)
