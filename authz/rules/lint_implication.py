# SPDX-License-Identifier: Apache-2.0
"""Whether one condition can be seen to imply another.

Works on forms (lint_normal) and by their structure: a conjunction implies what one of its parts
implies, a set implies a larger one, a text that is known implies every pattern that it matches. It
takes time that is polynomial in the two conditions, and gives up rather than guess: False is "not
seen to". `keys_of` and `wanted_keys` keep 1,000 rules from being compared with each other one by
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from authz.rules.ast import Access
from authz.rules.lint_calls import prefix_test
from authz.rules.lint_cells import key_of, rows_of, subject_of
from authz.rules.lint_normal import Every, NumberIn, Other, Some, TextIn
from authz.rules.lint_ranges import common_ranges, is_within
from authz.rules.lint_texts import text_test
from authz.rules.lint_worlds import CERTAIN, flag_vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.lint_normal import Form

#: A hint at what a condition is about; see `keys_of`.
Key: TypeAlias = "tuple[object, ...]"

#: Comparisons of two parts; beyond, one condition is not seen to imply the other.
MAX_STEPS: Final = 2000
_ANYTHING: Final[Key] = ("anything",)


def implies(one: Form, other: Form) -> bool:
    """Whether a condition is true of every request that another is true of, as far as is seen."""
    return _Search().implies(one, other)


def keys_of(form: Form) -> Iterator[Key]:
    """What a condition is found under by conditions that imply it."""
    for part in form.in_order if isinstance(form, Some) else (form,):
        parts = part.in_order if isinstance(part, Every) else (part,)
        keys = [_keys_of_part(one) for one in parts]
        # One part has to be implied like every other: the one that is found most rarely will do.
        yield from min(keys, key=_commonness, default=[_ANYTHING])


def wanted_keys(form: Form) -> Iterator[Key]:
    """Under which keys the conditions are found that a condition may imply."""
    yield _ANYTHING
    yield from _wanted(form)


def _wanted(form: Form) -> Iterator[Key]:
    if isinstance(form, Every):
        for part in form.in_order:
            yield from _wanted(part)
    elif isinstance(form, Some):
        # Every alternative has to imply it; so does the first one.
        for part in form.in_order[:1]:
            yield from _wanted(part)
    elif isinstance(form, TextIn | NumberIn):
        yield ("about", key_of(form.subject))
        if isinstance(form, TextIn) and form.inside:
            # All its texts have to be there; so does one of them.
            yield from (("text", key_of(form.subject), text) for text in sorted(form.texts)[:1])
    elif isinstance(form, Other):
        yield ("condition", form)
        yield ("about", key_of(subject_of(form.leaf)))


def _keys_of_part(part: Form) -> list[Key]:
    if isinstance(part, TextIn) and part.inside:
        return [("text", key_of(part.subject), text) for text in part.texts]
    if isinstance(part, TextIn | NumberIn):
        return [("about", key_of(part.subject))]
    if isinstance(part, Other) and isinstance(subject_of(part.leaf), Access):
        return [("about", key_of(subject_of(part.leaf)))]
    if isinstance(part, Other) and flag_vector(part.leaf) is None:
        return [("condition", part)]
    return [_ANYTHING]


def _commonness(keys: list[Key]) -> int:
    return ("text", "condition", "about", "anything").index(str(keys[0][0])) if keys else 0


class _Search:
    """One question; what has been answered once is not asked again."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bool] = {}

    def implies(self, one: Form, other: Form) -> bool:
        known = self._known.get((id(one), id(other)))
        if known is None:
            if len(self._known) > MAX_STEPS:
                return False
            known = one == other or self._implies(one, other)
            self._known[id(one), id(other)] = known
        return known

    def _implies(self, one: Form, other: Form) -> bool:
        if isinstance(other, Every):
            return all(self.implies(one, part) for part in other.in_order)
        if isinstance(one, Some):
            return all(self.implies(part, other) for part in one.in_order)
        if isinstance(other, Some) and any(self.implies(one, part) for part in other.in_order):
            return True
        if isinstance(one, Every):
            return any(self.implies(part, other) for part in one.in_order)
        return _part_implies(one, other)


def _part_implies(one: Form, other: Form) -> bool:
    if isinstance(one, TextIn) and isinstance(other, TextIn):
        return one.subject == other.subject and _texts_imply(one, other)
    if isinstance(one, NumberIn) and isinstance(other, NumberIn):
        return one.subject == other.subject and _numbers_imply(one, other)
    if isinstance(one, TextIn) and isinstance(other, Other):
        if not one.inside or subject_of(other.leaf) != one.subject or one.subject.hex:
            return False
        test = text_test(other.leaf)
        return all(test(text) is other.holds for text in one.texts)
    if isinstance(one, Other) and isinstance(other, Other):
        return _others_imply(one, other)
    return False


def _texts_imply(one: TextIn, other: TextIn) -> bool:
    if one.inside:
        return one.texts <= other.texts if other.inside else one.texts.isdisjoint(other.texts)
    return not other.inside and other.texts <= one.texts


def _numbers_imply(one: NumberIn, other: NumberIn) -> bool:
    if one.inside:
        if other.inside:
            return is_within(one.ranges, other.ranges)
        return not common_ranges(one.ranges, other.ranges)
    return not other.inside and is_within(other.ranges, one.ranges)


def _others_imply(one: Other, other: Other) -> bool:
    if one.leaf == other.leaf:
        return one.holds is other.holds
    mine, more = flag_vector(one.leaf), flag_vector(other.leaf)
    if mine is not None and more is not None:
        # Facts about the client: revoked is verified is presented.
        true = mine & CERTAIN if one.holds else CERTAIN & ~mine
        wanted = more & CERTAIN if other.holds else CERTAIN & ~more
        return true & ~wanted == 0
    start, wanted_start = prefix_test(one.leaf), prefix_test(other.leaf)
    if start and wanted_start and start[1] and wanted_start[1] and one.holds and other.holds:
        # The commonest case, and the quickest to see.
        return start[0] == wanted_start[0] and start[2].startswith(wanted_start[2])
    subject = subject_of(one.leaf)
    if not isinstance(subject, Access) or subject != subject_of(other.leaf):
        return False
    rows = rows_of(subject, (one.leaf, other.leaf))
    return rows is not None and not any(
        _may_be(row[0], one.holds) and _may_be(row[1], not other.holds) for row in rows
    )


def _may_be(truth: bool | None, wanted: bool) -> bool:
    return truth is None or truth is wanted
