# SPDX-License-Identifier: Apache-2.0
"""Finding certificates by words: each must begin a word of what a certificate is found by.

SQLite's FTS5 and PostgreSQL's text search keep an index of words each; triggers made by the
migrations keep it up to date, so that no writer can forget it. Words are letters and digits of any
script, compared without case; everything else separates them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, bindparam, cast, column, literal_column, text
from sqlalchemy.dialects.postgresql import TSQUERY

from authz.store.tables import client_certificates

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

#: Words of a search that count; more only make it slower.
MAX_WORDS: Final = 8
_WORD: Final = re.compile(r"[^\W_]+")


def matching(dialect: str, search: str) -> ColumnElement[Any]:
    """The condition that a client certificate has these words."""
    words = _WORD.findall(search)[:MAX_WORDS]
    if not words:
        return literal_column("1") == literal_column("0")
    if dialect == "sqlite":
        # Quoted, a word is nothing but a word to FTS5; the star makes it a beginning.
        query = " AND ".join(f'"{word}"*' for word in words)
        rows = text(
            "SELECT rowid FROM client_certificate_words WHERE client_certificate_words MATCH :words"
        )
        return client_certificates.c.number.in_(
            rows.bindparams(words=query).columns(column("rowid"))
        )
    # Cast and not parsed: to_tsquery would take words apart by rules of its own.
    query = " & ".join(f"'{word.lower()}':*" for word in words)
    # Cast and not parsed: to_tsquery would take words apart by rules of its own.
    wanted = cast(bindparam("words", query, String), TSQUERY)
    return literal_column("client_certificates.words").op("@@")(wanted)
