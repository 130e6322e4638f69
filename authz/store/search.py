# SPDX-License-Identifier: Apache-2.0
"""Finding certificates by words: each must begin a word of what a certificate is found by.

A certificate's words are in a column of its own, taken apart here: letters and digits of any
script, without case, everything else separates them. So both databases, whatever their locale,
know the same words: SQLite's FTS5 and PostgreSQL's inverted index take the column as it is, and
keep up with it by themselves (migrations 0003).

Two more words say whose a certificate is and what became of it. No search can have them (they begin
with a character of no script), but every search asks for one: that a zone has no revoked "device"
is known without a look at its million devices.
https://www.sqlite.org/fts5.html
https://www.postgresql.org/docs/current/textsearch-indexes.html
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, bindparam, cast, column, func, literal_column, select, table
from sqlalchemy.dialects.postgresql import TSQUERY

from authz.store.tables import client_certificates

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from authz.store.records import CertificateStatus, ClientCertificate

#: Words of a search that count; more only make it slower.
MAX_WORDS: Final = 8

#: Characters of a word that count. PostgreSQL limits a word to 2 KB, which is more than four bytes
#: for each; a fingerprint has 64.
MAX_WORD: Final = 64

_WORD: Final = re.compile(r"[^\W_]+")
#: Of the private use area: neither a letter nor a digit.
_MARK: Final = "\ue000"

# The column of the table's own name is all of its columns, and what is matched.
_INDEX: Final = table(
    "client_certificate_words", column("rowid"), column("client_certificate_words")
)
_NUMBER: Final = client_certificates.c.number


def words_in(text: str) -> list[str]:
    """The words of a text, each once."""
    # Before and after: some letters have a case only when they are plain, and others are plain
    # only without it.
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return list(dict.fromkeys(word[:MAX_WORD] for word in _WORD.findall(plain)))


def words_of(certificate: ClientCertificate) -> str:
    """What a certificate is found by, as its column has it."""
    found = words_in(
        " ".join(
            (
                certificate.label,
                certificate.common_name,
                certificate.organization,
                certificate.organizational_unit,
                certificate.serial,
                certificate.fingerprint_sha256,
                certificate.id,
            )
        )
    )
    zone = _MARK + certificate.zone_id
    return " ".join((zone, zone + certificate.status.value, *found))


def numbers_with(
    dialect: str,
    zone_id: str,
    status: CertificateStatus | None,
    words: list[str],
    *,
    indexed: bool = True,
) -> Select[Any]:
    """The numbers of a zone's certificates that have words which begin with these.

    The column is `number`; conditions on certificates can be added.

    Args:
        indexed: False, where certificates are few because of other conditions: PostgreSQL then
            looks at each of them, and leaves the index of words alone.
    """
    begins = words[:MAX_WORDS]
    whose = _MARK + zone_id + ("" if status is None else status.value)
    if dialect == "sqlite":
        # Quoted, a word is nothing but a word to FTS5; the star makes it a beginning.
        query = " AND ".join([f'"{whose}"', *(f'"{word}"*' for word in begins)])
        return select(_INDEX.c.rowid.label("number")).where(
            _INDEX.c.client_certificate_words.op("MATCH")(bindparam("words", query, String))
        )
    query = " & ".join([f"'{whose}'", *(f"'{word}':*" for word in begins)])
    wanted = cast(bindparam("words", query, String), TSQUERY)
    lexemes: ColumnElement[Any] = literal_column("client_certificates.lexemes")
    # The function is the operator, but no index is made for it.
    matches = lexemes.op("@@")(wanted) if indexed else func.ts_match_vq(lexemes, wanted)
    return select(_NUMBER).where(matches)


def number_of(wanted: Select[Any]) -> Any:
    """The column of `numbers_with` as its conditions and order name it."""
    return wanted.selected_columns[0]
