# SPDX-License-Identifier: Apache-2.0
"""Restoring a backup without letting anybody in again who was shut out since.

What was revoked after the backup was made stays revoked, as far as anything here still knows of it:
the database that the backup takes the place of, or the snapshot that is enforced (`Enforced`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authz.ca.reasons import RevocationReason
from authz.services.context import audit
from authz.services.revocation import put_revoked
from authz.store.backup import restore
from authz.store.records import serial_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from authz.store.moments import Moment
    from authz.store.records import Token
    from authz.store.session import Session
    from authz.store.since_backup import Since


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforced:
    """Serial numbers that a snapshot refuses, by their authority's identifier, and its moment."""

    moment: Moment
    serials: Mapping[str, Iterable[int]]


@dataclass(slots=True, kw_only=True)
class Restored:
    """What became of it.

    Attributes:
        revision: of the store, afterwards.
        backup_revision: the moment of the backup.
        is_compared: whether anything was known that came after the backup, by its history and not
            by a higher number alone: at least what was revoked.
        is_database_compared: whether that was a database: else nothing is known of tokens, CAs and
            hosts that ended since, and they count again.
        is_other: whether what was replaced came neither after nor before the backup
            (`since_backup.Since`). What is stricter in it still counts.
        revoked: what was revoked since and stays so: the authority's name, the serial number.
        tokens: names of tokens that were revoked, rolled or changed since, and stay so.
        trusted_again: fingerprints (SHA-256) of certificates of authorities that were removed
            since, with the authority's name: they are trusted again.
        asked_again: hosts, and the names of authorities that were taken from them since: they ask
            for them again.
    """

    revision: int = 0
    backup_revision: int = 0
    is_compared: bool = False
    is_database_compared: bool = False
    is_other: bool = False
    revoked: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    trusted_again: list[tuple[str, str]] = field(default_factory=list)
    asked_again: list[tuple[str, str]] = field(default_factory=list)


def restore_backup(
    database: str,
    data_dir: Path,
    file: Path,
    *,
    replace: bool = False,
    moved: Callable[[Path], None] = lambda _: None,
    enforced: Sequence[Enforced] = (),
    actor: str,
    at: float,
) -> Restored:
    """Put a backup into a database (`store.backup.restore`), and revoke what was revoked since.

    It is one transaction: nobody ever sees the one without the other.

    Args:
        enforced: what is refused elsewhere, as by the last snapshot; each counts unless the backup
            came after it.

    Raises:
        InvalidInputError, ConflictError, StoreUnavailableError: as `store.backup.restore`.
    """
    done = Restored()

    def later(session: Session, since: Since) -> None:
        _take_over(session, since, enforced, done, actor=actor, at=at)

    done.revision = restore(
        database, data_dir, file, replace=replace, moved=moved, later=later, actor=actor, at=at
    )
    return done


def _take_over(
    session: Session,
    since: Since,
    enforced: Sequence[Enforced],
    done: Restored,
    *,
    actor: str,
    at: float,
) -> None:
    done.backup_revision = since.backup.revision
    known = {one.id: one for one in session.authorities.all()}
    stricter = [(one.authority_id, one.serial, one.reason) for one in since.revoked]
    for each in enforced:
        if since.backup.supersedes(each.moment):
            continue
        done.is_compared = done.is_compared or each.moment.follows(since.backup)
        for authority_id in each.serials.keys() & known.keys():
            # A million may be on both lists, and only the others are worth a look each.
            there = set(session.revocations.serials(authority_id))
            stricter += [
                (authority_id, serial_text(serial), RevocationReason.UNSPECIFIED.text)
                for serial in each.serials[authority_id]
                if serial not in there
            ]
    for authority_id, serial, reason in stricter:
        authority = known[authority_id]
        put = put_revoked(session, authority, serial, reason=reason, actor=actor, at=at)
        if put.changed:
            done.revoked.append((authority.name, serial))
    done.is_database_compared, done.is_other = since.is_known, since.is_other
    done.is_compared = done.is_compared or since.is_known
    for token in since.tokens:
        _keep(session, token, done, actor=actor, at=at)
    done.trusted_again += [
        (known[one.authority_id].name, one.fingerprint_sha256) for one in since.distrusted
    ]
    if not (done.revoked or done.tokens):
        session.note_unchanged()
    done.asked_again += [(one.hostname, known[one.authority_id].name) for one in since.untied]


def _keep(session: Session, token: Token, done: Restored, *, actor: str, at: float) -> None:
    session.tokens.update(token)
    done.tokens.append(token.name)
    audit(
        session,
        "token.kept",
        actor=actor,
        at=at,
        of=("token", token.id),
        after={"name": token.name, "revoked_at": token.revoked_at},
    )
