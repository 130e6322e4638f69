# SPDX-License-Identifier: Apache-2.0
"""What was made stricter in a database since a backup of it: revoked, or trusted no more.

A restored backup would undo it without anybody noticing. Here it is found, before the database is
cleared; what is done with it is in services.restoring. What was made laxer since is not looked at.
Which of the two is the later one, and whether they are of one store at all, is in `moments`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from authz.errors import InvalidInputError, StoreError
from authz.store.authorities import Authorities
from authz.store.hosts import Hosts
from authz.store.moments import ANCESTORS, HAS_ANCESTORS, STATE, Moment, moment_of
from authz.store.records import Revocation
from authz.store.rows import columns_of, record_of
from authz.store.sqlite import read_only
from authz.store.tables import revocations
from authz.store.tokens import Tokens

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from authz.store.records import AuthorityCertificate, HostAssociation, Token

#: Rows that are in memory at a time while a long list is read.
_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What changed between a backup and the database that it takes the place of.

    Attributes:
        backup: the moment of the backup.
        is_known: whether the database came after the backup: then the rest is all that changed.
        is_other: whether it came neither after nor before it, as that of another installation, or
            one that was restored from an earlier backup. What is stricter in it counts, where the
            two have an authority or a token in common; what else came after the backup is unknown.
        revoked: serial numbers that are on their list now and not in the backup.
        tokens: tokens of the backup as they are now: revoked, rolled, or with other permissions.
        distrusted: certificates that their authority has in the backup, and has no more, or is gone
            itself.
        untied: hosts that ask for an authority in the backup, and do no more.
    """

    backup: Moment
    is_known: bool
    is_other: bool = False
    revoked: tuple[Revocation, ...] = ()
    tokens: tuple[Token, ...] = ()
    distrusted: tuple[AuthorityCertificate, ...] = ()
    untied: tuple[HostAssociation, ...] = ()


def since_backup(current: Connection, backup: Connection, *, is_new: bool) -> Since:
    """Compare a database, which nobody else writes to now, with a backup.

    Of one that the backup came after nothing is taken over but ended tokens, which nobody gives
    back: what else it has and the backup has not was undone before the backup was made.

    Args:
        is_new: whether nobody has used the database yet.
    """
    moment, now = moment_of(backup), moment_of(current)
    # The caller took a revision: the last one that counted is the one before.
    now = replace(now, revision=now.revision - 1)
    is_known = now.follows(moment)
    tokens = _tokens(current, backup)
    if not is_known:
        # Of somebody else's, only an end is sure to be stricter.
        tokens = tuple(one for one in tokens if one.revoked_at is not None)
    if not is_known and (is_new or moment.supersedes(now)):
        return Since(backup=moment, is_known=False, tokens=tokens)
    then = {one.id for one in Authorities(backup).all()}
    if not is_known:
        # Only of what both know can it be said that it ended.
        then &= {one.id for one in Authorities(current).all()}
    kept = {one.id for one in Authorities(current).certificates()}
    asked = {_tie(one) for one in Hosts(current).all()}
    return Since(
        backup=moment,
        is_known=is_known,
        is_other=not is_known,
        revoked=tuple(one for one in _revoked(current, backup) if one.authority_id in then),
        tokens=tokens,
        distrusted=tuple(
            one
            for one in Authorities(backup).certificates()
            if one.authority_id in then and one.id not in kept
        ),
        untied=tuple(
            one
            for one in Hosts(backup).all()
            if one.authority_id in then and _tie(one) not in asked
        ),
    )


def revoked_in(file: Path) -> tuple[Moment, dict[str, list[int]]]:
    """The moment of an SQLite database of any release, and the serial numbers on its lists by
    their authority's identifier: for one that was put aside.

    Raises:
        InvalidInputError: it is none, or cannot be read.
    """
    serials: dict[str, list[int]] = {}
    try:
        with closing(read_only(file)) as connection:
            store_id, revision = connection.execute(STATE).fetchone()
            known = connection.execute(HAS_ANCESTORS).fetchone() is not None
            ancestors = dict(connection.execute(ANCESTORS).fetchall()) if known else {}
            for authority_id, serial in connection.execute(
                "SELECT authority_id, serial FROM revocations"
            ):
                serials.setdefault(authority_id, []).append(int(serial, 16))
    except (OSError, sqlite3.Error, TypeError, ValueError, StoreError) as error:
        raise InvalidInputError(
            f"no revocations can be read there: {str(error).lower()}",
            where=str(file),
            hint="name the file of an SQLite database that was put aside",
        ) from error
    return Moment(store_id=store_id, revision=int(revision), ancestors=ancestors), serials


def _revoked(current: Connection, backup: Connection) -> list[Revocation]:
    before: dict[str, set[str]] = {}
    query = select(revocations.c.authority_id, revocations.c.serial)
    for authority_id, serial in backup.execute(query):
        before.setdefault(authority_id, set()).add(serial)
    every = select(*columns_of(Revocation, revocations)).order_by(*query.selected_columns)
    with current.execute(every, execution_options={"yield_per": _AT_ONCE}) as rows:
        return [
            record_of(Revocation, row)
            for row in rows
            if row.serial not in before.get(row.authority_id, ())
        ]


def _tokens(current: Connection, backup: Connection) -> tuple[Token, ...]:
    then = {one.id: one for one in Tokens(backup).all()}
    return tuple(
        one for one in Tokens(current).all() if one.id in then and _counts_more(one, then[one.id])
    )


def _counts_more(now: Token, then: Token) -> bool:
    """Whether a token is to be as it is now.

    Tokens change without a revision: which of two is the later one is told by the tokens alone, and
    whichever was revoked is, because nobody gives a revoked one back.
    """
    if _access(now) == _access(then):
        return False
    if (now.revoked_at is None) != (then.revoked_at is None):
        return now.revoked_at is not None
    return _changed_at(now) >= _changed_at(then)


def _changed_at(token: Token) -> float:
    return token.created_at if token.modified_at is None else token.modified_at


def _tie(one: HostAssociation) -> tuple[str, str, str]:
    return one.zone_id, one.hostname, one.authority_id


def _access(token: Token) -> Token:
    """What a token opens, and for whom: without when it was used and what it is called."""
    return replace(token, name="", last_used_at=None, modified_at=None)
