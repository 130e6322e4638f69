# SPDX-License-Identifier: Apache-2.0
"""The tables, as SQLAlchemy Core knows them; the same on SQLite and PostgreSQL.

Here is what the program of this release reads and writes. What makes a database look like this is
in `migrations/`, and a test holds the two together. Rules for changes: a program of the release
before must go on working (new columns are nullable or have a server default, nothing is renamed or
removed while a supported release uses it), and nobody selects `*`.

Those of who may do what are in `access_tables`, those of what was seen in `tables_activity`, those
by which nodes share their work in `tables_nodes`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)

# Whoever has `metadata` of here has every table.
from authz.store import access_tables, tables_activity, tables_nodes  # noqa: F401 - the same
from authz.store.columns import CheckedText
from authz.store.metadata import Id, Integer, Large, Name, Number, Text, identifier, metadata

#: One row. Every transaction that changes what is enforced takes the next `revision`, and holds the
#: row until it commits: revisions are committed in their order.
state: Final = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("store_id", Id, nullable=False),
    Column("revision", Large, nullable=False),
    # The lowest schema number (store.schema) of a program that can work with this database.
    Column("schema_minimum", Integer, nullable=False),
    # Changes of revocations up to this revision may have been forgotten.
    Column("changes_after", Large, nullable=False),
)

#: The stores that this one was restored from (store.moments), and until which of their revisions.
store_ancestors: Final = Table(
    "store_ancestors",
    metadata,
    Column("store_id", Id, primary_key=True),
    Column("revision", Large, nullable=False),
)

accounts: Final = Table(
    "accounts",
    metadata,
    identifier(primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
)

zones: Final = Table(
    "zones",
    metadata,
    identifier(primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("name", Name, nullable=False, unique=True),
    Column("default_action", CheckedText(16), nullable=False),
    Column("paths", CheckedText(16), nullable=False),
    Column("misdirected", CheckedText(16), nullable=False),
    # JSON: a list of header families.
    Column("upstream_headers", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
)

authorities: Final = Table(
    "authorities",
    metadata,
    identifier(primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    # The zone of an embedded CA; an uploaded one belongs to the account.
    Column("zone_id", Id, ForeignKey("zones.id"), nullable=True),
    Column("name", Name, nullable=False),
    Column("kind", CheckedText(16), nullable=False),
    Column("status", CheckedText(16), nullable=False),
    Column("revocation", CheckedText(16), nullable=False),
    # JSON: configured CRL addresses, and whether OCSP is asked.
    Column("sources", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
    # PEM as it was uploaded, where that is not how it would be written: Terraform compares it.
    Column("uploaded_text", Text, nullable=True),
    UniqueConstraint("account_id", "name"),
)

#: Private keys, encrypted (ca.keys). A table of their own: nothing that lists authorities reads it.
keys: Final = Table(
    "keys",
    metadata,
    identifier(primary_key=True),
    Column("kind", CheckedText(32), nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
)

authority_certificates: Final = Table(
    "authority_certificates",
    metadata,
    identifier(primary_key=True),
    Column("authority_id", Id, ForeignKey("authorities.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    # issuing: signs; previous: was issuing, still trusted; previous_root: the root above such a
    # one, followed by another; trusted: an anchor or intermediate; chain: sent along with what is
    # issued, trusted as a part of the path.
    Column("role", CheckedText(16), nullable=False),
    Column("key_id", Id, ForeignKey("keys.id"), nullable=True),
    Column("der", LargeBinary, nullable=False),
    Column("fingerprint_sha256", CheckedText(64), nullable=False),
    Column("not_before", Double, nullable=False),
    Column("not_after", Double, nullable=False),
    Column("added_at", Double, nullable=False),
    UniqueConstraint("authority_id", "fingerprint_sha256"),
)

host_associations: Final = Table(
    "host_associations",
    metadata,
    Column("zone_id", Id, ForeignKey("zones.id"), primary_key=True),
    Column("hostname", Name, primary_key=True),
    Column("authority_id", Id, ForeignKey("authorities.id"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
)

client_certificates: Final = Table(
    "client_certificates",
    metadata,
    # The order of issuance; the row number of the full-text index.
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("zone_id", Id, ForeignKey("zones.id"), nullable=False),
    Column("authority_id", Id, ForeignKey("authorities.id"), nullable=False),
    Column("serial", CheckedText(40), nullable=False),
    Column("fingerprint_sha256", CheckedText(64), nullable=False, index=True),
    Column("ski", CheckedText(64), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("csr", Text, nullable=False),
    Column("label", Name, nullable=False),
    Column("common_name", Name, nullable=False),
    Column("country", Name, nullable=False),
    Column("state", Name, nullable=False),
    Column("location", Name, nullable=False),
    Column("organization", Name, nullable=False),
    Column("organizational_unit", Name, nullable=False),
    Column("signature", CheckedText(64), nullable=False),
    Column("status", CheckedText(16), nullable=False),
    Column("validity_days", Integer, nullable=False),
    Column("issued_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("revoked_at", Double, nullable=True),
    Column("reason", CheckedText(32), nullable=True),
    Column("last_seen_at", Double, nullable=True),
    # What it is found by (store.search): words in lower case, a space between.
    Column("words", Text, nullable=False),
    UniqueConstraint("authority_id", "serial"),
    Index("ix_client_certificates_zone", "zone_id", "number"),
    Index("ix_client_certificates_zone_status", "zone_id", "status", "number"),
    Index("ix_client_certificates_expiry", "zone_id", "status", "expires_at"),
)

#: How many certificates a zone has of a status, in each block of numbers (store.counts): counting a
#: million takes too long, and so does leaving out half a million.
certificate_counts: Final = Table(
    "certificate_counts",
    metadata,
    Column("zone_id", Id, ForeignKey("zones.id"), primary_key=True),
    Column("status", CheckedText(16), primary_key=True),
    Column("block", Large, primary_key=True, autoincrement=False),
    Column("certificates", Large, nullable=False),
)

#: What a request to issue was answered with, so that a repeated one gets the same certificate.
issuance_requests: Final = Table(
    "issuance_requests",
    metadata,
    Column("zone_id", Id, ForeignKey("zones.id"), primary_key=True),
    Column("request_key", CheckedText(128), primary_key=True),
    Column("digest", CheckedText(64), nullable=False),
    Column("certificate_id", Id, nullable=False),
    Column("created_at", Double, nullable=False, index=True),
)

revocations: Final = Table(
    "revocations",
    metadata,
    Column("authority_id", Id, ForeignKey("authorities.id"), primary_key=True),
    Column("serial", CheckedText(40), primary_key=True),
    Column("revoked_at", Double, nullable=False),
    Column("reason", CheckedText(32), nullable=False),
    Column("revision", Large, nullable=False),
    Index("ix_revocations_authority_revision", "authority_id", "revision"),
)

#: How many serial numbers an authority has revoked.
revocation_counts: Final = Table(
    "revocation_counts",
    metadata,
    Column("authority_id", Id, ForeignKey("authorities.id", ondelete="CASCADE"), primary_key=True),
    Column("revocations", Large, nullable=False),
)

#: Every revocation and restoration, in order; what is older than anybody needs is removed.
revocation_changes: Final = Table(
    "revocation_changes",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("revision", Large, nullable=False, index=True),
    Column("authority_id", Id, nullable=False),
    Column("serial", CheckedText(40), nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("at", Double, nullable=False),
)

rulesets: Final = Table(
    "rulesets",
    metadata,
    identifier(primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    # None: the account's own.
    Column("zone_id", Id, ForeignKey("zones.id"), nullable=True),
    Column("kind", CheckedText(16), nullable=False),
    Column("phase", CheckedText(64), nullable=False),
    Column("name", Name, nullable=False),
    Column("description", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
    Index("ix_rulesets_scope", "zone_id", "phase"),
)

ruleset_versions: Final = Table(
    "ruleset_versions",
    metadata,
    Column("ruleset_id", Id, ForeignKey("rulesets.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("description", Text, nullable=False),
    # JSON: the rules in order, in the shape of the API.
    Column("rules", Text, nullable=False),
    Column("actor", Name, nullable=False),
    Column("created_at", Double, nullable=False),
)

#: Rules that are written and not deployed.
rule_drafts: Final = Table(
    "rule_drafts",
    metadata,
    identifier(primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    # None: of the account's own rules.
    Column("zone_id", Id, ForeignKey("zones.id"), nullable=True),
    # What it was written for: the rules may be gone, or at another version, by now.
    Column("ruleset_id", Id, nullable=True),
    Column("version", Integer, nullable=False),
    Column("rule_id", Id, nullable=True),
    # JSON, in the shape of the API.
    Column("rule", Text, nullable=False),
    Column("place", Integer, nullable=True),
    Column("actor", Name, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
    Index("ix_rule_drafts_scope", "account_id", "zone_id"),
)

lists: Final = Table(
    "lists",
    metadata,
    identifier(primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    # The zone whose policy file it came with; None: made by itself.
    Column("zone_id", Id, ForeignKey("zones.id"), nullable=True),
    Column("name", CheckedText(50), nullable=False),
    Column("kind", CheckedText(16), nullable=False),
    Column("description", Text, nullable=False),
    Column("items", Large, nullable=False),
    # When its items last changed: an unchanged list is not read again.
    Column("revision", Large, nullable=False),
    # When all its items were last replaced: who reads them part by part then has to begin anew.
    Column("replaced", Large, nullable=True),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
    UniqueConstraint("account_id", "name"),
)

list_items: Final = Table(
    "list_items",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),
    Column("list_id", Id, ForeignKey("lists.id", ondelete="CASCADE"), nullable=False),
    Column("value", Text, nullable=False),
    Column("comment", Text, nullable=False),
    # Of `*.example.com`: whether example.com itself is left out, which is so when it is None.
    Column("exclude_exact", Boolean, nullable=True),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
    Index("ix_list_items_list", "list_id", "number"),
)

#: What was done to the items of a list, for whoever asks whether it is done.
list_operations: Final = Table(
    "list_operations",
    metadata,
    identifier(primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    # The list may be gone by now.
    Column("list_id", Id, nullable=False),
    Column("status", CheckedText(16), nullable=False),
    Column("created_at", Double, nullable=False, index=True),
    Column("completed_at", Double, nullable=True),
)

#: CRLs that this CA signed: the latest complete one and the latest delta of each issuing key.
published_crls: Final = Table(
    "published_crls",
    metadata,
    Column("authority_id", Id, ForeignKey("authorities.id", ondelete="CASCADE"), nullable=False),
    Column(
        "certificate_id",
        Id,
        ForeignKey("authority_certificates.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("kind", CheckedText(8), primary_key=True),
    Column("number", Large, nullable=False),
    # The revision whose revocations it has.
    Column("revision", Large, nullable=False),
    Column("this_update", Double, nullable=False),
    Column("next_update", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
