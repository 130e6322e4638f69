# SPDX-License-Identifier: Apache-2.0
"""The hint for a comparison that was not repeated: `http.host == "a" or "b"`, or with !=.

The field and the literals are repeated as a set where all of them are certain. A hint never changes
what is accepted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.rules.ast import Combination, Comparison, Literal, Operator
from authz.rules.suggestion_text import FIELD, LONGEST_NAME, QUOTES, left_text, member
from authz.rules.types import Bytes

if TYPE_CHECKING:
    from authz.rules.ast import Logical
    from authz.rules.types import Type

#: For a comparison without its left side.
REPEAT_FIELD: Final = 'repeat the field, x == "/a" or x == "/b", or use a set, x in {"/a" "/b"}'
#: The same behind != or ne, whatever joins them: nobody means that one of them is the value.
REPEAT_UNLIKE: Final = 'repeat the field; none of several is a set with not: not x in {"/a" "/b"}'

_QUOTED: Final = rf"(?P<quote>[\"{QUOTES}])(?P<text>[^\"\\{QUOTES}]*)[\"{QUOTES}]"
_BARE: Final = r"(?P<text>[0-9A-Fa-f.:-]+)(?![\w/])"
# By the first operator: what joins the literals, and what each may have before it.
_JOINED: Final = {
    Operator.EQ: (r"\|\||or", r"==|eq\b"),
    Operator.NE: (r"\|\||or|&&|and", r"!=|ne\b"),
}
_WITHOUT_FIELD: Final = re.compile(rf"[\"{QUOTES}]|r#*\"|-?[0-9]|==|!=|(?:eq|ne)\b")
# What is left over would be a slip of its own.
_ENDS: Final = re.compile(r"[ \r\n]*(?:\)|&&|\|\||\^\^|and\b|or\b|xor\b|\Z)")


def repeated(source: str, at: int, end: int, previous: Logical | None) -> str | None:
    """For a literal, or an operator without its left side, behind `or`: the set that was meant.

    Args:
        previous: the condition before the `or`.
    """
    last = previous.operands[-1] if isinstance(previous, Combination) else previous
    if not isinstance(last, Comparison) or last.operator not in _JOINED:
        return None
    if last is previous and (shown := _set_of(source, at, end, last)):
        return f"repeat the field, or use a set: {shown}"
    unlike = last.operator is Operator.NE and _WITHOUT_FIELD.match(source, at, end)
    return REPEAT_UNLIKE if unlike else None


def _set_of(source: str, at: int, end: int, first: Comparison) -> str | None:
    """The comparison with a set that the literals from here on belong to, if all are certain."""
    joined, operator = _JOINED[first.operator]
    join = re.compile(rf"[ \r\n]*(?:{joined})[ \r\n]*")
    if (
        first.left.each
        or not isinstance(first.right, Literal)
        or not join.fullmatch(source, first.span[1], at)
    ):
        return None
    kind = first.left.type
    literal = re.compile(rf"(?:(?:{operator})[ \r\n]*)?{_QUOTED if kind == Bytes else _BARE}")
    left = left_text(source, *first.left.span)
    further = _further(source, at, end, kind, literal, join)
    items = [_written(first.right.value, kind), *further]
    shown = " ".join(dict.fromkeys(item or "" for item in items))
    if left == FIELD or len(items) == 1 or None in items or len(shown) > LONGEST_NAME:
        return None
    negation = "not " if first.operator is Operator.NE else ""
    return f"{negation}{left} in {{{shown}}}"


def _written(value: object, kind: Type) -> str | None:
    """The literal of the first comparison as an item of a set."""
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
    return member(text, kind) if text.isprintable() or not text else None


def _further(
    source: str, at: int, end: int, kind: Type, literal: re.Pattern[str], join: re.Pattern[str]
) -> list[str | None]:
    """The literals from here on, None for one that is no item of a set."""
    items: list[str | None] = []
    while match := literal.match(source, at, end):
        if not _ENDS.match(source, match.end(), end):
            return []
        items.append(member(match["text"], kind))
        joined = join.match(source, match.end(), end)
        if not joined:
            break
        at = joined.end()
    return items
