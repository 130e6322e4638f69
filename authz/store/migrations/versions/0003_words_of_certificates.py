# SPDX-License-Identifier: Apache-2.0
"""The index of words by which client certificates are found (store.search)."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None

_INDEX = "client_certificate_words"
# A word that many certificates have is found at once by as many of its first letters as are here;
# by more of them, its certificates are gone through (0.1 s for a million).
_PREFIXES = " ".join(str(length) for length in range(1, 17))
_ADD = f"INSERT INTO {_INDEX}(rowid, words) VALUES (new.number, new.words);"  # noqa: S608 - names of this file
_REMOVE = f"INSERT INTO {_INDEX}({_INDEX}, rowid, words) VALUES ('delete', old.number, old.words);"  # noqa: S608 - the same


def upgrade() -> None:
    """Make the index, and what keeps it up to date."""
    if op.get_context().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    # The words are those of the certificates' own column, already taken apart: of ASCII the
    # tokenizer sees letters and digits, all else it leaves together.
    op.execute(
        f"CREATE VIRTUAL TABLE {_INDEX} USING fts5(words, content='client_certificates', "
        "content_rowid='number', columnsize=0, detail=none, "
        f"prefix='{_PREFIXES}', tokenize='ascii')"
    )
    # An index beside a table knows nothing of the rows that are there already.
    op.execute(f"INSERT INTO {_INDEX}({_INDEX}) VALUES ('rebuild')")  # noqa: S608 - names of this file
    triggers = {
        "added": ("INSERT", "", _ADD),
        "changed": ("UPDATE OF words", "WHEN old.words IS NOT new.words ", f"{_REMOVE} {_ADD}"),
        "removed": ("DELETE", "", _REMOVE),
    }
    for name, (what, when, does) in triggers.items():
        op.execute(
            f"CREATE TRIGGER client_certificate_{name} AFTER {what} ON client_certificates "
            f"{when}BEGIN {does} END"
        )


def _postgresql() -> None:
    # Not parsed: to_tsvector would take words apart by rules of its own.
    op.execute(
        "ALTER TABLE client_certificates ADD COLUMN lexemes tsvector "
        "GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED"
    )
    op.execute(
        "CREATE INDEX ix_client_certificates_lexemes ON client_certificates USING gin (lexemes)"
    )
