# SPDX-License-Identifier: Apache-2.0
"""What the recorded requests say about a rule before it is deployed, as the editor shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.services.permissions import Level, Resource
from authz.services.replay import replay
from authz.services.rule_deployment import rules_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authz.dashboard.rule_editing import Editing
    from authz.dashboard.viewers import Viewer
    from authz.services.replay import Replay
    from authz.services.replay_groups import Change, Gathered

#: Groups of one kind that the panel shows, and seconds that somebody waits for it.
MOST_GROUPS: Final = 5
SECONDS: Final = 4.0

#: How groups are called.
_TITLES: Final[Mapping[str, str]] = {
    "host": "Host",
    "path": "Path",
    "certificate": "Certificate",
    "rule": "Rule that decides",
}
_NONE: Final[Mapping[str, str]] = {"certificate": "no certificate", "rule": "no rule"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Requests with something in common: what it is called, and an event to look at."""

    name: str
    requests: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Requests whose verdict would be another.

    Args:
        groups: by what they have in common, as people call it; `more` counts those not shown.
    """

    requests: int
    checks: int
    examples: tuple[str, ...]
    groups: Mapping[str, tuple[Group, ...]]
    more: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it.

    Args:
        blocked, allowed: requests that would be decided otherwise.
        events: where events are.
    """

    found: Replay
    blocked: Side
    allowed: Side
    events: str

    @property
    def changes(self) -> bool:
        """Whether there is something to look at before it is deployed."""
        unjudged = self.found.unjudged.requests
        return bool(self.blocked.requests or self.allowed.requests or unjudged)

    @property
    def stay(self) -> int:
        """Requests whose verdict stays."""
        return self.found.still_allowed + self.found.still_blocked


def may_replay(viewer: Viewer) -> bool:
    """Whether they may see what recorded requests say: that is what events say."""
    return viewer.may(Resource.EVENTS, Level.READ)


def replay_of(editing: Editing) -> Replayed | None:
    """Try a rule on the recorded requests; None where there are none, or none for whoever asks.

    Raises:
        ForbiddenError: the rules read a list, and they may not read lists.
        NotFoundError: the rule that it changes is not there.
        PolicyError, ExpressionError, InvalidInputError: it could not be deployed.
    """
    here = editing.here
    viewer = here.viewer
    if not may_replay(viewer):
        return None
    found = replay(
        viewer.store,
        here.scope.zone_id,
        rules_with(here.rules(), editing.wanted()),
        judge=viewer.backend.judge,
        seconds=SECONDS,
        at=viewer.at,
        allowed=viewer.allowed,
    )
    if not found.requests:
        return None
    labels = _labels(viewer, found)
    return Replayed(
        found=found,
        blocked=_side(found.newly_blocked, labels),
        allowed=_side(found.newly_allowed, labels),
        events=here.url().removesuffix("/rules") + "/events",
    )


def _side(change: Change, labels: Mapping[str, str]) -> Side:
    groups = {}
    more = {}
    for by, some in change.by.items():
        title = _TITLES[by]
        groups[title] = tuple(_groups(by, some, labels))
        if len(some) > MOST_GROUPS:
            more[title] = len(some) - MOST_GROUPS
    return Side(
        requests=change.requests,
        checks=change.checks,
        examples=change.examples,
        groups=groups,
        more=more,
    )


def _groups(by: str, some: tuple[Gathered, ...], labels: Mapping[str, str]) -> Iterator[Group]:
    for one in some[:MOST_GROUPS]:
        name = labels.get(one.name, one.name) if by == "certificate" else one.name
        yield Group(
            name=name or _NONE.get(by, "—"),
            requests=one.requests,
            example=next(iter(one.examples), ""),
        )


def _labels(viewer: Viewer, found: Replay) -> Mapping[str, str]:
    """What certificates are called, by fingerprint, as far as they may be seen."""
    fingerprints = {
        one.name
        for change in (found.newly_blocked, found.newly_allowed)
        for one in change.by.get("certificate", ())[:MOST_GROUPS]
    }
    labels = {one: f"{one[:16]}…" for one in fingerprints if one}
    with viewer.store.read() as session:
        for fingerprint in labels:
            known = session.certificates.by_fingerprint(fingerprint)
            if known is not None and viewer.may(Resource.CERTIFICATES, Level.READ, known.zone_id):
                labels[fingerprint] = known.label or known.common_name
    return labels
