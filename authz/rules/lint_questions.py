# SPDX-License-Identifier: Apache-2.0
"""The conditions in an expression that consist of no others, and what they are about.

Conditions are numbered, equal ones once, and so are the values they ask for. What a condition can
be by itself, and what all conditions on one value can be together, are vectors (lint_worlds); both
are found when they are first asked for.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.rules.ast import Access, FieldRef
from authz.rules.lint_cells import key_of, rows_of, subject_of
from authz.rules.lint_domain import ABSENT_FAILURE, FAILURE
from authz.rules.lint_literals import leaf_truth
from authz.rules.lint_tree import leaves
from authz.rules.lint_worlds import (
    ALWAYS,
    FREE,
    NEVER,
    Vector,
    flag_vector,
    mixed_vectors,
    pins_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authz.rules.ast import Logical
    from authz.rules.lint_fault import Known
    from authz.rules.lint_worlds import Pins

Vectors: TypeAlias = "frozenset[Vector]"
#: What else is known of a condition, where its rule is.
Beliefs: TypeAlias = "Callable[[Logical], Known | None]"
#: What each condition on a value, by its number, can be in one cell of it.
Case: TypeAlias = "Mapping[int, Vectors]"

#: Cases gone through at one place; with more, what asks for them counts as independent.
MAX_CASES: Final = 256

# Where the failure is free, a certificate was presented and is not verified.
_NOT_FREE: Final = frozenset({b"", ABSENT_FAILURE})


class Questions:
    """What a condition asks. `shared` are the subjects that more than one of its parts is about.

    Args:
        beliefs: what holds besides what is known of every value.
    """

    def __init__(self, root: Logical, beliefs: Beliefs = lambda _: None) -> None:
        self._beliefs = beliefs
        self._numbers: dict[int, int] = {}
        self._leaves: list[Logical] = []
        self._times: list[int] = []
        self._subject: list[int] = []
        self._subjects: list[Access | Logical] = []
        self._asking: list[list[int]] = []
        self._alone: dict[int, Vectors] = {}
        self._known: dict[int, Known | None] = {}
        self._cases: dict[int, tuple[Case, ...]] = {}
        by_value: dict[Logical, int] = {}
        by_access: dict[object, int] = {}
        for leaf in leaves(root):
            number = self._numbers[id(leaf)] = by_value.setdefault(leaf, len(self._leaves))
            if number == len(self._leaves):
                self._add(leaf, by_access)
            self._times[number] += 1
        times = [sum(self._times[number] for number in asking) for asking in self._asking]
        self.shared = frozenset(
            subject
            for subject, count in enumerate(times)
            # A fact about the client has one vector: there is nothing to go through.
            if count > 1 and flag_vector(self._leaves[self._asking[subject][0]]) is None
        )

    def _add(self, leaf: Logical, by_access: dict[object, int]) -> None:
        value = subject_of(leaf)
        subject = len(self._subjects)
        if isinstance(value, Access):
            subject = by_access.setdefault(key_of(value), subject)
        if subject == len(self._subjects):
            self._subjects.append(value)
            self._asking.append([])
        self._asking[subject].append(len(self._leaves))
        self._leaves.append(leaf)
        self._times.append(0)
        self._subject.append(subject)

    def subject(self, leaf: Logical) -> int:
        """What a condition is about."""
        return self._subject[self._numbers[id(leaf)]]

    def known(self, leaf: Logical) -> Known | None:
        """What a condition says by itself."""
        return self._known_of(self._numbers[id(leaf)])

    def vectors(self, leaf: Logical, case: Mapping[int, Case]) -> Vectors:
        """What a condition can be where the subjects are in some of their cells."""
        number = self._numbers[id(leaf)]
        fixed = case.get(self._subject[number])
        return self._by_itself(number) if fixed is None else fixed[number]

    def independent(self, subject: int) -> Case:
        """Every condition on a subject as if there were no others."""
        return {number: self._by_itself(number) for number in self._asking[subject]}

    def cases(self, subject: int) -> tuple[Case, ...]:
        """What the conditions on a subject are in each of its cells; none when they are many."""
        if subject not in self._cases:
            self._cases[subject] = tuple(self._new_cases(subject))
        return self._cases[subject]

    def _known_of(self, number: int) -> Known | None:
        if number not in self._known:
            leaf = self._leaves[number]
            self._known[number] = leaf_truth(leaf) or self._beliefs(leaf)
        return self._known[number]

    def _by_itself(self, number: int) -> Vectors:
        if number not in self._alone:
            self._alone[number] = self._new_vectors(number)
        return self._alone[number]

    def _new_vectors(self, number: int) -> Vectors:
        leaf = self._leaves[number]
        known = self._known_of(number)
        if known is not None:
            return frozenset((ALWAYS if known.value else NEVER,))
        flag = flag_vector(leaf)
        if flag is not None:
            return frozenset((flag,))
        pins = pins_of(leaf)
        if pins is None:
            return mixed_vectors(leaf)
        if pins.free == ALWAYS:
            return FREE
        subject = self._subjects[self._subject[number]]
        rows = rows_of(subject, (leaf,), _excluded(subject)) or [(None,)]
        truths = {truth for (one,) in rows for truth in ((True, False) if one is None else (one,))}
        return frozenset(map(pins.vector, truths))

    def _new_cases(self, subject: int) -> list[Case]:
        asking = self._asking[subject]
        asked = [self._leaves[number] for number in asking]
        pins = [pins_of(leaf) for leaf in asked]
        if any(pin is None for pin in pins):
            # They take several facts about the client: each has all its vectors, one by one.
            return _all_cases(asking, [_one_by_one(self._by_itself(number)) for number in asking])
        value = self._subjects[subject]
        cases: list[Case] = []
        for row in rows_of(value, asked, _excluded(value)) or ():
            triples = zip(asking, row, pins, strict=True)
            more = _all_cases(asking, [self._options(*triple) for triple in triples])
            if not more or len(cases) + len(more) > MAX_CASES:
                return []
            cases += more
        return cases

    def _options(self, number: int, truth: bool | None, pins: Pins | None) -> list[Vectors]:
        """What a condition can be in one cell: several where it stands twice and is undecided."""
        found = self._by_itself(number)
        if len(found) > 1 and pins is not None:
            truths = (True, False) if truth is None else (truth,)
            found = frozenset(map(pins.vector, truths))
        return _one_by_one(found) if self._times[number] > 1 else [found]


def _one_by_one(vectors: Vectors) -> list[Vectors]:
    return [frozenset((vector,)) for vector in sorted(vectors)]


def _all_cases(asking: Sequence[int], options: Sequence[list[Vectors]]) -> list[Case]:
    """Every combination of what some conditions can be, or none if there are too many."""
    if prod(map(len, options)) > MAX_CASES:
        return []
    return [dict(zip(asking, chosen, strict=True)) for chosen in product(*options)]


def _excluded(subject: Access | Logical) -> frozenset[bytes]:
    """The texts that a value does not have in the worlds where it is free."""
    is_failure = (
        isinstance(subject, Access)
        and isinstance(subject.base, FieldRef)
        and subject.base.field.name == FAILURE
    )
    return _NOT_FREE if is_failure else frozenset()
