# SPDX-License-Identifier: Apache-2.0
"""Which vectors of truths (lint_worlds) a condition can have, over all requests.

Conditions about different values are independent of each other, so the vectors of a combination
are those of its operands combined. Where several operands are about one value, the cells of that
value (lint_questions) are gone through one by one, as low in the tree as possible. What is found
may have vectors too many and never one too few: a vector that is not there is impossible.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Final

from authz.rules.ast import Combination, Logic, Not
from authz.rules.lint_questions import MAX_CASES, Questions
from authz.rules.lint_worlds import ALWAYS, NEVER, Vector, both, either, flipped, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from authz.rules.ast import Logical
    from authz.rules.lint_fault import Known
    from authz.rules.lint_questions import Beliefs, Case, Vectors

#: Steps spent on one expression; beyond, nothing is split any more.
MAX_STEPS: Final = 4000

_COMBINE: Final[Mapping[Logic, Callable[[Vector, Vector], Vector]]] = {
    Logic.AND: both,
    Logic.OR: either,
    Logic.XOR: one_of,
}
_NEUTRAL: Final = {Logic.AND: ALWAYS, Logic.OR: NEVER, Logic.XOR: NEVER}
_NO_CASE: Final[Mapping[int, Case]] = {}
_NOTHING: Final[frozenset[int]] = frozenset()


class Solver:
    """The vectors of one condition and of those in it.

    `exact` becomes False when the condition was too much to go through: conditions that depend on
    each other then count as independent.

    Args:
        beliefs: what is known of single conditions where the rule is, and not everywhere.
    """

    def __init__(self, root: Logical, beliefs: Beliefs = lambda _: None) -> None:
        self.root = root
        self.exact = True
        self._steps = 0
        self._known: dict[int, Vectors] = {}
        self._questions = Questions(root, beliefs)
        self._below: dict[int, frozenset[int]] = {}
        if self._questions.shared:
            self._mark(root)

    def vectors(self, node: Logical) -> Vectors:
        """The vectors that the root, or a condition in it taken by itself, can have."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = self._possible(node, _NO_CASE)
        return known

    def together(self, logic: Logic, operands: Iterable[Logical]) -> Vectors:
        """The vectors of some operands of a combination in the tree, without the others."""
        return self._combined(logic, tuple(operands), _NO_CASE)

    def known(self, leaf: Logical) -> Known | None:
        """What a condition in the tree that consists of no others says by itself."""
        return self._questions.known(leaf)

    def _mark(self, node: Logical) -> frozenset[int]:
        """Remember which subjects that stand several times each condition has in it."""
        if isinstance(node, Not):
            below = self._mark(node.operand)
        elif isinstance(node, Combination):
            below = _NOTHING.union(*map(self._mark, node.operands))
        else:
            below = self._questions.shared & {self._questions.subject(node)}
        self._below[id(node)] = below
        return below

    def _possible(self, node: Logical, case: Mapping[int, Case]) -> Vectors:
        self._steps += 1
        if isinstance(node, Not):
            return frozenset(map(flipped, self._in(node.operand, case)))
        if isinstance(node, Combination):
            return self._combined(node.logic, node.operands, case)
        return self._questions.vectors(node, case)

    def _in(self, node: Logical, case: Mapping[int, Case]) -> Vectors:
        """The vectors of a condition in a case, or by itself where the case says nothing of it."""
        if case and not self._below[id(node)].isdisjoint(case):
            return self._possible(node, case)
        return self.vectors(node)

    def _combined(
        self, logic: Logic, operands: tuple[Logical, ...], case: Mapping[int, Case]
    ) -> Vectors:
        found: Vectors = frozenset((_NEUTRAL[logic],))
        for group, subjects in self._groups(operands, case):
            part = (
                self._split(logic, group, subjects, case) if subjects else self._in(group[0], case)
            )
            found = _product(logic, found, part)
        return found

    def _split(
        self,
        logic: Logic,
        operands: list[Logical],
        subjects: frozenset[int],
        case: Mapping[int, Case],
    ) -> Vectors:
        """The vectors of operands that depend on each other, from cell to cell of some subjects."""
        vectors: set[Vector] = set()
        for choice in self._choices(subjects):
            self._steps += 1
            vectors |= self._folded(logic, operands, {**case, **choice})
            if self._steps > MAX_STEPS:
                # From here on nothing is split: these count as if they were independent.
                self.exact = False
                return self._folded(logic, operands, case)
        return frozenset(vectors)

    def _folded(
        self, logic: Logic, operands: Iterable[Logical], case: Mapping[int, Case]
    ) -> Vectors:
        found: Vectors = frozenset((_NEUTRAL[logic],))
        for operand in operands:
            found = _product(logic, found, self._in(operand, case))
        return found

    def _groups(
        self, operands: tuple[Logical, ...], case: Mapping[int, Case]
    ) -> list[tuple[list[Logical], frozenset[int]]]:
        """Operands that depend on each other, with the subjects through which they do."""
        spent = self._steps > MAX_STEPS
        if spent:
            self.exact = False
        if spent or not self._below:
            return [([operand], _NOTHING) for operand in operands]
        times = Counter(subject for operand in operands for subject in self._below[id(operand)])
        linked = {subject for subject, n in times.items() if n > 1 and subject not in case}
        groups: list[tuple[list[Logical], frozenset[int]]] = []
        for operand in operands:
            mine = self._below[id(operand)] & linked
            group = [operand]
            others = []
            for members, subjects in groups:
                if mine.isdisjoint(subjects):
                    others.append((members, subjects))
                else:
                    group = [*members, *group]
                    mine |= subjects
            groups = [*others, (group, mine)]
        return groups

    def _choices(self, subjects: frozenset[int]) -> Iterable[Mapping[int, Case]]:
        """Every combination of the cells of some subjects, as far as there are not too many."""
        split: dict[int, tuple[Case, ...]] = {}
        left: dict[int, Case] = {}
        count = 1
        asked = {subject: self._questions.cases(subject) for subject in sorted(subjects)}
        for subject, cases in sorted(asked.items(), key=lambda one: len(one[1])):
            if not cases or count * len(cases) > MAX_CASES:
                self.exact = False
                left[subject] = self._questions.independent(subject)
            else:
                count *= len(cases)
                split[subject] = cases
        return (
            {**left, **dict(zip(split, chosen, strict=True))} for chosen in product(*split.values())
        )


def _product(logic: Logic, some: Vectors, others: Vectors) -> Vectors:
    combine = _COMBINE[logic]
    return frozenset(combine(one, other) for one in some for other in others)
