# SPDX-License-Identifier: Apache-2.0
"""Pieces of an expression as hints show them: the left side of an operator, a set, a quoted text.

Hints repeat what was written, so that they can be pasted. What cannot be repeated safely, because
it is long or not understood, is left out for "field" and "…".
"""

from __future__ import annotations

import re
from typing import Final

from authz.rules.address_suggestions import set_item
from authz.rules.types import Array, Bytes, Int, Ip, Map, Type

#: difflib takes quadratic time; nobody misspells a name as long as this, and a hint stays short.
LONGEST_NAME: Final = 80
#: The operators that are words and follow a value.
COMPARISON_WORDS: Final = frozenset(
    ("in", "eq", "ne", "ge", "le", "gt", "lt", "contains", "matches", "wildcard", "bitwise_and")
)
#: Every word of the grammar.
KEYWORDS: Final = COMPARISON_WORDS | {"not", "and", "or", "xor", "any", "all"}
#: For a tab, wherever it stands.
NO_TAB: Final = "use spaces between words; a tab is not accepted"
#: What stands for a left side that cannot be repeated.
FIELD: Final = "field"
#: Everything that editors and chat programs put in the place of a straight double quote.
QUOTES: Final = "'`\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019"
#: What other languages call a value that is not there.
NULLS: Final = frozenset(("null", "nil", "none", "undefined", "nan", "empty"))

_NO_NULL: Final = {
    Ip: "there is no null; an address that is not known is 0.0.0.0",
    Int: "there is no null; a number that is not known is 0",
}
_WINDOW: Final = 300
_INDEXES: Final = r"(?:\[[^\[\]]{0,80}\]){0,4}"
_LEFT: Final = re.compile(
    rf"(?P<left>(?:[a-z_0-9]+\((?P<inner>[^()\"]{{0,80}})\)|[A-Za-z_][\w.]*){_INDEXES})[ \r\n]*"
    r"(?P<operator>==|!=|>=|<=|[<>~&]"
    r"|\b(?:eq|ne|ge|le|gt|lt|contains|matches|(?:strict )?wildcard|in))[ \r\n]*\Z"
)
_KEYED: Final = re.compile(r'(?P<map>[\w.]+)\[(?P<key>"[^"\\]*")\](?:\[[^\[\]]*\])?')
_ITEM: Final = re.compile(
    rf'"(?P<text>[^"\\]*)"|[{QUOTES}](?P<misquoted>[^"\\{QUOTES}]*)[{QUOTES}]'
    r"|(?P<bare>[\w.:/@*%+-]+)"
)
_SEPARATORS: Final = re.compile(r"[\s,]*")
# What may stand behind an item: a quote would make it the beginning of something else, as in r"a".
_ITEM_END: Final = re.compile(r"[\s,)\]}&|]|\Z")
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f\"\\]*")
_SIMPLE_REGEX: Final = re.compile(r"\^?[\w./: -]*\$?", re.ASCII)
_SIMPLE_WILDCARD: Final = re.compile(r"(?!.*\*\*)[^\\\"]*")
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def left_text(source: str, start: int, stop: int) -> str:
    """The left side that stands here, if it is short enough to be repeated."""
    text = source[start:stop]
    return text if len(text) <= LONGEST_NAME and text.isprintable() else FIELD


def before_literal(source: str, at: int) -> tuple[str, str]:
    """The left side and the operator that end at a position, as far as they can be told."""
    begin = max(0, at - _WINDOW)
    match = _LEFT.search(source, begin, at)
    if not match or (match.start() == begin and begin):
        return FIELD, ""
    left = left_text(source, *match.span("left"))
    # What is said of each element is no condition of its own.
    return FIELD if "*" in left else left, match["operator"]


def plain(text: str) -> str | None:
    """A quoted text with these characters, None if it would need escapes or be long."""
    return f'"{text}"' if len(text) <= LONGEST_NAME and _PLAIN.fullmatch(text) else None


def pattern(operator: str, quoted: str) -> str:
    """A quoted text as the right side of an operator, where it surely is a pattern."""
    simple = {"matches": _SIMPLE_REGEX, "wildcard": _SIMPLE_WILDCARD}.get(operator, _PLAIN)
    return quoted if simple.fullmatch(quoted[1:-1]) else '"…"'


def requoted(source: str, at: int, end: int) -> str | None:
    """The text that begins with a wrong quote here, in the right ones."""
    for stop in range(at + 1, min(at + LONGEST_NAME, end)):
        if source[stop] in QUOTES or source[stop] == '"':
            return plain(source[at + 1 : stop])
    return None


def set_text(source: str, at: int, end: int, kind: Type) -> str | None:
    """The set that was meant by values in other brackets, with commas, or without any."""
    closing = _CLOSING.get(source[at : at + 1])
    items: list[str] = []
    place = at + 1 if closing else at
    while sum(map(len, items)) <= LONGEST_NAME:
        place = _after(_SEPARATORS, source, place, end)
        if closing and source.startswith(closing, place, end):
            break
        match = _ITEM.match(source, place, end)
        item = member(match[match.lastindex or 0], kind) if match else None
        if match is None or item is None or not _ITEM_END.match(source, match.end(), end):
            return None
        if match["bare"] and item.strip('"').lower() in KEYWORDS:
            return None
        items.append(item)
        place = match.end()
        if not closing:
            break
    shown = " ".join(items)
    return f"{{{shown}}}" if items and len(shown) <= LONGEST_NAME else None


def member(text: str, kind: Type) -> str | None:
    """How an item of a set is written that has this text, None if it cannot be one."""
    if kind == Bytes:
        return plain(text)
    if kind == Int:
        number = re.fullmatch(r"-?[1-9][0-9]{0,17}(?:\.\.-?[1-9][0-9]{0,17})?|0", text)
        first, _, last = text.partition("..")
        return text if number and (not last or int(first) <= int(last)) else None
    return set_item(text) if kind == Ip else None


def null_hint(left: str, kind: Type, *, negated: bool) -> str:
    """For a comparison with null: how one asks whether there is a value."""
    if keyed := _KEYED.fullmatch(left):
        asked = f"has_key({keyed['map']}, {keyed['key']})"
        return f"whether a map has a key: {asked if negated else f'not {asked}'}"
    if left.endswith("]") and "*" not in left:
        return "there is no null; a comparison with what is missing is false"
    if kind == Bytes:
        left = FIELD if "*" in left else left
        return f'there is no null, only an empty text: {left} {"ne" if negated else "eq"} ""'
    if isinstance(kind, Map):
        return f'whether a map has a key is has_key({left}, "…")'
    if isinstance(kind, Array):
        return f"whether an array has elements: len({left}) {'gt' if negated else 'eq'} 0"
    return _NO_NULL.get(kind, "there is no null")


def _after(pattern: re.Pattern[str], source: str, at: int, end: int) -> int:
    match = pattern.match(source, at, end)
    return match.end() if match else at
