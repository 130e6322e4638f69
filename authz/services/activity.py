# SPDX-License-Identifier: Apache-2.0
"""What was seen of checks, and what goes because it is old: observed and not done by anybody, so
there are no audit rows, and nothing of it is enforced (`Store.note`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from authz.services.events import event_host
from authz.services.namespace import DEFAULT_ZONE, owner_of_site
from authz.store.records import StoredEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from authz.observability.events import Event
    from authz.store.engine import Store
    from authz.store.session import Session

#: A session of the dashboard that nobody uses is over long before.
KEEP_SIGN_INS_SECONDS: Final = 7 * 86_400.0
#: What is kept: so many events, of so many seconds.
KEEP_EVENTS: Final = 100_000
KEEP_SECONDS: Final = 30 * 86_400.0
#: Changes of revocations are kept for whoever follows the store, requests to issue for whoever
#: repeats one.
KEEP_CHANGES: Final = 100_000
KEEP_CHANGES_SECONDS: Final = 7 * 86_400.0
KEEP_REQUESTS_SECONDS: Final = 30 * 86_400.0
#: Operations on the items of lists are done at once: nobody asks for long whether they are.
KEEP_OPERATIONS_SECONDS: Final = 7 * 86_400.0


def keep_activity(
    store: Store,
    seen: Mapping[str, float],
    events: Sequence[Event] = (),
    *,
    file_sites: Collection[str] = (),
) -> int:
    """Keep when certificates were last seen (Unix seconds by SHA-256 fingerprint), and events.

    Events of sites that are no zone's are the account's alone.

    Args:
        file_sites: the names of the sites of the policy file beside the store.

    Returns:
        Of how many certificates of ours that was news.
    """
    with store.note() as session:
        known = session.certificates.seen(seen)
        if events:
            owners = _owners(session, {one.site for one in events}, file_sites)
            session.events.add([_stored(event, owners[event.site]) for event in events])
    return known


def forget_old(store: Store, at: float) -> None:
    """Remove from the store what is too old at Unix time `at` to be of use."""
    with store.note() as session:
        session.events.forget(before=at - KEEP_SECONDS, keep=KEEP_EVENTS)
        session.certificates.forget_requests(at - KEEP_REQUESTS_SECONDS)
        session.sign_ins.forget(at=at, idle_before=at - KEEP_SIGN_INS_SECONDS)
        session.list_operations.forget(at - KEEP_OPERATIONS_SECONDS)
    # By itself: it takes a row that writers hold.
    with store.note() as session:
        session.revocations.trim_changes(before=at - KEEP_CHANGES_SECONDS, keep=KEEP_CHANGES)


def _owners(
    session: Session, sites: Collection[str], file_sites: Collection[str]
) -> dict[str, str | None]:
    """The identifiers of the zones whose sites these are."""
    zones = session.zones.all()
    default = next(zone for zone in zones if zone.name == DEFAULT_ZONE)
    of_default = {one.hostname for one in session.hosts.all(default.id)}
    found = {
        site: owner_of_site(site, zones, of_default=of_default, file_sites=file_sites)
        for site in sites
    }
    return {site: None if zone is None else zone.id for site, zone in found.items()}


def _stored(event: Event, zone_id: str | None) -> StoredEvent:
    return StoredEvent(
        id=event.id,
        at=event.at,
        site=event.site[:255],
        verdict=event.verdict,
        rule=event.rule[:255],
        fingerprint_sha256=event.fingerprint,
        event=msgspec.to_builtins(event),
        zone_id=zone_id,
        reason=event.reason,
        host=event_host(event.host),
    )
