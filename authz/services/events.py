# SPDX-License-Identifier: Apache-2.0
"""Reading events: checks that are worth telling, as they were kept (`services.activity`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authz.errors import NotFoundError
from authz.observability.recorded import Unrecorded
from authz.policy.hosts import normalise_host
from authz.services.times import rfc3339

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records_activity import RecordedRequest, StoredEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events, the latest first.

    Args:
        cursor: `before` of the next page, None when this is the last one.
    """

    events: tuple[StoredEvent, ...]
    cursor: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are wanted; what is None does not matter.

    Args:
        zone_id: those of its sites.
        rule: the `ref` of the rule that decided.
        action: what that rule did, or the default action.
        matched: the `ref` of the rule that decided, or of a `log` rule that matched.
        path: as it is told: without query, cut; `path_prefix` is what it begins with.
        host: in any spelling that means the same host.
        since, until: Unix seconds, the first included and the second not.
    """

    zone_id: str | None = None
    site: str | None = None
    verdict: str | None = None
    reason: str | None = None
    rule: str | None = None
    action: str | None = None
    path: str | None = None
    host: str | None = None
    fingerprint_sha256: str | None = None
    since: float | None = None
    until: float | None = None
    matched: str | None = None
    path_prefix: str | None = None

    def columns(self) -> dict[str, Any]:
        """What the store is asked for."""
        host, fingerprint = self.host, self.fingerprint_sha256
        return {
            "zone_id": self.zone_id,
            "site": self.site,
            "verdict": self.verdict,
            "reason": self.reason,
            "rule": self.rule,
            "action": self.action,
            "path": self.path,
            "host": None if host is None else event_host(host),
            "fingerprint_sha256": None if fingerprint is None else hex_of(fingerprint),
            "since": self.since,
            "until": self.until,
            "matched": self.matched,
            "path_prefix": self.path_prefix,
        }


def list_events(
    store: Store,
    wanted: EventFilter,
    *,
    most: int,
    before: int | None = None,
    after: int | None = None,
) -> EventPage:
    """Events, the latest first; `most` of them, and those before the one of number `before`.

    Args:
        after: only those after the one of this number, for whoever looks again and again: the
            first `most` of them. The page's `cursor` is then `after` of the next one.
    """
    with store.read() as session:
        found = session.events.latest(most=most + 1, before=before, after=after, **wanted.columns())
    shown = found[:most]
    cursor = shown[-1].number if len(found) > most and shown else None
    if after is not None:
        shown.reverse()
    return EventPage(events=tuple(shown), cursor=cursor)


def last_number(store: Store) -> int:
    """The number of the latest event, 0 when there is none: where a live tail begins."""
    with store.read() as session:
        found = session.events.latest(most=1)
    return found[0].number if found else 0


def get_event(store: Store, event_id: str, *, zone_id: str | None = None) -> StoredEvent:
    """The event of a decision.

    Args:
        zone_id: the zone that it has to be of.

    Raises:
        NotFoundError: there is none, not any more, or not of this zone.
    """
    with store.read() as session:
        found = session.events.get(event_id)
    if found is None or (zone_id is not None and found.zone_id != zone_id):
        raise NotFoundError(
            "there is no event of this decision",
            hint="only some decisions are kept, and those not for ever",
        )
    return found


def recorded_request(store: Store, event: StoredEvent) -> RecordedRequest | None:
    """What was asked in the check of an event; None when it was not recorded, or is gone."""
    with store.read() as session:
        return session.events.request(event.number)


def event_object(stored: StoredEvent) -> dict[str, Any]:
    """An event as JSON."""
    event = stored.event
    return {
        "id": stored.id,
        "number": stored.number,
        "at": rfc3339(stored.at),
        "zone_id": stored.zone_id,
        **{name: event[name] for name in _AS_IT_IS},
        "fingerprint_sha256": stored.fingerprint_sha256,
        "weight": stored.weight,
        # Those of a release before have none.
        "unrecorded": event.get("unrecorded", Unrecorded.OFF.value),
    }


_AS_IT_IS = (
    "site",
    "verdict",
    "reason",
    "rule",
    "action",
    "logged",
    "detail",
    "generation",
    "host",
    "path",
    "client_ip",
    "presented",
    "verified",
    "revoked",
    "failure",
)


def event_host(text: str) -> str:
    """What events of a host are found by, however it was written."""
    # Half a character can be in a text that came as JSON, and not in a host; a client can send a
    # NUL, which a column cannot keep.
    written = normalise_host(text.encode("utf-8", "backslashreplace"))
    return (written or text.replace("\0", "\\x00"))[:255]


def hex_of(text: str) -> str:
    """A fingerprint as it is kept: lower case, without colons."""
    return text.replace(":", "").lower()
