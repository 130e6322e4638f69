# SPDX-License-Identifier: Apache-2.0
"""What was seen of checks, and what goes because it is old: observed and not done by anybody, so
there are no audit rows, and nothing of it is enforced (`Store.note`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from authz.services.events import event_host
from authz.services.namespace import DEFAULT_ZONE, owner_of_site
from authz.store.check_counts import MINUTE
from authz.store.records_activity import (
    CertificateChecks,
    CheckCount,
    RecordedRequest,
    StoredEvent,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from authz.observability.activity import CertificateCounted, Counted
    from authz.observability.events import Event
    from authz.store.engine import Store
    from authz.store.session import Session

#: A session of the dashboard that nobody uses is over long before.
KEEP_SIGN_INS_SECONDS: Final = 7 * 86_400.0
DAY: Final = 86_400.0

#: Counts are by the minute for so long, and by the hour after that.
KEEP_MINUTES_SECONDS: Final = int(DAY)
KEEP_COUNTS_SECONDS: Final = int(400 * DAY)
#: Some 100 MB: names of rules and sites are the operator's, and how many there are.
KEEP_COUNTS: Final = 500_000
#: Of certificates that are managed elsewhere: whoever has a CA makes as many as they like.
KEEP_CERTIFICATES: Final = 100_000
#: Changes of revocations are kept for whoever follows the store, requests to issue for whoever
#: repeats one.
KEEP_CHANGES: Final = 100_000
KEEP_CHANGES_SECONDS: Final = 7 * 86_400.0
KEEP_REQUESTS_SECONDS: Final = 30 * 86_400.0
#: Operations on the items of lists are done at once: nobody asks for long whether they are.
KEEP_OPERATIONS_SECONDS: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much is kept of events: so many, of so many seconds, that take so many bytes with their
    requests (the settings of `events`)."""

    events: int = 100_000
    seconds: float = 30 * DAY
    bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was counted since the last time.

    Args:
        at: when that was, Unix seconds.
    """

    at: float = 0.0
    checks: Sequence[Counted] = ()
    certificates: Sequence[CertificateCounted] = ()


def keep_activity(
    store: Store,
    seen: Mapping[str, float],
    events: Sequence[Event] = (),
    *,
    file_sites: Collection[str] = (),
    tally: Tally | None = None,
) -> int:
    """Keep when certificates were last seen (Unix seconds by SHA-256 fingerprint), events and
    counts.

    Those of sites that are no zone's are the account's alone. Certificates that nobody verified
    are counted only if they are managed here: anybody can make some.

    Args:
        file_sites: the names of the sites of the policy file beside the store.

    Returns:
        Of how many certificates of ours that was news.
    """
    with store.note() as session:
        known = session.certificates.seen(seen)
        counted = () if tally is None else tally.checks
        sites = {one.site for one in events} | {one.site for one in counted}
        owners = _owners(session, sites, file_sites) if sites else {}
        session.events.add(
            [_stored(event, owners[event.site]) for event in events],
            {
                event.id: RecordedRequest(
                    request=event.recorded.request,
                    left_out=msgspec.to_builtins(event.recorded.left_out),
                )
                for event in events
                if event.recorded is not None
            },
        )
        session.check_counts.add([_count(one, owners[one.site]) for one in counted])
        if tally is not None and tally.certificates:
            _count_certificates(session, tally)
    return known


def forget_old(store: Store, at: float, retention: Retention = Retention()) -> None:
    """Remove from the store what is too old at Unix time `at` to be of use, or too much."""
    with store.note() as session:
        session.events.forget(
            before=at - retention.seconds, keep=retention.events, keep_bytes=retention.bytes
        )
        session.check_counts.roll_up(int(at) - KEEP_MINUTES_SECONDS)
        session.check_counts.forget(before=int(at) - KEEP_COUNTS_SECONDS, keep=KEEP_COUNTS)
        session.certificate_checks.forget(before=at - KEEP_COUNTS_SECONDS, keep=KEEP_CERTIFICATES)
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
    plain = msgspec.structs.replace(event, recorded=None)
    kept = msgspec.to_builtins(plain)
    del kept["recorded"]
    request = b"" if event.recorded is None else event.recorded.request
    return StoredEvent(
        id=event.id,
        at=event.at,
        site=event.site[:255],
        verdict=event.verdict,
        rule=event.rule[:255],
        fingerprint_sha256=event.fingerprint,
        event=kept,
        zone_id=zone_id,
        reason=event.reason,
        host=event_host(event.host),
        path=event.path.replace("\0", "\\x00")[:255],
        action=event.action,
        weight=event.weight,
        bytes=len(msgspec.msgpack.encode(plain)) + len(request),
    )


def _count(one: Counted, zone_id: str | None) -> CheckCount:
    return CheckCount(
        seconds=MINUTE,
        at=one.minute - one.minute % MINUTE,
        site=one.site[:255],
        verdict=one.verdict,
        reason=one.reason,
        action=one.action,
        rule=one.rule[:255],
        checks=one.checks,
        zone_id=zone_id,
    )


def _count_certificates(session: Session, tally: Tally) -> None:
    doubtful = [one.fingerprint for one in tally.certificates if not one.verified]
    managed = session.certificate_checks.known(doubtful)
    session.certificate_checks.add(
        [
            CertificateChecks(
                fingerprint_sha256=one.fingerprint,
                allowed=one.allowed,
                blocked=one.blocked,
                first_at=tally.at,
                last_at=tally.at,
                verified=one.verified,
            )
            for one in tally.certificates
            if one.verified or one.fingerprint in managed
        ]
    )
