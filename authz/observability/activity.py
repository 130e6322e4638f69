# SPDX-License-Identifier: Apache-2.0
"""What happened lately, gathered from every process that answers checks, for whoever shows it.

A `Report` is what one process has to tell since its last one; `Activity` keeps the latest events,
when certificates were last seen and how often rules decided or matched, all of it bounded, in the
memory of the process that gathers. It knows no processes and no channels (node.reporter).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from authz.observability.events import Event
from authz.observability.seen_certificates import SeenCertificate
from authz.policy.decision import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

#: Events kept: 8 MB as a rule, 30 when clients send the longest texts that are told.
MAX_EVENTS: Final = 10_000
#: Certificates whose last sight is kept, those seen last: 23 MB.
MAX_SEEN: Final = 100_000
#: Rules counted, with their site and action: 34 MB. Names are the operator's; this is for a policy
#: whose rules get new names again and again.
MAX_RULES: Final = 100_000


#: The `reason` under which matches of `log` rules are counted: no checks of their own.
LOGGED: Final = "logged"


class Counted(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How many checks ended like this in the minute from `minute` on (Unix seconds).

    `reason` is a policy.decision.Reason, or LOGGED: how often a `log` rule matched.
    """

    minute: int
    site: str
    verdict: str
    reason: str
    action: str
    rule: str
    checks: int


class CertificateCounted(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How many more checks a certificate was shown in; `verified`: in some it was."""

    fingerprint: str
    allowed: int
    blocked: int
    verified: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a process tells: `seen` are Unix seconds by fingerprint, counts since the last time,
    `unanswered` certificates that somebody should ask about."""

    events: tuple[Event, ...] = ()
    seen: dict[str, float] = {}
    counts: tuple[Counted, ...] = ()
    certificates: tuple[CertificateCounted, ...] = ()
    unanswered: tuple[SeenCertificate, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to tell."""
        return not (self.events or self.seen or self.counts or self.certificates or self.unanswered)


_OF_RULES: Final = frozenset({Reason.RULE.value, LOGGED})


class Rule(NamedTuple):
    """A rule as it is counted."""

    site: str
    rule: str
    action: str


class Activity:
    """What was reported. Any thread may call any method."""

    def __init__(
        self,
        *,
        max_events: int = MAX_EVENTS,
        max_seen: int = MAX_SEEN,
        max_rules: int = MAX_RULES,
    ) -> None:
        self._max_seen = max_seen
        self._max_rules = max_rules
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=max_events)
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._rules: OrderedDict[Rule, int] = OrderedDict()

    def add(self, report: Report) -> None:
        """Take a report in."""
        with self._lock:
            # What was asked is the store's to keep.
            self._events.extend(
                one if one.recorded is None else msgspec.structs.replace(one, recorded=None)
                for one in report.events
            )
            for fingerprint, at in report.seen.items():
                self._seen[fingerprint] = max(at, self._seen.get(fingerprint, at))
                self._seen.move_to_end(fingerprint)
            for one in report.counts:
                if one.reason not in _OF_RULES:
                    continue
                rule = Rule(one.site, one.rule, one.action)
                self._rules[rule] = self._rules.get(rule, 0) + one.checks
                self._rules.move_to_end(rule)
            # What nobody has told anything of for the longest time goes.
            while len(self._seen) > self._max_seen:
                self._seen.popitem(last=False)
            while len(self._rules) > self._max_rules:
                self._rules.popitem(last=False)

    def events(
        self, most: int = 100, where: Callable[[Event], bool] = lambda _: True
    ) -> tuple[Event, ...]:
        """The latest events that `where` is true of, the latest first, `most` at most."""
        with self._lock:
            kept = tuple(self._events)
        return tuple(islice((one for one in reversed(kept) if where(one)), most))

    def event(self, decision_id: str) -> Event | None:
        """The event of a decision, None when it made none or is no longer kept."""
        found = self.events(1, lambda one: one.id == decision_id)
        return found[0] if found else None

    def last_seen(self, fingerprint: str) -> float | None:
        """When a verified certificate was last seen, to about ten seconds; None: not lately."""
        with self._lock:
            return self._seen.get(fingerprint)

    def rules(self) -> dict[Rule, int]:
        """How many checks each rule decided or matched, since this process began to gather."""
        with self._lock:
            return dict(self._rules)
