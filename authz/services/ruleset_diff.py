# SPDX-License-Identifier: Apache-2.0
"""What is different between two versions of a ruleset's rules: rule by rule, part by part.

A rule is the same rule while its `id` is. The parts of a rule (`Part`) are what people change by
themselves: an action and its parameters are one, because parameters are those of their action.
Words within a part are compared by `word_diff`.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from authz.services.word_diff import Comparing
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.services.word_diff import Words

#: No names: rules that are skipped are told by their identifiers.
_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


class Part(StrEnum):
    """A part of a rule that is compared, and changed, by itself."""

    DESCRIPTION = "description"
    REF = "ref"
    EXPRESSION = "expression"
    ACTION = "action"
    ENABLED = "enabled"


class Change(StrEnum):
    """What became of a rule."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartChange:
    """A part that is different: as texts, and word by word."""

    part: Part
    before: str
    after: str
    words: tuple[Words, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """A rule in two versions.

    Args:
        change: what became of it; a rule that was changed and moved is CHANGED.
        rule: as it is, or as it was when it is not there any more.
        place_before, place_after: from 1; None where it is not there.
        moved: whether somebody moved it; others go up and down with that.
        parts: those that are different; of a rule that was added or removed, none.
    """

    change: Change
    rule: Mapping[str, Any]
    place_before: int | None
    place_after: int | None
    moved: bool = False
    parts: tuple[PartChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesetDiff:
    """Every rule that is different, in the order of the later version, removed ones where they
    were. `same` counts the others; `names` are those of all rules by identifier."""

    changes: tuple[RuleChange, ...]
    same: int
    names: Mapping[str, str]

    def count(self, change: Change) -> int:
        """How many rules there are of a kind."""
        return sum(one.change == change for one in self.changes)


def compare_rules(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> RulesetDiff:
    """What is different."""
    old = {str(rule["id"]): (place, rule) for place, rule in enumerate(before, 1)}
    new = {str(rule["id"]): (place, rule) for place, rule in enumerate(after, 1)}
    moved = _moved([one for one in old if one in new], [one for one in new if one in old])
    names = {str(rule["id"]): ref_of(rule) for rule in (*before, *after)}
    found: list[tuple[float, RuleChange]] = []
    comparing = Comparing()
    for rule_id, (place, rule) in new.items():
        place_before, was = old.get(rule_id, (None, None))
        parts = () if was is None else compare_parts(was, rule, names, comparing)
        if was is None or parts or rule_id in moved:
            change = Change.ADDED if was is None else Change.CHANGED if parts else Change.MOVED
            found.append(
                (
                    place,
                    RuleChange(
                        change=change,
                        rule=rule,
                        place_before=place_before,
                        place_after=place,
                        moved=rule_id in moved,
                        parts=parts,
                    ),
                )
            )
    same = len(new) - len(found)
    found += [
        (
            place - 0.5,
            RuleChange(change=Change.REMOVED, rule=rule, place_before=place, place_after=None),
        )
        for rule_id, (place, rule) in old.items()
        if rule_id not in new
    ]
    found.sort(key=lambda one: one[0])
    return RulesetDiff(changes=tuple(one for _, one in found), same=same, names=names)


def compare_parts(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    names: Mapping[str, str] = _NO_NAMES,
    comparing: Comparing | None = None,
) -> tuple[PartChange, ...]:
    """The parts in which two forms of a rule differ.

    Args:
        names: of rules that are skipped, by identifier.
        comparing: compares their words, and those of other rules.
    """
    found = []
    comparing = comparing or Comparing()
    for part in Part:
        old, new = text_of(before, part, names), text_of(after, part, names)
        if old != new:
            words = comparing.words(old, new)
            found.append(PartChange(part=part, before=old, after=new, words=words))
    return tuple(found)


def text_of(rule: Mapping[str, Any], part: Part, names: Mapping[str, str] = _NO_NAMES) -> str:
    """A part as people read it; the same text is the same part."""
    if part is Part.ENABLED:
        return "disabled" if rule.get("enabled") is False else "enabled"
    if part is Part.REF and rule.get("ref") == rule.get("id"):
        return ""
    if part is not Part.ACTION:
        return str(rule.get(part) or "")
    lines = [str(rule.get("action") or "")]
    parameters = rule.get("action_parameters")
    for key, value in parameters.items() if isinstance(parameters, dict) else ():
        lines += _lines(key, value, names)
    logging = rule.get("logging")
    if isinstance(logging, dict) and logging.get("enabled") is False:
        lines.append("without logging what is skipped")
    return "\n".join(lines)


def _lines(key: str, value: Any, names: Mapping[str, str]) -> list[str]:
    if key == "rules" and isinstance(value, dict):
        skipped = [one for some in value.values() if isinstance(some, list) for one in some]
        return ["rules: " + ", ".join(names.get(str(one), str(one)) for one in skipped)]
    if isinstance(value, dict):
        return [f"{key}.{name}: {_plain(one)}" for name, one in value.items()]
    if isinstance(value, list):
        return [f"{key}: {', '.join(map(_plain, value))}"]
    return [f"{key}: {_plain(value)}"]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _moved(before: Sequence[str], after: Sequence[str]) -> frozenset[str]:
    """Those that somebody moved: the others stand in the same order as before.

    The longest run that is in order in both stays, so that one rule that went to the front is one
    move and not that of all others.
    """
    places = {one: place for place, one in enumerate(before)}
    stays = _longest_rising([places[one] for one in after])
    return frozenset(one for one in after if places[one] not in stays)


def _longest_rising(numbers: Sequence[int]) -> frozenset[int]:
    """One of the longest subsequences of different numbers that rise (patience sorting)."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for one in numbers:
        place = bisect_left(tails, one)
        before[one] = tails[place - 1] if place else None
        tails[place : place + 1] = [one]
    found: set[int] = set()
    last = tails[-1] if tails else None
    while last is not None:
        found.add(last)
        last = before[last]
    return frozenset(found)
