# SPDX-License-Identifier: Apache-2.0
"""What was made stricter in a database since a backup of it: revoked, or trusted no more.

A restored backup would undo it without anybody noticing. Here it is found, before the database is
cleared; what is done with it is in services.restoring. What was made laxer since is not looked at.
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
from authz.store.records import Revocation
from authz.store.rows import columns_of, record_of
from authz.store.session import last_revision
from authz.store.sqlite import read_only
from authz.store.tables import revocations, state
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
        backup_revision: the moment of the backup.
        is_known: whether the database was a later one: else the rest says nothing.
        revoked: serial numbers that are on their list now and not in the backup.
        tokens: tokens of the backup as they are now: revoked, rolled, or with other permissions.
        distrusted: certificates that their authority has in the backup, and has no more, or is gone
            itself.
        untied: hosts that ask for an authority in the backup, and do no more.
    """

    backup_revision: int
    is_known: bool
    revoked: tuple[Revocation, ...] = ()
    tokens: tuple[Token, ...] = ()
    distrusted: tuple[AuthorityCertificate, ...] = ()
    untied: tuple[HostAssociation, ...] = ()


def since_backup(current: Connection, backup: Connection) -> Since:
    """Compare a database, which nobody else writes to now, with a backup.

    Of one that is not later than the backup nothing is taken over: what it has and the backup has
    not was undone before the backup was made.
    """
    moment = last_revision(backup)
    # The caller took a revision: the last one that counted is the one before. Tokens change
    # without one, so at the same moment of the same store this is the later of the two as well.
    now = last_revision(current) - 1
    same = select(state.c.store_id)
    is_same = current.execute(same).scalar_one() == backup.execute(same).scalar_one()
    if now < moment or (now == moment and not is_same):
        return Since(backup_revision=moment, is_known=False)
    then = {one.id for one in Authorities(backup).all()}
    kept = {one.id for one in Authorities(current).certificates()}
    asked = {_tie(one) for one in Hosts(current).all()}
    return Since(
        backup_revision=moment,
        is_known=True,
        revoked=tuple(one for one in _revoked(current, backup) if one.authority_id in then),
        tokens=_tokens(current, backup),
        distrusted=tuple(
            one
            for one in Authorities(backup).certificates()
            if one.authority_id in then and one.id not in kept
        ),
        untied=tuple(one for one in Hosts(backup).all() if _tie(one) not in asked),
    )


def revoked_in(file: Path) -> tuple[int, dict[str, list[int]]]:
    """The revision of an SQLite database of any release, and the serial numbers on its lists by
    their authority's identifier: for one that was put aside.

    Raises:
        InvalidInputError: it is none, or cannot be read.
    """
    serials: dict[str, list[int]] = {}
    try:
        with closing(read_only(file)) as connection:
            (revision,) = connection.execute("SELECT revision FROM state").fetchone()
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
    return int(revision), serials


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
    then = {one.id: _access(one) for one in Tokens(backup).all()}
    return tuple(
        one for one in Tokens(current).all() if one.id in then and then[one.id] != _access(one)
    )


def _tie(one: HostAssociation) -> tuple[str, str, str]:
    return one.zone_id, one.hostname, one.authority_id


def _access(token: Token) -> Token:
    """What a token opens, and for whom: without when it was used and what it is called."""
    return replace(token, name="", last_used_at=None, modified_at=None)
