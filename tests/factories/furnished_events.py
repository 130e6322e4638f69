# SPDX-License-Identifier: Apache-2.0
"""A day of checks for a furnished store: events with what was asked, and the counts of all of them.

More in the last hours than before, so that a chart has a shape; most of it allowed; every kind of
decision among the latest.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from authz.extauthz.decode import DecodeOptions
from authz.extauthz.recording import Recording, RecordOptions
from authz.observability.activity import CertificateCounted, Counted
from authz.policy.decision import Reason
from authz.services.activity import Tally, keep_activity
from authz.services.rulesets import get_rules
from authz.settings.events import HEADERS
from authz.sources.rule_json import ref_of
from tests.factories.checks import check_request
from tests.factories.events import blocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from authz.observability.events import Event
    from authz.services.issuance import Issued
    from authz.store.engine import Store

HOSTS: Final = ("api.example.com", "api.example.com", "shop.example.com")
PATHS: Final = ("/admin", "/admin/users", "/orders", "/health", "/v1/readings")
#: Events of the last day.
EVENTS: Final = 240

#: Outcomes that are no rule's: reason, host and path.
_REFUSED: Final = (
    (Reason.UNKNOWN_HOST, "old.example.org", "/"),
    (Reason.AMBIGUOUS_PATH, "api.example.com", "/admin;x/%2e%2e/health"),
    (Reason.MISDIRECTED, "shop.example.com", "/orders"),
)
_HEADERS: Final = (
    ("user-agent", "curl/8.9.1"),
    ("accept", "*/*"),
    ("authorization", "Bearer secret"),
    ("cookie", "session=secret"),
    ("x-request-id", "4f4d0f0e-54a5-4d5e-9c4b-2f6f4f6a2b10"),
)
_WEIGHT: Final = 25


def furnish_events(
    store: Store, issued: Sequence[Issued], written: Callable[[str], str], now: float
) -> str:
    """Keep them; the identifier of one that was blocked by a rule, with a certificate."""
    draw = random.Random(4)
    refs = [ref_of(rule) for rule in get_rules(store, "default").rules]
    events = list(_events(draw, issued, refs, written, now))
    seen = {one.certificate.fingerprint_sha256: now - 60 for one in issued[:4]}
    certificates = tuple(
        CertificateCounted(
            fingerprint=one.certificate.fingerprint_sha256,
            allowed=draw.randrange(200, 9_000),
            blocked=draw.randrange(40),
            verified=True,
        )
        for one in issued[:4]
    )
    tally = Tally(at=now, checks=_counted(events, now), certificates=certificates)
    keep_activity(store, seen, events, tally=tally)
    return events[-1].id


def _events(
    draw: random.Random,
    issued: Sequence[Issued],
    refs: Sequence[str],
    written: Callable[[str], str],
    now: float,
) -> Iterator[Event]:
    recording = Recording(RecordOptions(headers=frozenset(HEADERS)), DecodeOptions())
    ages = sorted((86_000 * draw.random() ** 2 for _ in range(EVENTS)), reverse=True)
    for number, age in enumerate(ages):
        who = draw.choice([None, *issued])
        event = _event(draw, number, now - age, who, refs)
        if number == EVENTS - 1:
            who = issued[-1]
            event = _by_rule(number, now - 5, who, refs[0])
        elif number % 40 == 7:
            reason, host, path = _REFUSED[number // 40 % len(_REFUSED)]
            event = msgspec.structs.replace(
                event,
                verdict="deny",
                reason=reason.value,
                rule="",
                action="",
                host=host,
                path=path,
                weight=1,
                logged=(),
            )
        event = msgspec.structs.replace(
            event, path=written(event.path), detail=written(event.detail)
        )
        request = check_request(
            host=event.host,
            path=f"{event.path}?id={number}&token=secret",
            headers=_HEADERS,
            certificate="" if who is None else quote(who.bundle, safe=""),
            sni=event.host,
            address=event.client_ip,
        )
        recorded = recording(request.SerializeToString())
        yield msgspec.structs.replace(event, recorded=recorded, unrecorded="")


def _event(
    draw: random.Random, number: int, at: float, who: Issued | None, refs: Sequence[str]
) -> Event:
    host, path = draw.choice(HOSTS), draw.choice(PATHS)
    is_revoked = who is not None and who.certificate.label.startswith("old")
    if path.startswith("/admin") and (who is None or is_revoked):
        return _by_rule(number, at, who, refs[0], host=host, path=path)
    return blocked(
        id=_id(number),
        at=at,
        verdict="allow",
        reason=Reason.DEFAULT_ACTION.value,
        site=host,
        rule="",
        action="allow",
        logged=(refs[-2],) if path == "/v1/readings" else (),
        host=host,
        path=path,
        client_ip=f"198.51.100.{number % 250}",
        fingerprint="" if who is None else who.certificate.fingerprint_sha256,
        presented=who is not None,
        verified=who is not None,
        revoked=is_revoked,
        failure="absent" if who is None else "",
        weight=1 if path == "/v1/readings" else _WEIGHT,
    )


def _by_rule(
    number: int,
    at: float,
    who: Issued | None,
    ref: str,
    *,
    host: str = HOSTS[0],
    path: str = PATHS[0],
) -> Event:
    return blocked(
        id=_id(number),
        at=at,
        site=host,
        rule=ref,
        host=host,
        path=path,
        client_ip=f"198.51.100.{number % 250}",
        fingerprint="" if who is None else who.certificate.fingerprint_sha256,
        presented=who is not None,
        verified=who is not None,
        revoked=who is not None,
        failure="absent" if who is None else "",
    )


def _id(number: int) -> str:
    return f"furnished--{number:010d}"


def _counted(events: Sequence[Event], now: float) -> tuple[Counted, ...]:
    """The checks that the events are of."""
    counts: dict[tuple[int, str, str, str, str, str], int] = {}
    for one in events:
        key = int(one.at) // 60 * 60, one.site, one.verdict, one.reason, one.action, one.rule
        counts[key] = counts.get(key, 0) + one.weight
    return tuple(
        Counted(
            minute=minute,
            site=site,
            verdict=verdict,
            reason=reason,
            action=action,
            rule=rule,
            checks=checks,
        )
        for (minute, site, verdict, reason, action, rule), checks in counts.items()
        if minute <= now
    )
