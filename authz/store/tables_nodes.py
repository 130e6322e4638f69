# SPDX-License-Identifier: Apache-2.0
"""The tables by which nodes share their work: who does it for all, and what was fetched.

The rules of `tables` hold for these, too. Nothing in them is enforced, and none of it is kept by a
backup: whoever restores one has nodes of its own.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Double, LargeBinary, Table

from authz.store.columns import CheckedText
from authz.store.metadata import Large, Name, Text, metadata

#: Who does something for all nodes, and until when; times by the database's clock.
leases: Final = Table(
    "leases",
    metadata,
    Column("name", CheckedText(32), primary_key=True),
    Column("holder", CheckedText(64), nullable=False),
    # One more with each holder, and never less: who holds an earlier one is late.
    Column("term", Large, nullable=False),
    Column("taken_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    # One more with each thing that is written under the lease: what is new is what is above.
    Column("version", Large, nullable=False),
)

#: What one node fetched for all: CRLs by their URL, answers of OCSP responders by the question.
shared_fetches: Final = Table(
    "shared_fetches",
    metadata,
    # SHA-256 of what was asked.
    Column("key", CheckedText(64), primary_key=True),
    Column("version", Large, nullable=False, index=True),
    # SHA-256 of the body.
    Column("sha256", CheckedText(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    # By the database's clock: when somebody was last told that this is what there is.
    Column("fetched_at", Double, nullable=False, index=True),
)

#: Certificates that a node has seen and that somebody should ask about.
wanted_certificates: Final = Table(
    "wanted_certificates",
    metadata,
    # SHA-256 of the certificate, its anchor and the name of the authority.
    Column("key", CheckedText(64), primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("issuer", LargeBinary, nullable=False),
    Column("anchor", LargeBinary, nullable=False),
    Column("authority", Name, nullable=False),
    # By the database's clock.
    Column("seen_at", Double, nullable=False, index=True),
)
