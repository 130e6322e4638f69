# SPDX-License-Identifier: Apache-2.0
"""What the store gives away that no check shows: backups, clocks, releases, tokens, certificates.

Whether it is sound is `authz db check`; whether what it says can be enforced, `installation`.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from authz.cli.doctor.findings import Finding
from authz.cli.options import has_store
from authz.errors import StoreError
from authz.services.times import rfc3339_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.settings import Settings
    from authz.store.session import Session

DAY: Final = 86_400.0

#: A store that is older, and was not backed up for as long, has something to lose.
BACKUP_DAYS: Final = 7

#: Clocks of nodes differ by less.
SKEW_SECONDS: Final = 30.0

#: A token that nobody used for as long is nobody's.
UNUSED_DAYS: Final = 90

#: A client that goes on using a certificate that ends so soon has nothing that renews it.
CLIENT_DAYS: Final = 3
#: So many certificates are looked at.
_MOST: Final = 1000


def look(settings: Settings, at: float) -> Iterator[Finding]:
    """Findings about the store of the settings at Unix time `at`; none where there is none."""
    from authz.store.engine import database_name, database_of, open_store, translated
    from authz.store.schema import SCHEMA, schema_of

    if not has_store(settings):
        return
    where = database_name(settings.database, settings.data_dir)
    try:
        with (
            closing(database_of(settings.database, settings.data_dir, create=False)) as database,
            translated(where),
            database.reading.connect() as connection,
        ):
            schema = schema_of(connection) or SCHEMA
        if schema < SCHEMA:
            yield Finding(
                id="migration-pending",
                where=where,
                what=f"its tables are of an earlier release ({schema}, this is {SCHEMA}): this one "
                "cannot use them",
                do="authz db backup, then authz db migrate; older programs go on meanwhile",
            )
            return
        if schema > SCHEMA:
            yield Finding(
                id="older-program",
                where=where,
                what=f"its tables are of a later release ({schema}, this is {SCHEMA}): an upgrade "
                "or a rollback has not come to its end",
                do="install the later release here too (docs/how-to/upgrade-and-roll-back.md)",
            )
        with (
            closing(open_store(settings.database, settings.data_dir, create=False)) as store,
            store.read() as session,
        ):
            yield from _backup(session, settings, where, at)
            yield from _clock(session, where, at)
            yield from _tokens(session, at)
            yield from _clients(session, at)
    except StoreError:
        return  # `installation` says so


def _backup(session: Session, settings: Settings, where: str, at: float) -> Iterator[Finding]:
    from authz.services.backups import last_backup

    if settings.database != "sqlite":
        return  # pg_dump and replicas are not known here
    begun = min((one.created_at for one in session.zones.accounts()), default=at)
    last = last_backup(session)
    if at - max(begun, last or 0.0) > BACKUP_DAYS * DAY:
        yield Finding(
            id="no-backup",
            where=where,
            what="it was never backed up"
            if last is None
            else f"it was last backed up on {rfc3339_seconds(last)[:10]}",
            do="authz db backup FILE every day, with the secret of the keys kept apart "
            "(docs/how-to/back-up-and-restore.md)",
        )


def _clock(session: Session, where: str, at: float) -> Iterator[Finding]:
    for entry in session.audit.latest(most=1):
        if entry.at > at + SKEW_SECONDS:
            yield Finding(
                id="clock",
                where=where,
                what=f"its last change is {entry.at - at:.0f} s in the future, by this clock",
                do="set the clocks of all nodes by NTP: certificates and CRLs are judged by them",
            )


def _tokens(session: Session, at: float) -> Iterator[Finding]:
    for token in session.tokens.all():
        used = token.last_used_at or token.created_at
        if token.expires_at is None and at - used > UNUSED_DAYS * DAY:
            yield Finding(
                id="token-unused",
                where=f"token {token.name}",
                what=f"it never expires, and nobody has used it for {(at - used) / DAY:.0f} days",
                do=f"authz token revoke {token.id}, or give the next one an end (--expires)",
            )


def _clients(session: Session, at: float) -> Iterator[Finding]:
    for zone in session.zones.all():
        ending = session.certificates.expiring(
            at, at + CLIENT_DAYS * DAY, most=_MOST, zone_id=zone.id
        )
        # Of a certificate for some days, the last ones are no alarm.
        used = [
            one
            for one in ending
            if one.last_seen_at is not None
            and at - one.last_seen_at < DAY
            and at - one.issued_at > (one.expires_at - one.issued_at) * 2 / 3
        ]
        if used:
            first = used[0]
            yield Finding(
                id="clients-expire",
                where=f"zone {zone.name}",
                what=f"{len(used)} client certificate{'s' if len(used) > 1 else ''} in use "
                f"expire{'' if len(used) > 1 else 's'} within {CLIENT_DAYS} days, first "
                f'"{first.label}" at {rfc3339_seconds(first.expires_at)}',
                do="authz cert list --expiring shows all; issue new ones",
            )
