# SPDX-License-Identifier: Apache-2.0
"""A store after a busy time: as many events as are kept, and the counts of the checks they are of.

    make_busy(store, events=100_000, now=now)

Every number is drawn from a fixed seed. A few paths and certificates are blocked often, most of
them once or twice; allowed checks are sampled, those that are blocked all have their event.
"""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Final

from authz.observability.activity import Counted
from authz.policy.decision import Reason
from authz.services.activity import Tally, keep_activity
from tests.factories.events import blocked

if TYPE_CHECKING:
    from authz.observability.events import Event
    from authz.store.engine import Store

HOSTS: Final = ("api.example.com", "shop.example.com", "b2b.example.com")
RULES: Final = ("protect-admin", "pin-fingerprints", "block-revoked", "only-our-network")
#: An allowed check that is told stands for so many.
WEIGHT: Final = 10

_SITE: Final = "default (other hosts)"
_AT_ONCE: Final = 5_000


def make_busy(
    store: Store, *, events: int, now: float, seconds: float = 86_400.0, paths: int = 5_000
) -> None:
    """Fill it, with events from `seconds` before `now` on."""
    draw = random.Random(8)
    told: list[Event] = []
    counts: dict[tuple[int, str, str, str, str], int] = {}
    for number in range(events):
        at = now - seconds + seconds * number / events
        one = _event(draw, number, at, paths)
        told.append(one)
        key = int(at) // 60 * 60, one.verdict, one.reason, one.action, one.rule
        counts[key] = counts.get(key, 0) + one.weight
        if len(told) == _AT_ONCE:
            keep_activity(store, {}, told)
            told = []
    keep_activity(store, {}, told, tally=Tally(at=now, checks=tuple(_counted(counts))))


def fingerprint(number: int) -> str:
    """Of the certificate of this number, the lower the more often seen."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def _event(draw: random.Random, number: int, at: float, paths: int) -> Event:
    is_blocked = draw.random() < 0.6
    who = int(draw.paretovariate(0.6)) if draw.random() < 0.8 else 0
    return blocked(
        id=f"{number:032x}",
        at=at,
        verdict="deny" if is_blocked else "allow",
        reason=Reason.RULE.value if is_blocked else Reason.DEFAULT_ACTION.value,
        site=_SITE,
        rule=draw.choice(RULES) if is_blocked else "",
        action="block" if is_blocked else "allow",
        host=draw.choice(HOSTS),
        path=f"/v1/devices/{min(paths, int(draw.paretovariate(0.6)))}/readings",
        client_ip=f"198.51.100.{draw.randrange(256)}",
        fingerprint=fingerprint(min(who, 2_000)) if who else "",
        presented=bool(who),
        verified=bool(who),
        weight=1 if is_blocked else WEIGHT,
    )


def _counted(counts: dict[tuple[int, str, str, str, str], int]) -> list[Counted]:
    return [
        Counted(
            minute=minute,
            site=_SITE,
            verdict=verdict,
            reason=reason,
            action=action,
            rule=rule,
            checks=checks,
        )
        for (minute, verdict, reason, action, rule), checks in counts.items()
    ]
