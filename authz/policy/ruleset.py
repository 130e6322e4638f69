# SPDX-License-Identifier: Apache-2.0
"""Ordered rules and what they decide (architecture 4.8 and 4.9).

Rules run in order. `block` ends evaluation; `log` records and goes on; `skip` ends it only with
`ruleset: current` or `phase: current`, or leaves out the rules it names. Compiling expressions
is authz.rules; which values exist is policy.fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.policy.model import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.policy.decision import BlockResponse
    from authz.rules import Filter, Value


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a ruleset said: the rule that ended evaluation (None: none did) and what it logged.

    `unknown_input` is true when `rule` counted as matching only because Envoy cut short the body or
    the headers that it reads.
    """

    rule: CompiledRule | None
    logged: tuple[str, ...] = ()
    unknown_input: bool = False


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The rules of one site, account's before zone's. `fields` is every field a rule reads."""

    rules: tuple[CompiledRule, ...]
    fields: frozenset[str]

    def run(self, values: Mapping[str, Value], unknown: frozenset[str]) -> Outcome:
        """Evaluate in order. `unknown` are the fields whose value Envoy cut short."""
        logged: list[str] = []
        skipped: set[int] = set()
        for position, rule in enumerate(self.rules):
            if skipped and position in skipped:
                continue
            if unknown and not unknown.isdisjoint(rule.filter.fields):
                # Architecture 4.9: matching for block, not matching for skip and log.
                if rule.action is Action.BLOCK:
                    return Outcome(rule, tuple(logged), unknown_input=True)
                continue
            if not rule.filter.matches(values):
                continue
            if rule.action is Action.BLOCK or rule.skips_rest:
                return Outcome(rule, tuple(logged))
            if rule.action is Action.LOG:
                logged.append(rule.ref)
            else:
                skipped |= rule.skipped_rules
        return Outcome(None, tuple(logged))
