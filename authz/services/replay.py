# SPDX-License-Identifier: Apache-2.0
"""Other rules tried on the requests that were recorded: who would be blocked, who would not be.

Each request is decided twice at one moment, by the rules in force and by the draft, from the same
recorded facts (policy.recorded). One whose decision depends on what was left out is told as such.
Runs in the process that serves the API, beside its calls: bounded in number and in time, and it
gives way after every few requests.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError
from authz.extauthz.decode import Undecodable
from authz.policy.decision import Verdict
from authz.policy.recorded import judge as judge_recorded
from authz.services.account_rules import kept_rules
from authz.services.allowed import ALL, check_lists, fields_shown, reads_shown
from authz.services.context import account_of, zone_of
from authz.services.judging import Judge
from authz.services.live_policy import site_named
from authz.services.replay_groups import Change, Gathered, Gathering
from authz.services.scopes import Scope, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from authz.extauthz.memo import ClientMemo
    from authz.policy.recorded import Judged
    from authz.policy.snapshot import Snapshot
    from authz.services.allowed import Allowed
    from authz.store.engine import Store
    from authz.store.records_activity import RecordedRequest, StoredEvent
    from authz.store.session import Session

#: Requests that are tried unless somebody asks for more, and how many may be asked for.
DEFAULT_REQUESTS: Final = 1_000
MAX_REQUESTS: Final = 10_000
#: Seconds that one replay may take; what was tried by then is told.
DEFAULT_SECONDS: Final = 5.0
MAX_SECONDS: Final = 30.0

#: Events that are read in one go.
_BATCH: Final = 200
#: Requests between two moments in which others have the interpreter.
_GIVE_WAY: Final = 20
_PAUSE_SECONDS: Final = 0.001

#: What a decision depends on when a request is no request.
_UNREADABLE: Final = "a request that can be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """Requests that nobody can decide again.

    Args:
        requests: how many; `checks`: how many checks those stand for.
        reads: what is not recorded and matters, with how many requests: most of them first.
        examples: events of some, by their identifiers.
    """

    requests: int
    checks: int
    reads: tuple[tuple[str, int], ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What other rules would do.

    Args:
        requests: recorded requests that were tried; `checks`: how many checks they stand for, as
            allowed ones are sampled and blocked ones may be when there are many.
        newly_blocked: allowed by the rules in force, and blocked by the draft.
        newly_allowed: the other way around.
        still_allowed, still_blocked: requests that stay what they are.
        unjudged: what depends on something that was not recorded, by either of the two.
        unrecorded: events of this span without a request.
        drifted: requests that the rules in force decide otherwise than it was decided then.
        first_at, last_at: the span that the requests are of, Unix seconds; None when there are
            none.
        sampled: whether a request stands for several checks.
        complete: False when there was no time for all that were asked for.
        seconds: how long it took.
        revision: of the store, whose rules were in force.
    """

    requests: int
    checks: int
    newly_blocked: Change
    newly_allowed: Change
    still_allowed: int
    still_blocked: int
    unjudged: Unjudged
    unrecorded: int
    drifted: int
    first_at: float | None
    last_at: float | None
    sampled: bool
    complete: bool
    seconds: float
    revision: int


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    checks: int = 0
    still_allowed: int = 0
    still_blocked: int = 0
    drifted: int = 0
    unrecorded: int = 0
    first_at: float | None = None
    last_at: float | None = None


