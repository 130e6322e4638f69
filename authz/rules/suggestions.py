# SPDX-License-Identifier: Apache-2.0
"""Hints for the usual slips in the grammar: what to write instead.

Hints are looked for only after something was found to be wrong, and never change what is accepted.
Each function looks at one situation and gives a sentence or None. Unknown names are in
name_suggestions.py.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: difflib takes quadratic time; nobody misspells a name as long as this.
LONGEST_NAME: Final = 80
_WORD: Final = re.compile(r"[A-Za-z_]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
#: The operators that are words and follow a value.
COMPARISON_WORDS: Final = frozenset(
    ("in", "eq", "ne", "ge", "le", "gt", "lt", "contains", "matches", "wildcard", "bitwise_and")
)
#: Every word of the grammar.
KEYWORDS: Final = COMPARISON_WORDS | {"not", "and", "or", "xor", "any", "all"}
#: For a comparison without its left side.
REPEAT_FIELD: Final = 'repeat the field, x == "/a" or x == "/b", or use a set, x in {"/a" "/b"}'
# Everything that editors and chat programs put in the place of a straight double quote.
_QUOTES: Final = "'`\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"
_BOOL_ALONE: Final = "a Bool value stands alone: write it as it is, or not before it"
_NOT_FIRST: Final = "not comes before the whole comparison: not x in {…}"
# Names that begin like this are fields; other texts with dots are host names without quotes.
_FIELD_ROOTS: Final = ("http.", "raw.", "cf.", "ip.", "authz.")
_OPERATOR_BEFORE: Final = re.compile(
    r"(==|!=|>=|<=|[<>~&]|eq|ne|ge|le|gt|lt|contains|matches|wildcard|in)[ \r\n]*\Z"
)
# What to do about { behind an operator.
_NOT_A_SET: Final = {
    **dict.fromkeys(("==", "eq"), "a set { } can only follow in: write x in {…}"),
    **dict.fromkeys(("!=", "ne"), "a set { } can only follow in: write not x in {…}"),
    **dict.fromkeys(("matches", "~"), 'one pattern follows; alternatives are written "a|b"'),
    "contains": 'one text follows: join comparisons with or, or use matches "a|b"',
    "wildcard": "one pattern follows: join comparisons with or",
}
# Words that other languages have where this one has an operator.
_OPERATORS: Final = {
    "is": "equality is written == or eq, its opposite != or ne",
    "like": "use wildcard or matches",
    "ilike": "use wildcard or matches",
    "rlike": "use matches",
    "regex": "use matches",
    "regexp": "use matches",
    "between": "use a range: in {1..5}, or ge and le",
    **dict.fromkeys(("has", "include", "includes", "having"), "use contains"),
    **dict.fromkeys(
        ("exists", "present", "is_set", "isset"), 'whether a map has a key is has_key(map, "name")'
    ),
    **dict.fromkeys(
        ("starts_with", "startswith", "starts", "begins_with", "begins"),
        'it is a function: starts_with(field, "text")',
    ),
    **dict.fromkeys(
        ("ends_with", "endswith", "ends"), 'it is a function: ends_with(field, "text")'
    ),
}
_COMPARISONS: Final = ("==", "!=", ">=", "<=", ">", "<", "eq ", "ne ", "ge ", "le ", "gt ", "lt ")


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The known name that is closest to a misspelt one."""
    name = name.lower()
    if len(name) > LONGEST_NAME:
        return None
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f'did you mean "{close[0]}"?' if close else None


def hint_for_operator(source: str, at: int, end: int) -> str | None:
    """For a place where a comparison operator should be."""
    if source.startswith("=~", at, end):
        return "a regular expression follows ~ or matches"
    if source.startswith("=", at, end):
        return "equality is written == or eq"
    if source.startswith("!~", at, end):
        return 'not comes before the whole comparison: not x matches "…"'
    if source.startswith("!", at, end) and source[at + 1 : at + 2].isalpha():
        return _NOT_FIRST
    if at >= end or source.startswith((")", "and", "or"), at, end):
        if source.startswith(")", at, end):
            return "parentheses group conditions, never a value; compare the value inside"
        return "a value alone is no condition unless it is Bool: compare it with a literal"
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    if source.startswith("not", at, end):
        return _NOT_FIRST
    if source.startswith("[", at, end):
        return "no space before ["
    if source.startswith("strict", at, end):
        return "strict wildcard is written with exactly one space"
    word = _word(source, at, end)
    if word != word.lower() and word.lower() in KEYWORDS:
        return f'keywords are written in lower case: "{word.lower()}"'
    return _OPERATORS.get(word.lower()) or (did_you_mean(word, sorted(KEYWORDS)) if word else None)


