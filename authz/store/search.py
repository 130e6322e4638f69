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
#: Bytes as serial numbers and fingerprints are often written.
_COLONS: Final = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+")
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


def ways_in(text: str) -> list[list[list[str]]]:
    """What a search asks for, all of it: for each term the ways to have it, and a way's words.

    A word has one way. Bytes with colons between them are found as one word, as serial numbers and
    fingerprints are kept, without the zero that keeps a number positive (X.690 §8.3.3) as well, or
    as what they are in a label: several words.
    """
    terms: list[list[list[str]]] = []
    last = 0
    for found in _COLONS.finditer(text):
        terms += [[[word]] for word in words_in(text[last : found.start()])]
        last = found.end()
        (joined,) = words_in(found[0].replace(":", ""))
        ways = [[joined], words_in(found[0])]
        if joined.startswith("00") and joined.strip("0"):
            ways.insert(1, [joined.lstrip("0")])
        terms.append(ways)
    return terms + [[[word]] for word in words_in(text[last:])]


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
                # In whole bytes, as it is shown.
                certificate.serial.zfill(len(certificate.serial) + len(certificate.serial) % 2),
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
    terms: list[list[list[str]]],
    *,
    indexed: bool = True,
) -> Select[Any]:
    """The numbers of a zone's certificates that have words which begin with those of each term.

    The column is `number`; conditions on certificates can be added.

    Args:
        terms: as `ways_in` gives them; MAX_WORDS of them, and words of each way, count.
        indexed: False, where certificates are few because of other conditions: PostgreSQL then
            looks at each of them, and leaves the index of words alone.
    """
    terms = terms[:MAX_WORDS]
    whose = _MARK + zone_id + ("" if status is None else status.value)
    if dialect == "sqlite":
        # Quoted, a word is nothing but a word to FTS5; the star makes it a beginning.
        query = " AND ".join(
            [f'"{whose}"', *(_asked(term, '"{}"*', "AND", "OR") for term in terms)]
        )
        return select(_INDEX.c.rowid.label("number")).where(
            _INDEX.c.client_certificate_words.op("MATCH")(bindparam("words", query, String))
        )
    query = " & ".join([f"'{whose}'", *(_asked(term, "'{}':*", "&", "|") for term in terms)])
    wanted = cast(bindparam("words", query, String), TSQUERY)
    lexemes: ColumnElement[Any] = literal_column("client_certificates.lexemes")
    # The function is the operator, but no index is made for it.
    matches = lexemes.op("@@")(wanted) if indexed else func.ts_match_vq(lexemes, wanted)
    return select(_NUMBER).where(matches)


def _asked(ways: list[list[str]], word: str, both: str, either: str) -> str:
    """A term in the language of a database."""
    shown = [
        f" {both} ".join(word.format(begins) for begins in words[:MAX_WORDS]) for words in ways
    ]
    return shown[0] if len(shown) == 1 else f"({f' {either} '.join(f'({way})' for way in shown)})"


def number_of(wanted: Select[Any]) -> Any:
    """The column of `numbers_with` as its conditions and order name it."""
    return wanted.selected_columns[0]
