# SPDX-License-Identifier: Apache-2.0
"""`/audit`: who did what, to which object, and when; what an entry changed, field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from authz.dashboard.attempts import about
from authz.dashboard.audit_diff import compare
from authz.dashboard.audit_filter import Filter
from authz.dashboard.shown import short
from authz.dashboard.viewers import Viewer, account_viewer
from authz.errors import AuthzError
from authz.services.audit_log import (
    VERBS,
    AuditPage,
    audit_choices,
    cursor_of,
    entry_object,
    find_entries,
    get_entry,
)
from authz.services.permissions import Level, Resource

if TYPE_CHECKING:
    from authz.store.records import AuditEntry

router = APIRouter()

Reader = Annotated[Viewer, account_viewer(Resource.AUDIT, Level.READ)]
_Text = Annotated[str, Query(max_length=300)]

PER_PAGE: Final = 50

#: What an object is called, of the first of these that it has.
_NAMES: Final = ("name", "label", "hostname", "ref", "description")

_SHOWN: Final = 100


@router.get("/audit")
def index(
    viewer: Reader,
    actor: _Text = "",
    action: _Text = "",
    kind: Annotated[str, Query(alias="object", max_length=300)] = "",
    object_id: _Text = "",
    zone: _Text = "",
    since: _Text = "",
    until: _Text = "",
    older: _Text = "",
    newer: _Text = "",
) -> Response:
    """Entries, the latest first. `older` and `newer` are cursors."""
    chosen = Filter(
        actor=actor,
        action=action,
        object=kind,
        object_id=object_id,
        zone=zone,
        since=since,
        until=until,
    )
    entries: tuple[AuditEntry, ...] = ()
    previous = following = None
    problem: dict[str, Any] = {"errors": []}
    try:
        entries, has_newer, has_older = _page(viewer, chosen, older, newer)
    except AuthzError as error:
        problem = about(error)
    else:
        previous = f"/audit{chosen.query(newer=cursor_of(entries[0]))}" if has_newer else None
        following = f"/audit{chosen.query(older=cursor_of(entries[-1]))}" if has_older else None
    return viewer.page(
        "audit.html",
        **problem,
        entries=[(one, called(one)) for one in entries],
        chosen=chosen,
        choices=audit_choices(viewer.store),
        verbs=VERBS,
        zone_names={one.id: one.name for one in viewer.zones},
        previous=previous,
        following=following,
        is_first=not (older or newer),
    )


@router.get("/audit/{entry_id}")
def one(entry_id: str, viewer: Reader) -> Response:
    """What an entry changed."""
    entry = get_entry(viewer.store, entry_id)
    return viewer.page(
        "audit_entry.html",
        entry=entry,
        called=called(entry),
        comparison=compare(entry.before, entry.after),
        zone_names={one.id: one.name for one in viewer.zones},
        object_url=_url(viewer, entry),
    )


@router.get("/audit/{entry_id}/entry.json")
def download(entry_id: str, viewer: Reader) -> Response:
    """All of it."""
    entry = get_entry(viewer.store, entry_id)
    return Response(
        json.dumps(entry_object(entry), indent=2, ensure_ascii=True) + "\n",
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="audit-{entry.number}.json"'},
    )


def called(entry: AuditEntry) -> str:
    """What people know the object of an entry by."""
    for facts in (entry.after, entry.before):
        for name in _NAMES:
            value = (facts or {}).get(name)
            if isinstance(value, str) and value:
                return short(value, _SHOWN)
    return entry.object_id


def _page(
    viewer: Viewer, chosen: Filter, older: str, newer: str
) -> tuple[tuple[AuditEntry, ...], bool, bool]:
    """Entries, and whether there are newer and older ones."""
    wanted = chosen.wanted()
    found: AuditPage
    if newer:
        found = find_entries(viewer.store, wanted, most=PER_PAGE, oldest_first=True, cursor=newer)
        entries = found.entries[::-1]
        if entries and found.cursor is not None:
            return entries, True, True
        # Nothing is before them: the first page, whole.
        older = ""
    found = find_entries(viewer.store, wanted, most=PER_PAGE, cursor=older or None)
    return found.entries, bool(older and found.entries), found.cursor is not None


def _url(viewer: Viewer, entry: AuditEntry) -> str | None:
    """Where the object of an entry is, of those that have a page of the account."""
    if entry.object_type == "list" and viewer.may(Resource.LISTS, Level.READ):
        return f"/lists/{entry.object_id}"
    if entry.object_type == "token" and viewer.may(Resource.TOKENS, Level.READ):
        return f"/tokens/{entry.object_id}"
    if entry.object_type == "zone" and viewer.may(Resource.ZONES, Level.READ, entry.object_id):
        return f"/zones/{entry.object_id}/settings"
    return None