def replay(
    store: Store,
    zone_id: str | None,
    draft_rules: Sequence[Any],
    *,
    judge: Judge | None = None,
    most: int = DEFAULT_REQUESTS,
    seconds: float = DEFAULT_SECONDS,
    since: float | None = None,
    at: float,
    allowed: Allowed = ALL,
    pause: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Replay:
    """Try rules on the latest recorded requests of a zone, or of all zones.

    Args:
        zone_id: None: the rules are the account's.
        draft_rules: all rules of it, in order, as the API takes them.
        judge: decides as the node does.
        most: how many requests; the latest.
        seconds: how long it may take. Compiling the rules counts, though nothing interrupts it:
            if that took all the time, nothing is tried, and the result is not complete. How large
            rules may be is bounded by what may be deployed.
        since: no requests from before this Unix time.
        at: when all of them are decided, Unix seconds: certificates that have expired meanwhile
            have for both.
        allowed: what whoever asks may be shown besides the zone's rules.

    Raises:
        ForbiddenError: the rules read a list, and what is in it is not for whoever asks.
        NotFoundError: there is no such zone.
        RulesetError: the rules could not be deployed (`Judge.draft`).
        InvalidInputError: that is too much to ask for.
    """
    if not 1 <= most <= MAX_REQUESTS:
        raise InvalidInputError(f"{most} requests cannot be tried", hint=f"1 to {MAX_REQUESTS} can")
    if not 0 < seconds <= MAX_SECONDS:
        raise InvalidInputError(
            f"{seconds:g} seconds cannot be waited for", hint=f"up to {MAX_SECONDS:g} can"
        )
    begun = monotonic()
    judge = judge or Judge()
    with store.read() as session:
        live = judge.live(session, at)
        scope = (
            Scope(account_id=account_of(session).id)
            if zone_id is None
            else scope_of(zone_of(session, zone_id))
        )
        _check_lists(session, scope, draft_rules, allowed)
        draft = judge.draft(session, scope, draft_rules, at)
    trial = _Trial(judge, live.snapshot, draft, at, allowed)
    complete = True
    for number, (event, recorded) in enumerate(
        _latest(store, zone_id, most=most, since=since), start=1
    ):
        if monotonic() - begun > seconds:
            complete = False
            break
        trial.take(event, recorded)
        if number % _GIVE_WAY == 0:
            pause(_PAUSE_SECONDS)
    return trial.result(complete=complete, seconds=monotonic() - begun, revision=live.revision)


def _check_lists(
    session: Session, scope: Scope, draft_rules: Sequence[Any], allowed: Allowed
) -> None:
    """Of the draft, of the rules in force, and of those that are tried with it: a difference
    between two sets of rules tells what is in a list that either reads."""
    account = Scope(account_id=scope.account_id)
    rules = [one for one in draft_rules if isinstance(one, Mapping) and "expression" in one]
    rules += kept_rules(session, account)
    zones = session.zones.all() if scope.zone is None else [scope.zone]
    for zone in zones:
        rules += kept_rules(session, scope_of(zone))
    check_lists(session, scope.account_id, rules, allowed)


class _Trial:
    """Requests decided by two sets of rules, one after the other."""

    def __init__(
        self, judge: Judge, live: Snapshot, draft: Snapshot, at: float, allowed: Allowed
    ) -> None:
        self.counts = _Counts()
        self._judge = judge
        self._live = live
        self._draft = draft
        self._at = at
        self._may_see = allowed
        # The two trust the same: a certificate is judged once.
        self._memo: ClientMemo = judge.memo()
        self._blocked = Gathering()
        self._allowed = Gathering()
        self._reads: Counter[str] = Counter()
        self._unjudged = Gathering()

    def take(self, event: StoredEvent, recorded: RecordedRequest | None) -> None:
        """Decide one request."""
        counts = self.counts
        if recorded is None:
            counts.unrecorded += 1
            return
        counts.requests += 1
        counts.checks += event.weight
        # The latest come first.
        counts.first_at = event.at
        counts.last_at = counts.last_at or event.at
        try:
            now, then = self._decide(recorded)
        except Undecodable:
            self._leave(event, (_UNREADABLE,))
            return
        if now.verdict is not None and now.verdict.value != event.verdict:
            counts.drifted += 1
        if now.verdict is None or then.verdict is None:
            undecided = ((self._live, now), (self._draft, then))
            reads = {
                name
                for snapshot, one in undecided
                if one.verdict is None
                for name in self._reads_shown(snapshot, one)
            }
            self._leave(event, sorted(reads))
        elif now.verdict is then.verdict:
            if now.verdict is Verdict.ALLOW:
                counts.still_allowed += 1
            else:
                counts.still_blocked += 1
        elif then.verdict is Verdict.DENY:
            self._blocked.add(event, then.rule)
        else:
            self._allowed.add(event, now.rule)

    def _decide(self, recorded: RecordedRequest) -> tuple[Judged, Judged]:
        facts, missing = self._judge.facts_of(recorded)
        client_of = self._memo.client_of
        now = judge_recorded(self._live, facts, missing, self._at, client_of)
        return now, judge_recorded(self._draft, facts, missing, self._at, client_of)

    def _reads_shown(self, snapshot: Snapshot, judged: Judged) -> list[str]:
        site = site_named(snapshot, judged.site)
        return reads_shown(judged.reads, fields_shown(site, self._may_see))

    def _leave(self, event: StoredEvent, reads: Sequence[str]) -> None:
        self._unjudged.add(event, "")
        self._reads.update(reads)

    def result(self, *, complete: bool, seconds: float, revision: int) -> Replay:
        """What came of it."""
        counts, unjudged = self.counts, self._unjudged.change()
        return Replay(
            requests=counts.requests,
            checks=counts.checks,
            newly_blocked=self._blocked.change(),
            newly_allowed=self._allowed.change(),
            still_allowed=counts.still_allowed,
            still_blocked=counts.still_blocked,
            unjudged=Unjudged(
                requests=unjudged.requests,
                checks=unjudged.checks,
                reads=tuple(self._reads.most_common(20)),
                examples=unjudged.examples,
            ),
            unrecorded=counts.unrecorded,
            drifted=counts.drifted,
            first_at=counts.first_at,
            last_at=counts.last_at,
            sampled=counts.checks > counts.requests,
            complete=complete,
            seconds=seconds,
            revision=revision,
        )


def _latest(
    store: Store, zone_id: str | None, *, most: int, since: float | None
) -> Iterator[tuple[StoredEvent, RecordedRequest | None]]:
    """The latest events of a zone, and `most` requests at most; no transaction stays open."""
    before: int | None = None
    left = most
    while True:
        with store.read() as session:
            events = session.events.latest(most=_BATCH, before=before, since=since, zone_id=zone_id)
            requests = session.events.requests([one.number for one in events])
        for event in events:
            recorded = requests.get(event.number)
            if recorded is not None:
                left -= 1
            yield event, recorded
            if not left:
                return
        if len(events) < _BATCH:
            return
        before = events[-1].number


def replay_object(found: Replay) -> dict[str, Any]:
    """What came of it, as JSON."""
    unjudged = found.unjudged
    return {
        "requests": found.requests,
        "checks": found.checks,
        "newly_blocked": _change_object(found.newly_blocked),
        "newly_allowed": _change_object(found.newly_allowed),
        "still_allowed": found.still_allowed,
        "still_blocked": found.still_blocked,
        "unjudged": {
            "requests": unjudged.requests,
            "checks": unjudged.checks,
            "reads": [{"name": name, "requests": number} for name, number in unjudged.reads],
            "examples": list(unjudged.examples),
        },
        "unrecorded": found.unrecorded,
        "drifted": found.drifted,
        "first_at": found.first_at,
        "last_at": found.last_at,
        "sampled": found.sampled,
        "complete": found.complete,
        "seconds": round(found.seconds, 3),
        "revision": found.revision,
    }


def _change_object(change: Change) -> dict[str, Any]:
    return {
        "requests": change.requests,
        "checks": change.checks,
        "examples": list(change.examples),
        **{f"by_{by}": [_group_object(one) for one in groups] for by, groups in change.by.items()},
    }


def _group_object(group: Gathered) -> dict[str, Any]:
    return {
        "name": group.name,
        "requests": group.requests,
        "checks": group.checks,
        "examples": list(group.examples),
    }
