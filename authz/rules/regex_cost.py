# SPDX-License-Identifier: Apache-2.0
"""What searching with a regular expression costs in the worst case.

The engine takes linear time on any input, but the factor depends on the pattern: it runs as a
deterministic automaton as long as that is small, and one thread per place in the pattern when it is
not. Measured on one core, `a[ab]{12}c` takes 4 µs for a kibibyte, `a[ab]{16}c` 450 and
`a[ab]{1000}c` 4,000. With Unicode on, a class is an automaton of its own, and word boundaries do
without the deterministic one as soon as the text is not ASCII: `(?u)\\b.*\\b` takes 160, and
`(?iu)\\w{100}!` 1,740. Whether a pattern is valid is not decided here.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Microseconds for a kibibyte while the automaton is small.
SMALL: Final = 3.0

# An automaton needs at most two to this power states, and keeps them: no more threads.
_MOST_CHOICES: Final = 12
_LARGE: Final = 400.0
_EACH_CHOICE: Final = 5.0
_UNICODE_SMALL: Final = 6.0
_UNICODE_MOST_CHOICES: Final = 6
_UNICODE_LARGE: Final = 300.0
_UNICODE_EACH_CHOICE: Final = 15.0

_UNICODE: Final = re.compile(r"\(\?[A-Za-z]*u")
_WORD_BOUNDARY: Final = re.compile(r"\\[bB<>]")

_GROUP: Final = re.compile(r"\((?:\?(?:P?<[^>]*>|[A-Za-z-]*[:)]?))?")
_REPETITION: Final = re.compile(r"\*\??|\+\??|\?\??|\{[0-9 ,]*\}\??")
_ESCAPE: Final = re.compile(
    r"\\(?:[xuU]\{[^}]*\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}"
    r"|[pP]\{[^}]*\}|[pP].|b\{(?:start|end|start-half|end-half)\}|.)",
    re.DOTALL,
)
_NAMED_CLASS: Final = re.compile(r"\[:\^?[a-z]+:\]")
_COUNTS: Final = re.compile(r"\{ *([0-9]+) *(,?) *([0-9]*) *\}")
# Escapes that stand for more than one byte.
_WIDE: Final = frozenset("dDwWsSpP")


class Item(Enum):
    """What a place of a pattern is."""

    #: A character, an escape that stands for one, an assertion.
    LITERAL = auto()
    #: A class, a dot, an alternation, or an escape that stands for several characters.
    CHOICE = auto()
    #: Something that is repeated and is nothing by itself so far.
    REPEATED = auto()


def microseconds_per_kibibyte(pattern: str) -> float:
    """An upper bound for one search through a kibibyte of any text."""
    count = choices(pattern)
    if _UNICODE.search(pattern):
        if count <= _UNICODE_MOST_CHOICES and not _WORD_BOUNDARY.search(pattern):
            return _UNICODE_SMALL
        return _UNICODE_LARGE + _UNICODE_EACH_CHOICE * count
    return SMALL if count <= _MOST_CHOICES else _LARGE + _EACH_CHOICE * count


def choices(pattern: str) -> int:
    """How many places of the pattern, repetitions written out, leave the engine a choice.

    A place is a class, a dot, an alternation or anything repeated. Literals leave none.
    """
    return written_out(pattern, lambda item, _: 0 if item is Item.LITERAL else 1)


def written_out(pattern: str, weigh: Callable[[Item, str], int]) -> int:
    """The weight of all places of a pattern, repetitions written out.

    Args:
        weigh: of one place: what it is and its text.
    """
    # Of each open group: the weight so far, and that of the item that a repetition would apply to.
    totals, items = [0], [0]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        repetition = _REPETITION.match(pattern, at)
        if repetition:
            before = items[-1]
            each = before or weigh(Item.REPEATED, "")
            more = each * _times(repetition.group()) - before
            totals[-1] += more
            items[-1] = before + more
            at = repetition.end()
            continue
        kind, stop = Item.LITERAL, at + 1
        item: int | None = None
        if char == "(":
            opening = _GROUP.match(pattern, at)
            assert opening is not None  # It begins with "(".
            item, stop = 0, opening.end()
            if not opening.group().endswith(")"):
                totals.append(0)
                items.append(0)
                at = stop
                continue
        elif char == ")" and len(totals) > 1:
            item = totals.pop()
            items.pop()
        elif char in "|.":
            kind = Item.CHOICE
        elif char == "[":
            kind, stop = Item.CHOICE, _class_end(pattern, at)
        elif char == "\\":
            escape = _ESCAPE.match(pattern, at)
            stop = escape.end() if escape else at + 2
            if pattern[at + 1 : at + 2] in _WIDE:
                kind = Item.CHOICE
        item = weigh(kind, pattern[at:stop]) if item is None else item
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


def _class_end(pattern: str, at: int) -> int:
    """The end of a character class, with its nested classes."""
    depth, first = 0, False
    while at < len(pattern):
        char = pattern[at]
        named = _NAMED_CLASS.match(pattern, at) if depth else None
        if named:
            at, first = named.end(), False
            continue
        if char == "\\":
            at, first = at + 2, False
            continue
        if char == "[":
            depth += 1
            # A ] right behind the opening is a literal.
            first = True
            at += 2 if pattern.startswith("[^", at) else 1
            continue
        if char == "]" and not first:
            depth -= 1
            if depth == 0:
                return at + 1
        first = False
        at += 1
    return len(pattern)