def hint_for_trailing(source: str, at: int, end: int, *, after_bool: bool) -> str | None:
    """For something left over behind a complete condition."""
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    word = _word(source, at, end)
    if word != word.lower() and word.lower() in KEYWORDS:
        return f'keywords are written in lower case: "{word.lower()}"'
    if source.startswith(("==", "!=", "eq ", "ne ", "in ", "="), at, end):
        return _BOOL_ALONE if after_bool else "comparisons cannot be chained: join them with and"
    if after_bool and word.lower() == "is":
        return _BOOL_ALONE
    if source.startswith(",", at, end):
        return 'several values are a set, without commas: x in {"/a" "/b"}'
    if source.startswith(_COMPARISONS, at, end):
        return "comparisons cannot be chained: join them with and"
    if source.startswith("#", at, end) and source[at - 1] in '"#':
        return "a raw string ends with as many hashes as it began with"
    if source.startswith("#", at, end) or source.startswith(("//", "/*"), at, end):
        return "there are no comments in expressions"
    if source.startswith(")", at, end):
        return "this ) has no ( before it"
    if source.startswith("&", at, end) or source.startswith("|", at, end):
        return "conditions are joined with && and ||, or and and or"
    if source.startswith(";", at, end):
        return "an expression has no semicolon"
    if source.startswith("%", at, end):
        return "addresses have no zone here"
    if source[at - 1].isdigit() and re.match(r"[._][0-9]", source[at:end]):
        return "a number is a run of digits, without fraction and without _"
    if source[at : at + 1].isalnum() and source[at - 1].isdigit():
        return "numbers are decimal, 0x and hexadecimal digits, or 0 and octal digits"
    return "join conditions with and, or, xor"


def hint_for_operand(source: str, at: int, end: int, *, after_logic: bool) -> str | None:
    """For a place where a condition should begin."""
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    if source.startswith(('"', 'r"'), at, end):
        return REPEAT_FIELD if after_logic else "the field comes first: write field == value"
    if after_logic and source.startswith(("==", "!=", "<", ">", "~"), at, end):
        return REPEAT_FIELD
    if source.startswith(("&", "|", "^"), at, end):
        return "a condition is missing between two operators" if after_logic else None
    if source.startswith(("\u200b", "\ufeff"), at, end):
        return "there is an invisible character here"
    if at < end and source[at] in _QUOTES:
        return "the field comes first: write field == value"
    return "a condition must follow" if at >= end and after_logic else None


def hint_for_text(source: str, at: int, end: int) -> str | None:
    """For a place where a quoted text should be."""
    # The operator before was a prefix of what was meant: < of <>, eq of equals.
    if source.startswith("<>", at - 1):
        return "inequality is written != or ne"
    if source.startswith("equals", at - 2):
        return "equality is written == or eq"
    if at < end and source[at] in _QUOTES:
        return 'texts stand in plain double quotes: "text"'
    if source.startswith("{", at, end):
        before = _OPERATOR_BEFORE.search(source, 0, at)
        return _NOT_A_SET.get(before[1] if before else "", "a set { } can only follow in")
    if source.startswith(('("', "('"), at, end):
        return 'a value does not stand in parentheses; several are a set: in {"/a" "/b"}'
    if source.startswith("(", at, end):
        return "a value does not stand in parentheses"
    if source.startswith("\t", at, end):
        return "use spaces between words; a tab is not accepted"
    if source.startswith("$", at, end):
        return "a list can only follow in"
    if source.startswith("!==", at - 2):
        return "inequality is written != or ne"
    if source.startswith(("=", "~"), at, end):
        return "equality is written == or eq, a regular expression follows ~ or matches"
    stop = at
    while stop < end and source[stop] not in ' \t\r\n(){}[]"\\,;':
        stop += 1
    text = source[at:stop]
    if not text:
        return None
    if text.startswith(_FIELD_ROOTS) or source.startswith("(", stop, end):
        return "the right side is a literal; two fields cannot be compared with each other"
    return f'put the text in quotes: "{text[:LONGEST_NAME]}"'


def hint_for_escape(kind: str) -> str:
    """For an unknown escape in a quoted string."""
    codes = {"n": r"\x0a", "t": r"\x09", "r": r"\x0d"}
    if kind in codes:
        return f"write {codes[kind]}"
    if kind == "*":
        return r'write \\* for a literal star in a wildcard pattern, or use a raw string: r"…"'
    return r'the escapes are \", \\, \xHH and \OOO; or use a raw string: r"…"'


def hint_for_number(source: str, at: int, end: int) -> str | None:
    """For a place where a number should be."""
    if source.startswith("+", at, end):
        return "a number has no plus sign"
    if source.startswith(".", at, end):
        return "a range has two dots and no spaces: 1..5"
    if source.startswith('"', at, end):
        return "write the number without quotes"
    if source.startswith("{", at, end):
        return "a set { } can only follow in"
    return "use spaces between words; a tab is not accepted" if source[at:end][:1] == "\t" else None


def hint_for_address(text: str) -> str | None:
    """For an address after == that is none."""
    if "/" in text or ".." in text:
        return f"networks and ranges stand in a set: in {{{text}}}"
    if re.fullmatch(r"[0-9.]+", text):
        return "an IPv4 address has four numbers without leading zeros"
    if text.lower().rstrip("abcdef") != text:
        return "put a space after the address"
    return None


def hint_for_membership(source: str, at: int, end: int) -> str:
    """For something other than { or $ after in."""
    if source.startswith(("(", "["), at, end):
        return "a set stands in braces: in {…}"
    stop = at
    while stop < end and source[stop] not in " \r\n)":
        stop += 1
    text = source[at : min(stop, at + 40)]
    if re.fullmatch(r"[a-z_][a-z0-9_]*", text):
        return f'a list is written in ${text}, a set in {{"{text}"}}'
    if re.fullmatch(r'"[0-9A-Fa-f:./]+"', text) and source.startswith("ip."):
        text = text.strip('"')
    return f"write a set, in {{{text}}}, or a list, in $name"


def _word(source: str, at: int, end: int) -> str:
    match = _WORD.match(source, at, min(end, at + LONGEST_NAME))
    return match.group() if match else ""
