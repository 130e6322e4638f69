# SPDX-License-Identifier: Apache-2.0
"""Hints for what stands on the right of an operator, among arguments and between brackets.

Each function looks at one place where a literal should be and gives a sentence or None. A hint
never changes what is accepted. Addresses that cannot be read are in address_suggestions.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.rules.address_suggestions import network_of
from authz.rules.suggestion_text import (
    KEYWORDS,
    LONGEST_NAME,
    NO_TAB,
    NULLS,
    QUOTES,
    before_literal,
    null_hint,
    pattern,
    plain,
    requoted,
    set_text,
)
from authz.rules.types import Bytes, Int, Ip

if TYPE_CHECKING:
    from authz.rules.types import Type

_EQUALITY: Final = "equality is written == or eq"
_INEQUALITY: Final = "inequality is written != or ne"
_PATTERN: Final = "a regular expression follows ~ or matches"
_TWO_FIELDS: Final = "the right side is a literal; two fields cannot be compared with each other"
_RANGE: Final = "a range has two dots and no spaces: 1..5"
# Names that begin like this are fields; other texts with dots are host names without quotes.
_FIELD_ROOTS: Final = ("http.", "raw.", "cf.", "ip.", "authz.")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_TO: Final = re.compile(r"(?:-|to)[ \r\n]*[0-9]")
_SLASHES: Final = re.compile(r"/(?P<pattern>[^/]+)/[a-z]*")
_DIGITS: Final = re.compile(r"-?[0-9]+")
# What the operator before was the beginning of.
_LONGER_OPERATORS: Final = (
    ("===", _EQUALITY),
    ("!==", _INEQUALITY),
    ("<>", _INEQUALITY),
    ("><", _INEQUALITY),
    ("==~", _PATTERN),
    ("~=", _PATTERN),
    ("~~", _PATTERN),
    ("equals", _EQUALITY),
)


def hint_for_text(source: str, at: int, end: int) -> str | None:
    """For a place where a quoted text should be."""
    left, operator = before_literal(source, at)
    if hint := _hint_for_any(source, at, end, Bytes, left, operator):
        return hint
    if at < end and source[at] in QUOTES:
        return _plain_quotes(source, at, end)
    if source.startswith("{", at, end):
        return _not_a_set(left, operator)
    if source.startswith(('("', "('"), at, end):
        return _in_parentheses(left, operator, set_text(source, at, end, Bytes))
    if source.startswith("r'", at, end):
        return 'a raw text stands in plain double quotes: r"text"'
    stop = at
    while stop < end and source[stop] not in ' \t\r\n(){}[]"\\,;':
        stop += 1
    text = source[at:stop]
    if not text:
        return None
    if text.startswith(_FIELD_ROOTS) or source.startswith("(", stop, end):
        return _TWO_FIELDS
    if operator in ("matches", "~") and (slashes := _SLASHES.fullmatch(text)):
        shown = pattern("matches", plain(slashes["pattern"]) or '""')
        return f"a pattern stands in quotes, without slashes: {shown}"
    return f'put the text in quotes: "{text[:LONGEST_NAME]}"'


def hint_for_number(source: str, at: int, end: int) -> str | None:
    """For a place where a number should be."""
    left, operator = before_literal(source, at)
    if hint := _hint_for_any(source, at, end, Int, left, operator):
        return hint
    if source.startswith("+", at, end):
        return "a number has no plus sign"
    if source.startswith(".", at, end) or _TO.match(source, at, end):
        return _RANGE
    if at < end and (source[at] == '"' or source[at] in QUOTES):
        text = (requoted(source, at, end) or "").strip('"')
        return f"write the number without quotes{f': {text}' if _DIGITS.fullmatch(text) else ''}"
    if source.startswith("{", at, end):
        return _not_a_set(left, operator)
    return _hint_for_name(source, at, end)


def hint_for_ip(source: str, at: int, end: int) -> str | None:
    """For a place where an address should be, and nothing begins like one."""
    left, operator = before_literal(source, at)
    if hint := _hint_for_any(source, at, end, Ip, left, operator):
        return hint
    sign = source[at:end][:1]
    if sign and (sign == '"' or sign in QUOTES):
        text = (requoted(source, at, end) or "").strip('"')
        network = network_of(text)
        if network and operator:
            return _network_in_a_set(left, operator, network)
        return "write the address without quotes"
    if sign == "{":
        return _not_a_set(left, operator)
    if sign in _IP_HINTS:
        return _IP_HINTS[sign]
    names = "names are not looked up: write the address"
    return _hint_for_name(source, at, end) or (names if _WORD.match(source, at, end) else None)


_IP_HINTS: Final = {
    "-": "a range is written first..last, without spaces",
    ",": "items are separated by spaces",
    "*": "write a network, 10.0.0.0/8, or a range, first..last",
    "$": "a list stands alone: in $name",
    "[": "an address has no brackets",
}


def hint_for_address(source: str, at: int, text: str) -> str | None:
    """For an address after a comparison operator that is none."""
    left, operator = before_literal(source, at)
    if "/" in text or ".." in text or source.startswith("*", at + len(text)):
        wild = text + "*" if source.startswith("*", at + len(text)) else text
        return _network_in_a_set(left, operator, network_of(wild) or "…")
    if re.fullmatch(r"[0-9.]+", text):
        return "an IPv4 address has four numbers without leading zeros"
    number = text.lower().rstrip("abcdef")
    if not number:
        # The beginning of a word that is no address at all.
        return hint_for_ip(source, at, len(source))
    return "put a space after the address" if number != text else None


def hint_for_membership(source: str, at: int, end: int, kind: Type) -> str:
    """For something other than { or $ after in."""
    left, _ = before_literal(source, at)
    text = _word(source, at, end)
    if re.fullmatch(r"[a-z_][a-z0-9_]*", text) and text not in KEYWORDS:
        found = f"a list is written in ${text}"
        return f'{found}, a set in {{"{text}"}}' if kind == Bytes else found
    shown = set_text(source, at, end, kind)
    if source.startswith(("(", "["), at, end):
        return f"a set stands in braces, without commas: {left} in {shown or '{…}'}"
    return f"write a set, in {shown or '{…}'}, or a list, in $name"


def hint_for_comma(source: str, start: int, end: int, kind: Type) -> str:
    """For a comma in the set that begins at `start`."""
    shown = set_text(source, start, end, kind)
    hint = "the items of a set are separated by spaces, not commas"
    return f"{hint}: {shown}" if shown else hint


def hint_for_argument(source: str, at: int, end: int) -> str | None:
    """For something that begins no argument."""
    if at < end and source[at] in QUOTES:
        return _plain_quotes(source, at, end)
    if source.startswith(("{", "["), at, end):
        return "an argument is one value, never a set"
    return NO_TAB if source.startswith("\t", at, end) else None


def hint_for_index(source: str, at: int, end: int) -> str:
    """For something between brackets that is no index."""
    name = None
    if at < end and source[at] in QUOTES:
        name = requoted(source, at, end)
    elif match := re.compile(r"[A-Za-z][\w-]*(?=\])").match(source, at, end):
        name = plain(match[0])
    return f"a key stands in plain double quotes: [{name}]" if name else _INDEXES


_INDEXES: Final = 'write [*], a position [0] or a key ["name"]'


def hint_for_escape(kind: str) -> str:
    """For an unknown escape in a quoted string."""
    codes = {"n": r"\x0a", "t": r"\x09", "r": r"\x0d"}
    if kind in codes:
        return f"write {codes[kind]}"
    if kind == "*":
        return r'write \\* for a literal star in a wildcard pattern, or use a raw string: r"…"'
    return r'the escapes are \", \\, \xHH and \OOO; or use a raw string: r"…"'


def _hint_for_any(
    source: str, at: int, end: int, kind: Type, left: str, operator: str
) -> str | None:
    """What is the same slip whatever type of literal was expected."""
    if source.startswith("~*", at - 1):
        return f'{_PATTERN}; either case is (?i): {left} matches "(?i)…"'
    for longer, hint in _LONGER_OPERATORS:
        if any(source.startswith(longer, at - back, end) for back in (1, 2) if back < len(longer)):
            return hint
    if source.startswith("\t", at, end):
        return NO_TAB
    if source.startswith("$", at, end) and kind != Ip:
        return "a list can only follow in"
    word = _WORD.match(source, at, end)
    if word and word[0].lower() in NULLS:
        return null_hint(left, kind, negated=operator in ("!=", "ne"))
    if source.startswith("(", at, end) and not source.startswith(('("', "('"), at, end):
        return "a value does not stand in parentheses"
    return None


def _plain_quotes(source: str, at: int, end: int) -> str:
    """For a text in other quotes."""
    return "texts stand in plain double quotes: " + (requoted(source, at, end) or '"text"')


def _in_parentheses(left: str, operator: str, shown: str | None) -> str:
    """For texts in parentheses, and how they are written as a set, where that is known."""
    said = "a value does not stand in parentheses"
    if operator in ("==", "eq"):
        return f"{said}; several are a set: in {shown or '{…}'}"
    if operator in ("!=", "ne"):
        return f"{said}; several are a set: not {left} in {shown or '{…}'}"
    # A set would ask whether the whole value is one of them.
    return said


def _not_a_set(left: str, operator: str) -> str:
    """For { behind an operator other than in."""
    if operator in ("==", "eq"):
        return f"a set {{ }} can only follow in: {left} in {{…}}"
    if operator in ("!=", "ne"):
        return f"a set {{ }} can only follow in: not {left} in {{…}}"
    if operator in ("matches", "~"):
        return 'one pattern follows; alternatives are written "a|b"'
    if operator == "contains":
        return 'one text follows: join comparisons with or, or use matches "a|b"'
    if "wildcard" in operator:
        return "one pattern follows: join comparisons with or"
    return "a set { } can only follow in"


def _network_in_a_set(left: str, operator: str, item: str) -> str:
    where = "networks and ranges stand in a set:"
    if operator in ("!=", "ne"):
        return f"{where} not {left} in {{{item}}}"
    return f"{where} {left if operator in ('==', 'eq') else 'field'} in {{{item}}}"


def _hint_for_name(source: str, at: int, end: int) -> str | None:
    """For a field or a function on the right of an operator."""
    name = _NAME.match(source, at, end)
    if name and (name[0].startswith(_FIELD_ROOTS) or source.startswith("(", name.end(), end)):
        return _TWO_FIELDS
    return None


def _word(source: str, at: int, end: int) -> str:
    stop = at
    while stop < min(end, at + 40) and source[stop] not in " \r\n)":
        stop += 1
    return source[at:stop]
