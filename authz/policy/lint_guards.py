# SPDX-License-Identifier: Apache-2.0
"""Which other rules of a site keep out whom a rule lets in.

Cloudflare's page on mTLS checks for revoked certificates in a rule of its own or in the default
rule; with the former, the default rule is fine as it is. A `block` rule guards another rule when
whomever that lets in comes to it as well: it stands before, or behind without a `skip` between them
that lets the same client in; `default_action: block` is the last of all. Whether its condition
suffices is found out by authz.rules.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from authz.policy.lint_rule import left_out_by_name
from authz.policy.model import DefaultAction
from authz.rules import Role
from authz.rules.ast import Constant
from authz.rules.lint_cells import subject_of
from authz.rules.lint_tree import leaves, names
from authz.rules.lint_worlds import CLIENT_FIELDS, false_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from authz.policy.lint_rule import LintRule
    from authz.rules.ast import Logical
    from authz.rules.lint_client import Leak

#: So many guards of a rule are taken together.
MAX_GUARDS: Final = 6
_EVERYBODY: Final = Constant(value=True)


class Guards:
    """The guards of every rule of a site, found when a rule turns out to need them."""

    def __init__(
        self, rules: list[LintRule], default_action: DefaultAction = DefaultAction.ALLOW
    ) -> None:
        self._rules = rules
        self._default_action = default_action
        self._left_out = left_out_by_name(rules)
        self._of: dict[Leak, _Of] = {}

    def of(self, position: int) -> Callable[[Leak], Sequence[Logical]]:
        """The guards of the rule at a position of the ruleset."""
        return lambda leak: self._guards(position, leak)

    def _guards(self, position: int, leak: Leak) -> list[Logical]:
        known = self._of.get(leak)
        if known is None:
            known = self._of[leak] = _Of(self._rules, self._left_out, leak, self._default_action)
        rule = self._rules[position]
        # Whom a rule lets in for good comes to nothing that stands behind it.
        stop = position if rule.skips_rest else known.barrier_behind(position)

        def guards(other: int) -> bool:
            return other < stop and other != position

        whole = next(filter(guards, known.unconditional), None)
        if whole is not None:
            return [self._rules[whole].root if whole < len(self._rules) else _EVERYBODY]
        found = dict.fromkeys(filter(guards, known.like(rule)))
        return [self._rules[other].root for other in list(found)[:MAX_GUARDS]]


class _Of:
    """The rules that can guard against one kind of leak, and those that let past them."""

    def __init__(
        self,
        rules: list[LintRule],
        left_out: frozenset[str],
        leak: Leak,
        default_action: DefaultAction,
    ) -> None:
        self.unconditional: list[int] = []
        self._barriers: list[int] = []
        self._by_condition: dict[object, list[int]] = {}
        for position, rule in enumerate(rules):
            if rule.skips_rest:
                vectors = rule.solver.vectors(rule.root)
                if not all(false_in(vector, leak.worlds) for vector in vectors):
                    self._barriers.append(position)
            elif (
                rule.role is Role.BLOCK
                and rule.model.ref not in left_out
                and not rule.expression.fields.isdisjoint(leak.told_by)
            ):
                stops = set(map(leak.stops, rule.solver.vectors(rule.root)))
                if stops == {True}:
                    self.unconditional.append(position)
                elif True in stops:
                    for condition in _conditions(rule):
                        self._by_condition.setdefault(condition, []).append(position)
        end = len(rules)
        if default_action is DefaultAction.BLOCK:
            # Like a rule behind all others that blocks whoever comes to it.
            self.unconditional.append(end)
            end += 1
        self._barriers.append(end)

    def barrier_behind(self, position: int) -> int:
        """The first rule behind another one that may let in whom a guard should keep out."""
        return self._barriers[bisect_right(self._barriers, position)]

    def like(self, rule: LintRule) -> Iterator[int]:
        """Rules about the same things, those with the same conditions first."""
        for condition in _conditions(rule):
            yield from self._by_condition.get(condition, ())


def _conditions(rule: LintRule) -> Iterable[object]:
    """What a rule asks besides who the client is, and behind that what it asks it about."""
    asked = [leaf for leaf in leaves(rule.root) if CLIENT_FIELDS.isdisjoint(names(leaf))]
    return dict.fromkeys([*asked, *map(subject_of, asked)])
