# SPDX-License-Identifier: Apache-2.0
"""What searching with a regular expression costs in the worst case.

The engine takes linear time on any input, but the factor depends on the pattern: it runs as a
deterministic automaton as long as that is small, and one thread per place in the pattern when it is
not. Measured on one core, `a[ab]{12}c` takes 4 µs for a kibibyte, `a[ab]{16}c` 450 and
`a[ab]{1000}c` 4,000. Whether a pattern is valid is not decided here.
"""

from __future__ import annotations

import re
from typing import Final

from authz.rules.regex_rewrite import ESCAPE, REPETITION, class_end

#: Microseconds for a kibibyte while the automaton is small.
SMALL: Final = 3.0

# An automaton needs at most two to this power states, and keeps them: no more threads.
_MOST_CHOICES: Final = 12
_LARGE: Final = 400.0
_EACH_CHOICE: Final = 5.0

_GROUP: Final = re.compile(r"\((?:\?(?:P?<[^>]*>|[A-Za-z-]*[:)]?))?")
_COUNTS: Final = re.compile(r"\{ *([0-9]+) *(,?) *([0-9]*) *\}")
# Escapes that stand for more than one byte.
_WIDE: Final = frozenset("dDwWsSpP")


def microseconds_per_kibibyte(pattern: str) -> float:
    """An upper bound for one search through a kibibyte of any text."""
    count = choices(pattern)
    return SMALL if count <= _MOST_CHOICES else _LARGE + _EACH_CHOICE * count


def choices(pattern: str) -> int:
    """How many places of the pattern, repetitions written out, leave the engine a choice.

    A place is a class, a dot, an alternation or anything repeated. Literals leave none.
    """
    # Of each open group: choices so far, and those of the item that a repetition would apply to.
    totals, items = [0], [0]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        repetition = REPETITION.match(pattern, at)
        if repetition:
            item = items[-1]
            more = max(item, 1) * _times(repetition.group()) - item
            totals[-1] += more
            items[-1] = item + more
            at = repetition.end()
            continue
        item, stop = 0, at + 1
        if char == "(":
            opening = _GROUP.match(pattern, at)
            assert opening is not None  # It begins with "(".
            stop = opening.end()
            if not opening.group().endswith(")"):
                totals.append(0)
                items.append(0)
                at = stop
                continue
        elif char == ")" and len(totals) > 1:
            item = totals.pop()
            items.pop()
        elif char in "|.":
            item = 1
        elif char == "[":
            item, stop = 1, class_end(pattern, at)
        elif char == "\\":
            escape = ESCAPE.match(pattern, at)
            stop = escape.end() if escape else at + 2
            item = 1 if pattern[at + 1 : at + 2] in _WIDE else 0
        totals[-1] += item
        items[-1] = item
        at = stop
    return sum(totals)


def _times(repetition: str) -> int:
    counts = _COUNTS.match(repetition)
    if counts is None:
        return 1
    least, comma, most = counts.groups()
    return int(most) if comma and most else int(least) + bool(comma)
