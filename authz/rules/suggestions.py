# SPDX-License-Identifier: Apache-2.0
"""Hints for slips between conditions: where one should begin, and what is left over behind one.

Hints are looked for only after something was found to be wrong, and never change what is accepted.
Each function looks at one situation and gives a sentence or None. What stands in the place of an
operator is in operator_suggestions.py, of a literal in literal_suggestions.py, of a name in
name_suggestions.py, of a function in call_suggestions.py.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from authz.rules.repeat_suggestions import REPEAT_FIELD
from authz.rules.suggestion_text import KEYWORDS, LONGEST_NAME, NO_TAB, QUOTES, member
from authz.rules.types import Int

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD: Final = re.compile(r"[A-Za-z_]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RANGE: Final = re.compile(r"[0-9]+\.\.[0-9]+")
#: For a comparison without a field on its left.
FIELD_FIRST: Final = "the field comes first: write field == value"
_BOOL_ALONE: Final = "a Bool value stands alone: write it as it is, or not before it"
_JOINED: Final = "conditions are joined with && and ||, or and and or"
_CHAINED: Final = "comparisons cannot be chained: join them with and"
_COMMENT: Final = "there are no comments in expressions"
_COMPARISONS: Final = ("==", "!=", ">=", "<=", ">", "<", "eq ", "ne ", "ge ", "le ", "gt ", "lt ")


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The known name that is closest to a misspelt one."""
    name = name.lower()
    if len(name) > LONGEST_NAME:
        return None
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f'did you mean "{close[0]}"?' if close else None


def word_at(source: str, at: int, end: int) -> str:
    """The word that stands here, "" if there is none."""
    match = _WORD.match(source, at, min(end, at + LONGEST_NAME))
    return match.group() if match else ""


def in_lower_case(word: str) -> str | None:
    """For a keyword in capitals."""
    lower = word.lower()
    return f'keywords are written in lower case: "{lower}"' if word != lower in KEYWORDS else None


def hint_for_trailing(source: str, at: int, end: int, *, after_bool: bool) -> str | None:
    """For something left over behind a complete condition."""
    if source.startswith("\t", at, end):
        return NO_TAB
    word = word_at(source, at, end)
    if hint := in_lower_case(word):
        return hint
    if source.startswith(("==", "!=", "eq ", "ne ", "in ", "="), at, end):
        return _BOOL_ALONE if after_bool else _CHAINED
    if after_bool and word.lower() == "is":
        return _BOOL_ALONE
    if source.startswith(",", at, end):
        return 'several values are a set, without commas: x in {"/a" "/b"}'
    if source.startswith(_COMPARISONS, at, end):
        return _CHAINED
    if source.startswith("#", at, end) and source[at - 1] in '"#':
        return "a raw string ends with as many hashes as it began with"
    return _hint_for_sign(source, at, end) or _hint_behind_number(source, at, end)


def _hint_for_sign(source: str, at: int, end: int) -> str | None:
    if source.startswith(("#", "//", "/*", "--"), at, end):
        return _COMMENT
    if source.startswith(")", at, end):
        return "this ) has no ( before it"
    if source.startswith(("&", "|"), at, end):
        return _JOINED
    if source.startswith(";", at, end):
        return "an expression has no semicolon"
    if source.startswith("%", at, end):
        return "addresses have no zone here"
    if source.startswith("?", at, end):
        return "there is no choice with ? and :; join conditions with and, or and not"
    return None


def _hint_behind_number(source: str, at: int, end: int) -> str:
    if source[at - 1] == '"' and source[at : at + 1].isalnum():
        return r"a quote within a text is written \""
    # The number before is the beginning of what was meant.
    start = at
    while start > 0 and source[start - 1].isdigit() and at - start < LONGEST_NAME:
        start -= 1
    if match := _RANGE.match(source, start, end):
        return f"a range stands in a set: in {{{member(match[0], Int) or '…'}}}"
    if _DATE.match(source, start, end):
        return "a time is a number of seconds since 1970-01-01"
    if start < at and re.match(r"[._][0-9]", source[at:end]):
        return "a number is a run of digits, without fraction and without _"
    if start < at and source[at : at + 1].isalnum():
        return "numbers are decimal, 0x and hexadecimal digits, or 0 and octal digits"
    return "join conditions with and, or, xor"


def hint_for_operand(source: str, at: int, end: int, *, after_logic: bool) -> str | None:
    """For a place where a condition should begin."""
    if at >= end:
        return "a condition must follow"
    if source.startswith("\t", at, end):
        return NO_TAB
    if source.startswith(('"', 'r"'), at, end):
        return REPEAT_FIELD if after_logic else FIELD_FIRST
    if after_logic and (
        source[at].isdigit() or source.startswith(("==", "!=", "<", ">", "~"), at, end)
    ):
        return REPEAT_FIELD
    if source.startswith(("&", "|", "^"), at, end):
        # The third sign of &&&.
        if source[max(at - 2, 0) : at] == 2 * source[at]:
            return _JOINED
        return "a condition is missing between two operators" if after_logic else None
    if source.startswith(("#", "//", "/*", "--"), at, end):
        return _COMMENT
    if source.startswith(("{", "["), at, end):
        return "conditions are grouped with ( and )"
    if source.startswith("$", at, end):
        return "a list can only follow in: field in $name"
    if source.startswith(("\u200b", "\ufeff"), at, end):
        return "there is an invisible character here"
    if source[at] in QUOTES:
        return REPEAT_FIELD if after_logic else FIELD_FIRST
    return None
