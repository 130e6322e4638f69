# SPDX-License-Identifier: Apache-2.0
"""The rulings of a site: what each way to end a check says, made once and shared.

Which way a check ends is decided in authorizer.py and ruleset.py; what a ruling is, in decision.py.
A ruling is remembered by its parts, because what later stages keep is kept by its identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.policy.decision import Reason, Ruling, Verdict
from authz.policy.model import DefaultAction

if TYPE_CHECKING:
    from authz.policy.ruleset import Outcome

#: Rulings remembered beside those of the rules. Each set of `log` rules that match together makes
#: one, so the client has a say in how many there are.
_MAX_REMEMBERED = 1024

#: Rulings of rules; more rules than that a site hardly has.
_MAX_RULES = 65_536


class Rulings:
    """What a site, or a snapshot where there is no site, says when a check ends.

    Args:
        site: the site's name, `""` where there is none.
        generation: the snapshot's number.
        settled_size: as Ruling.settled_size.

    A ruling is made when it is first needed: a new generation of a thousand rules on two hundred
    sites makes none.
    """

    __slots__ = (
        "_by_outcome",
        "_default_action",
        "_generation",
        "_remembered",
        "_settled_size",
        "_site",
        "_upstream_headers",
    )

    def __init__(
        self,
        *,
        site: str = "",
        generation: int,
        default_action: DefaultAction = DefaultAction.BLOCK,
        upstream_headers: frozenset[str] = frozenset(),
        settled_size: int = -1,
    ) -> None:
        self._site = site
        self._generation = generation
        self._default_action = default_action
        self._upstream_headers = upstream_headers
        self._settled_size = settled_size
        self._remembered: dict[tuple[Reason, str | int, tuple[str, ...]], Ruling] = {}
        self._by_outcome: dict[Outcome, Ruling] = {}

    def of(self, outcome: Outcome) -> Ruling:
        """The ruling for what the rules said."""
        ruling = self._by_outcome.get(outcome)
        if ruling is not None:
            return ruling
        rule = outcome.rule
        if not outcome.logged and not outcome.unknown_input:
            # One of those that a ruleset shares (Ruleset.outcomes).
            if len(self._by_outcome) >= _MAX_RULES:
                self._by_outcome.clear()
            ruling = self._by_outcome[outcome] = self._make(outcome)
            return ruling
        reason = Reason.DEFAULT_ACTION if rule is None else Reason.RULE
        # By the rule itself: two rules may have one ref, and say different things.
        key = (reason, "" if rule is None else id(rule), outcome.logged)
        return self._remembered.get(key) or self._remember(key, self._make(outcome))

    def refusal(self, reason: Reason, rule: str = "") -> Ruling:
        """The ruling for a check that is denied outright; `rule` is the one it is about."""
        key = (reason, rule, ())
        return self._remembered.get(key) or self._remember(
            key,
            Ruling(
                verdict=Verdict.DENY,
                reason=reason,
                site=self._site,
                rule=rule,
                generation=self._generation,
            ),
        )

    def _remember(self, key: tuple[Reason, str | int, tuple[str, ...]], ruling: Ruling) -> Ruling:
        if len(self._remembered) >= _MAX_REMEMBERED:
            # Rare, and cheaper than keeping an order on every hit.
            self._remembered.clear()
        self._remembered[key] = ruling
        return ruling

    def _make(self, outcome: Outcome) -> Ruling:
        rule = outcome.rule
        if rule is None:
            allowed = self._default_action is DefaultAction.ALLOW
            return Ruling(
                verdict=Verdict.ALLOW if allowed else Verdict.DENY,
                reason=Reason.DEFAULT_ACTION,
                site=self._site,
                action=self._default_action.value,
                logged=outcome.logged,
                generation=self._generation,
                settled_size=self._settled_size,
                upstream_headers=self._upstream_headers,
            )
        # A rule that ends evaluation either blocks or skips the rest; skipping the rest skips
        # default_action too, or `default_action: block` could never let anybody in.
        return Ruling(
            verdict=Verdict.ALLOW if rule.skips_rest else Verdict.DENY,
            reason=Reason.RULE,
            site=self._site,
            action=rule.action.value,
            rule=rule.ref,
            logged=outcome.logged,
            generation=self._generation,
            settled_size=self._settled_size,
            response=rule.response,
            upstream_headers=self._upstream_headers,
        )
