# SPDX-License-Identifier: Apache-2.0
"""Which rules, and which conditions in them, the cases have seen both true and false.

`watch` gives a snapshot that decides exactly as the original and notes what every rule said that
evaluation came to. The conditions in a rule are evaluated one by one by the reference evaluator, so
one that a short circuit would have passed over counts as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from authz.cli.explanation import parts_of
from authz.policy.hosts import HostTable
from authz.policy.ruleset import Ruleset
from authz.rules.ast import Constant
from authz.rules.evaluator import evaluate_node
from authz.rules.formatter import format_logical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from authz.policy.model import PolicyModel
    from authz.policy.ruleset import CompiledRule, Outcome
    from authz.policy.snapshot import Site, Snapshot
    from authz.rules import Value
    from authz.rules.ast import Logical


@dataclass(slots=True)
class Condition:
    """One condition and what it was seen to be."""

    node: Logical
    seen: set[bool] = field(default_factory=set)

    @property
    def text(self) -> str:
        """The condition in canonical form."""
        return format_logical(self.node)

    @property
    def missing(self) -> tuple[bool, ...]:
        """What it was never seen to be; true before false."""
        possible = (self.node.value,) if isinstance(self.node, Constant) else (True, False)
        return tuple(value for value in possible if value not in self.seen)


@dataclass(slots=True)
class RuleCoverage:
    """One enabled rule: `whole` is its expression, `parts` are the conditions in it, each once."""

    site: str
    ref: str
    where: str
    whole: Condition
    parts: tuple[Condition, ...]
    evaluated: int = 0

    def note(self, values: Mapping[str, Value], verdict: bool) -> None:
        """Remember one evaluation."""
        self.evaluated += 1
        self.whole.seen.add(verdict)
        for part in self.parts:
            answer = evaluate_node(part.node, values)
            part.seen.update(answer if isinstance(answer, list) else (answer,))

    def note_unknown(self) -> None:
        """Remember that it decided because an input was unknown: no condition was evaluated."""
        self.evaluated += 1
        self.whole.seen.add(True)

    def gaps(self) -> Iterator[str]:
        """What was never seen, in words."""
        if not self.evaluated:
            yield "never reached"
            return
        for value in self.whole.missing:
            yield "never matched" if value else "always matched"
        for part in self.parts:
            for value in part.missing:
                yield f"never {str(value).lower()}: {part.text}"


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rules or conditions there are, and how many were seen true and false."""

    number: int
    true: int
    false: int

    @classmethod
    def of(cls, conditions: list[Condition]) -> Totals:
        """Count; what cannot be counts as seen."""
        return cls(
            number=len(conditions),
            true=sum(True not in one.missing for one in conditions),
            false=sum(False not in one.missing for one in conditions),
        )

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.true == self.false == self.number

    def as_json(self) -> dict[str, int]:
        """JSON-able values."""
        return {"number": self.number, "seen_true": self.true, "seen_false": self.false}


class _WatchedRuleset(Ruleset):
    """Rules whose conditions note what they said, by the entry of each.

    Without an index: it would leave out what is false, and that is what is watched.
    """

    __slots__ = ("_entries",)

    def __init__(
        self, rules: Sequence[tuple[CompiledRule, RuleCoverage]], fields: frozenset[str]
    ) -> None:
        super().__init__(tuple(rule for rule, _ in rules), fields)
        self._entries = {rule.ref: entry for rule, entry in rules}

    def run(self, values: Mapping[str, Value], unknown: frozenset[str]) -> Outcome:
        """Evaluate in order."""
        outcome = super().run(values, unknown)
        if outcome.unknown_input and outcome.rule is not None:
            self._entries[outcome.rule.ref].note_unknown()
        return outcome


class Coverage:
    """What all cases have seen of the rules of all policies."""

    def __init__(self) -> None:
        self.rules: list[RuleCoverage] = []

    def watch(self, model: PolicyModel, snapshot: Snapshot) -> Snapshot:
        """A snapshot that decides as `snapshot` and is watched."""
        hosts: HostTable[Site] = HostTable()
        sites = []
        for site_model, site in zip(model.sites, snapshot.sites, strict=True):
            places = {rule.ref: rule.where for rule in site_model.rules}
            rules = [self._watched(rule, site, places) for rule in site.ruleset.rules]
            watched = replace(site, ruleset=_WatchedRuleset(rules, site.ruleset.fields))
            for host in site_model.hosts:
                hosts.add(host, watched, where=site_model.where)
            sites.append(watched)
        return replace(snapshot, hosts=hosts, sites=tuple(sites))

    @property
    def rule_totals(self) -> Totals:
        """Of the rules."""
        return Totals.of([rule.whole for rule in self.rules])

    @property
    def condition_totals(self) -> Totals:
        """Of the conditions in them."""
        return Totals.of([part for rule in self.rules for part in rule.parts])

    @property
    def complete(self) -> bool:
        """Whether every rule and condition was seen both ways."""
        return self.rule_totals.complete and self.condition_totals.complete

    def as_json(self) -> dict[str, Any]:
        """JSON-able values."""
        return {
            "rules": self.rule_totals.as_json(),
            "conditions": self.condition_totals.as_json(),
            "gaps": [
                {"where": rule.where, "site": rule.site, "rule": rule.ref, "gap": gap}
                for rule in self.rules
                for gap in rule.gaps()
            ],
        }

    def _watched(
        self, rule: CompiledRule, site: Site, places: Mapping[str, str]
    ) -> tuple[CompiledRule, RuleCoverage]:
        root = rule.filter.expression.root
        entry = RuleCoverage(
            site=site.name,
            ref=rule.ref,
            where=places[rule.ref],
            whole=Condition(root),
            parts=tuple(map(Condition, _each_once(_inner(root)))),
        )
        self.rules.append(entry)
        original = rule.filter.matches

        def matches(values: Mapping[str, Value]) -> bool:
            verdict = original(values)
            entry.note(values, verdict)
            return verdict

        return replace(rule, filter=replace(rule.filter, matches=matches)), entry


def _each_once(nodes: Iterable[Logical]) -> Iterable[Logical]:
    """One of those with the same text: they say the same wherever they stand."""
    found: dict[str, Logical] = {}
    for node in nodes:
        found.setdefault(format_logical(node), node)
    return found.values()


def _inner(node: Logical) -> Iterator[Logical]:
    for part in parts_of(node):
        yield part
        yield from _inner(part)
