# SPDX-License-Identifier: Apache-2.0
"""Reading the audit log: who did what, to which object, and when. Every use case adds to it."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError, NotFoundError
from authz.services.context import account_of
from authz.services.times import rfc3339
from authz.store.audit import AuditQuery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.engine import Store
    from authz.store.records import Account, AuditEntry
    from authz.store.session import Session

#: Of the entries of one page together, in characters: an entry may have 256 KiB.
MAX_PAGE_SIZE: Final = 16 * 1024 * 1024

#: What actions come to, where only that is asked; all others are an `update`.
_VERBS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("add", "create", "import", "issue", "upload"), "create"),
    # As Cloudflare has it, whose call to revoke a certificate is DELETE.
    **dict.fromkeys(("delete", "remove", "revoke"), "delete"),
}
VERBS: Final = ("create", "update", "delete")

#: More actors are not offered to choose from: everybody who signs in by a provider is one.
MOST_ACTORS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted.

    Args:
        only: by name, the values of which an entry must have one; of `id`, `zone_id`, `zone_name`,
            `actor`, `action` (or what it comes to, VERBS), `object_type` and `object_id`.
        but: the values of which it must have none.
        since, until: Unix seconds, the first included and the second not.
    """

    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    but: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChoices:
    """What entries can be filtered by.

    Args:
        actors: of those there are, MOST_ACTORS.
    """

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    object_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Some entries.

    Args:
        cursor: where the next page begins, None when this is the last one.
        cut: there are fewer than were asked for, because they are long (MAX_PAGE_SIZE).
        zones: names of zones by identifier.
    """

    entries: tuple[AuditEntry, ...]
    cursor: str | None
    cut: bool
    account: Account
    zones: Mapping[str, str]


def find_entries(
    store: Store,
    wanted: AuditFilter,
    *,
    most: int,
    oldest_first: bool = False,
    skip: int = 0,
    cursor: str | None = None,
) -> AuditPage:
    """Entries in the order of their moments, the latest first unless told otherwise.

    Args:
        skip: how many to leave out; a cursor is quicker.

    Raises:
        InvalidInputError: the cursor is none of ours.
    """
    behind = None if cursor is None else _place(cursor)
    with store.read() as session:
        zones = {one.id: one.name for one in session.zones.all()}
        query = AuditQuery(
            only=_columns(session, wanted.only, zones),
            but=_columns(session, wanted.but, zones),
            since=wanted.since,
            until=wanted.until,
        )
        found = session.audit.find(
            query,
            most=most,
            oldest_first=oldest_first,
            skip=skip,
            behind=behind,
            size=MAX_PAGE_SIZE,
        )
        last = found[-1] if found else None
        more = last is not None and bool(
            session.audit.find(
                query, most=1, oldest_first=oldest_first, behind=(last.at, last.number)
            )
        )
        account = account_of(session)
    return AuditPage(
        entries=tuple(found),
        cursor=cursor_of(last) if more and last is not None else None,
        cut=more and len(found) < most,
        account=account,
        zones=zones,
    )


def verb_of(action: str) -> str:
    """What an action comes to: one of VERBS."""
    return _VERBS.get(action.rpartition(".")[2], "update")


def get_entry(store: Store, entry_id: str) -> AuditEntry:
    """The entry with this identifier.

    Raises:
        NotFoundError: there is none.
    """
    with store.read() as session:
        found = session.audit.find(AuditQuery(only={"id": (entry_id,)}), most=1)
    if not found:
        raise NotFoundError(
            "there is no such entry", hint="the audit log shows those that are kept"
        )
    return found[0]


def audit_choices(store: Store) -> AuditChoices:
    """What entries can be filtered by, in the order of letters."""
    with store.read() as session:
        return AuditChoices(
            actors=tuple(session.audit.distinct("actor", most=MOST_ACTORS)),
            actions=tuple(session.audit.actions()),
            object_types=tuple(session.audit.distinct("object_type")),
        )


def cursor_of(entry: AuditEntry) -> str:
    """Where entries go on behind this one, in either order."""
    return base64.urlsafe_b64encode(json.dumps([entry.at, entry.number]).encode()).decode()


def latest_entries(
    store: Store, *, of: str | None = None, before: int | None = None, most: int = 50
) -> list[AuditEntry]:
    """Entries, the latest first.

    Args:
        of: only those about the object with this identifier (or hostname, or serial number).
        before: only those before the one of this number.
    """
    with store.read() as session:
        return session.audit.latest(most=most, before=before, object_id=of)


def entry_object(entry: AuditEntry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "id": entry.id,
        "number": entry.number,
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "object": {"type": entry.object_type, "id": entry.object_id},
        "zone_id": entry.zone_id,
        "before": entry.before,
        "after": entry.after,
    }


def _columns(
    session: Session, given: Mapping[str, tuple[str, ...]], zones: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """The values of columns that are meant."""
    columns = dict(given)
    if "zone_name" in columns:
        names = {name.lower() for name in columns.pop("zone_name")}
        named = {one for one, name in zones.items() if name in names}
        if "zone_id" in columns:
            named &= {*columns["zone_id"]}
        columns["zone_id"] = tuple(sorted(named))
    if "action" in columns:
        wanted = {*columns["action"]}
        if wanted & {*VERBS}:
            wanted |= {one for one in session.audit.actions() if verb_of(one) in wanted}
        columns["action"] = tuple(sorted(wanted))
    return columns


def _place(cursor: str) -> tuple[float, int]:
    try:
        at, number = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        # Both databases count in 64 bits.
        if type(at) is float and math.isfinite(at) and type(number) is int and 0 <= number < 2**63:
            return at, number
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise InvalidInputError(
        "the cursor is none that this list gave", hint="begin again, without a cursor"
    )
