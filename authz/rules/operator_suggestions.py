# SPDX-License-Identifier: Apache-2.0
"""Hints for what stands where a comparison operator should be.

A hint never changes what is accepted. It repeats the left side, so that it can be pasted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.rules.call_suggestions import ARGUMENTS, is_compared, method_hint
from authz.rules.suggestion_text import COMPARISON_WORDS, KEYWORDS, NO_TAB, NULLS, null_hint
from authz.rules.suggestions import did_you_mean, in_lower_case, word_at
from authz.rules.types import Array, Bytes, Int, Ip, Map

if TYPE_CHECKING:
    from authz.rules.types import Type

# What compares values of a type.
_INSTEAD: Final = {
    Int: "numbers are compared with eq, ne, lt, le, gt and ge, or in {80 443 8000..8999}",
    Ip: "addresses are compared with eq and ne, or in {10.0.0.0/8 2001:db8::/32}",
    Bytes: "it is for numbers; conditions are joined with and or &&",
}
_INEQUALITY: Final = "inequality is written != or ne"
_EQUALITY: Final = "equality is written == or eq"
# Comparisons as hints pass them on: {left} is the left side.
_EQUAL: Final = "{left} == …"
_UNLIKE: Final = "{left} != …"
_UNEQUAL: Final = re.compile(r"\{left\} (?P<operator>!=|ne) ")
_EQUALITIES: Final = {"!=": "==", "ne": "eq"}
_FOR_NUMBERS: Final = re.compile(r"\} (?:&|bitwise_and)|\.\.")
_FOR_TEXTS: Final = re.compile(r"\} (?:~|contains|matches|wildcard|strict)|_with\(")
_AFTER_NOT: Final = re.compile(r"(?:not|!)[ \r\n]*(?P<word>[A-Za-z_]*)", re.IGNORECASE)
_AFTER_IS: Final = re.compile(r"is[ \r\n]+(?P<no>not[ \r\n]+)?(?P<word>\w*)", re.IGNORECASE)
_METHOD: Final = re.compile(rf"\.(?P<name>[A-Za-z_]+)(?P<arguments>{ARGUMENTS})?")
# Words that other languages have where this one has an operator; {left} is the left side.
_OPERATORS: Final = {
    **dict.fromkeys(
        ("like", "ilike"), 'use wildcard, with * for %: {left} wildcard "…*"; or matches'
    ),
    **dict.fromkeys(("rlike", "regex", "regexp"), 'use matches: {left} matches "…"'),
    "between": "use a range: {left} in {{1..5}}, or ge and le",
    "icontains": 'compare in lower case: lower({left}) contains "…"',
    **dict.fromkeys(("has", "include", "includes", "having"), 'use contains: {left} contains "…"'),
    **dict.fromkeys(
        ("starts_with", "startswith", "starts", "begins_with", "begins"),
        'it is a function: starts_with({left}, "…")',
    ),
    **dict.fromkeys(("ends_with", "endswith", "ends"), 'it is a function: ends_with({left}, "…")'),
}
_PRESENT: Final = ("exists", "present", "is_set", "isset", "is_present")
# Signs that begin what is no operator here and that are for texts, the longer ones first.
_TEXT_SIGNS: Final = (
    ("=~", 'a regular expression follows ~ or matches: {left} matches "…"'),
    ("!~", 'not comes before the whole comparison: not {left} matches "…"'),
    ("^=", 'it is a function: starts_with({left}, "…")'),
    ("$=", 'it is a function: ends_with({left}, "…")'),
    ("*=", 'use contains: {left} contains "…"'),
)
_SIGNS: Final = (
    ("=<", "less or equal is written <= or le"),
    ("=>", "greater or equal is written >= or ge"),
    ("=!", _INEQUALITY),
    ("! =", _INEQUALITY),
    ("=", _EQUALITY),
    (":", _EQUALITY),
    ("[", "no space before ["),
    ("\t", NO_TAB),
)


def hint_for_operator(source: str, at: int, end: int, left: str, kind: Type) -> str | None:
    """For a place where a comparison operator should be.

    Args:
        left: the left side, and `kind` its type.
    """
    if source.startswith(")", at, end):
        return "parentheses group conditions, never a value; compare the value inside"
    if at >= end or source.startswith(("and", "or", "xor", "&&", "||", "^^"), at, end):
        return "a value alone is no condition unless it is Bool: compare it with a literal"
    for sign, template in _TEXT_SIGNS:
        if source.startswith(sign, at, end):
            if kind == Bytes:
                return template.format(left=left)
            return hint_for_type(left, kind, _shown(template))
    for sign, said in _SIGNS:
        if source.startswith(sign, at, end):
            return said
    if source.startswith('"', at, end):
        missing = f"there is no operator before the text: {left} eq …"
        return missing if kind == Bytes else hint_for_type(left, kind)
    if (method := _METHOD.match(source, at, end)) and (
        hint := method_hint(
            left,
            kind,
            method["name"],
            method["arguments"] or "",
            compared=is_compared(source, method.end(), end),
        )
    ):
        return hint
    return _hint_for_word(source, at, end, left, kind)


def _hint_for_word(source: str, at: int, end: int, left: str, kind: Type) -> str | None:
    if match := _AFTER_NOT.match(source, at, end):
        return _hint_behind_not(match["word"].lower(), left, kind)
    if match := _AFTER_IS.match(source, at, end):
        if match["word"].lower() in NULLS:
            return null_hint(left, kind, negated=match["no"] is not None)
        return _INEQUALITY if match["no"] else f"{_EQUALITY}, its opposite != or ne"
    word = word_at(source, at, end)
    if word == "strict":
        return "strict wildcard is written with exactly one space"
    if word.lower() in _PRESENT:
        return null_hint(left, kind, negated=True)
    if hint := in_lower_case(word):
        return hint
    if template := _OPERATORS.get(word.lower()):
        fits = kind == (Int if word.lower() == "between" else Bytes)
        if fits:
            return template.format(left=left)
        # Of an array that has a text, an element is it.
        has = "contains" in template
        return hint_for_type(left, kind, _EQUAL if has else _shown(template))
    return did_you_mean(word, sorted(KEYWORDS)) if word else None


def hint_for_type(left: str, kind: Type, said: str = _EQUAL) -> str | None:
    """What compares values of this type, for one on which something else was tried.

    Args:
        left: the left side, and `kind` its type.
        said: the comparison that was tried, with {left} in the place of its left side.
    """
    element = kind.element
    if element is None:
        return _INSTEAD.get(kind)
    of_many = isinstance(kind, Map) and isinstance(element, Array)
    negation = "not " if said.startswith("not ") else ""
    if not _fits(said, element.element or element if of_many else element):
        said = negation + _EQUAL
    if isinstance(kind, Map):
        key = f'{left}["name"]{"[0]" if of_many else ""}'
        if match := _UNEQUAL.match(said):
            # A comparison with a missing key is false; only with not before it, that key is unlike.
            said = f"not {{left}} {_EQUALITIES[match['operator']]} {said[match.end() :]}"
        return f"compare the value of a key: {said.format(left=key)}"
    # That a value is not the one that was named is meant of every element, and true of none.
    quantity = "all" if _UNEQUAL.match(said) else "any"
    each = said.removeprefix("not ").format(left=f"{left}[*]")
    return f"compare its elements: {negation}{quantity}({each})"


def _shown(template: str) -> str:
    """The comparison that a template of this file shows."""
    return template.partition(": ")[2].partition(";")[0].partition(", or ")[0]


def _fits(said: str, kind: Type) -> bool:
    """Whether a comparison is one for values of this type."""
    if kind == Bytes:
        return not _FOR_NUMBERS.search(said)
    return kind in (Int, Ip) and not _FOR_TEXTS.search(said)


def _hint_behind_not(word: str, left: str, kind: Type) -> str | None:
    """For `not` or `!` behind the left side, and the word that follows it."""
    if word in ("like", "ilike"):
        word = "wildcard"
    if kind.element:
        compared = word in COMPARISON_WORDS and word not in ("eq", "ne")
        right = "{{…}}" if word == "in" else "…"
        return hint_for_type(left, kind, f"not {{left}} {word} {right}" if compared else _UNLIKE)
    if kind != Bytes and word in ("contains", "matches", "wildcard"):
        return hint_for_type(left, kind)
    if word not in COMPARISON_WORDS or word in ("eq", "ne"):
        return _INEQUALITY
    right = "{…}" if word == "in" else '"…"' if kind == Bytes else "…"
    return f"not comes before the whole comparison: not {left} {word} {right}"
