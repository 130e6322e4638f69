# SPDX-License-Identifier: Apache-2.0
"""Ordered rules and what they decide (architecture 4.8 and 4.9).

Rules run in order. `block` ends evaluation; `log` records and goes on; `skip` ends it only with
`ruleset: current` or `phase: current`, or leaves out the rules it names. Compiling expressions
is authz.rules; which values exist is policy.fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.policy.model import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.policy.decision import BlockResponse
    from authz.policy.rule_index import RuleIndex
    from authz.rules import Filter, Value

# A member of an enumeration is two look-ups away.
_BLOCK: Final = Action.BLOCK
_LOG: Final = Action.LOG
_NOTHING: Final = frozenset[int]()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    """One enabled rule, ready to evaluate.

    `skips_rest` and `skipped_rules` (positions in the ruleset) belong to `skip`.
    """

    ref: str
    action: Action
    filter: Filter
    response: BlockResponse | None = None
    skips_rest: bool = False
    skipped_rules: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a ruleset said: the rule that ended evaluation (None: none did) and what it logged.

    Compared by identity: those in `Ruleset.outcomes` are the same objects on every run.

    `unknown_input` is true when `rule` counted as matching only because Envoy cut short the body or
    the headers that it reads.
    """

    rule: CompiledRule | None
    logged: tuple[str, ...] = ()
    unknown_input: bool = False


#: No rule ended evaluation, and nothing was logged.
NOTHING_MATCHED = Outcome(None)


class Ruleset:
    """The rules of one site, account's before zone's.

    Attributes:
        rules: the enabled rules, in order.
        fields: every field a rule reads.
        index: leaves out rules that cannot match; without one, every rule is evaluated.
        outcomes: of evaluations that logged nothing and knew every input: one for each rule that
            ends them, and NOTHING_MATCHED.
    """

    __slots__ = ("_ended_by", "_matches", "fields", "index", "rules")

    def __init__(
        self,
        rules: tuple[CompiledRule, ...],
        fields: frozenset[str],
        index: RuleIndex | None = None,
    ) -> None:
        self.rules = rules
        self.fields = fields
        self.index = index
        self._matches = tuple(rule.filter.matches for rule in rules)
        self._ended_by = tuple(Outcome(rule) for rule in rules)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes that are shared."""
        return (*self._ended_by, NOTHING_MATCHED)

    def run(self, values: Mapping[str, Value], unknown: frozenset[str]) -> Outcome:
        """Evaluate in order. `unknown` are the fields whose value Envoy cut short."""
        rules, matches, index = self.rules, self._matches, self.index
        # Nearly always nothing: made when there is something.
        logged: list[str] | None = None
        skipped = _NOTHING
        # A rule that reads an unknown input may count as matching although it does not match.
        some = range(len(rules)) if index is None or unknown else index.candidates(values)
        for position in some:
            if position in skipped:
                continue
            if unknown and not unknown.isdisjoint(rules[position].filter.fields):
                # Architecture 4.9: matching for block, not matching for skip and log.
                if rules[position].action is _BLOCK:
                    return Outcome(rules[position], tuple(logged or ()), unknown_input=True)
                continue
            if not matches[position](values):
                continue
            rule = rules[position]
            if rule.skips_rest or rule.action is _BLOCK:
                return Outcome(rule, tuple(logged)) if logged else self._ended_by[position]
            if rule.action is _LOG:
                logged = logged or []
                logged.append(rule.ref)
            else:
                skipped |= rule.skipped_rules
        return Outcome(None, tuple(logged)) if logged else NOTHING_MATCHED
