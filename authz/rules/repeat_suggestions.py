# SPDX-License-Identifier: Apache-2.0
"""The hint for a comparison that was not repeated: `http.host == "a" or "b"`.

The field and the literals are repeated as a set where all of them are certain. A hint never changes
what is accepted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.rules.ast import Comparison, Literal, Operator
from authz.rules.suggestion_text import FIELD, LONGEST_NAME, QUOTES, left_text, member
from authz.rules.types import Bytes

if TYPE_CHECKING:
    from authz.rules.ast import Logical
    from authz.rules.types import Type

#: For a comparison without its left side.
REPEAT_FIELD: Final = 'repeat the field, x == "/a" or x == "/b", or use a set, x in {"/a" "/b"}'

_OR: Final = re.compile(r"[ \r\n]*(?:\|\||or)[ \r\n]*")
_EQUALS: Final = r"(?:(?:==|eq\b)[ \r\n]*)?"
_QUOTED: Final = re.compile(
    rf"{_EQUALS}(?P<quote>[\"{QUOTES}])(?P<text>[^\"\\{QUOTES}]*)[\"{QUOTES}]"
)
_BARE: Final = re.compile(rf"{_EQUALS}(?P<text>[0-9A-Fa-f.:-]+)(?![\w/])")
# What is left over would be a slip of its own.
_ENDS: Final = re.compile(r"[ \r\n]*(?:\)|&&|\|\||\^\^|and\b|or\b|xor\b|\Z)")


def repeated(source: str, at: int, end: int, previous: Logical | None) -> str | None:
    """For a literal, or an equality without its left side, behind `or`: the set that was meant.

    Args:
        previous: the condition before the `or`.
    """
    if (
        not isinstance(previous, Comparison)
        or previous.operator is not Operator.EQ
        or previous.left.each
        or not isinstance(previous.right, Literal)
        or not _OR.fullmatch(source, previous.span[1], at)
    ):
        return None
    kind = previous.left.type
    left = left_text(source, *previous.left.span)
    items = [_written(previous.right.value, kind), *_further(source, at, end, kind)]
    shown = " ".join(dict.fromkeys(item or "" for item in items))
    if left == FIELD or len(items) == 1 or None in items or len(shown) > LONGEST_NAME:
        return None
    return f"repeat the field, or use a set: {left} in {{{shown}}}"


def _written(value: object, kind: Type) -> str | None:
    """The literal of the first comparison as an item of a set."""
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
    return member(text, kind) if text.isprintable() or not text else None


def _further(source: str, at: int, end: int, kind: Type) -> list[str | None]:
    """The literals from here on, None for one that is no item of a set."""
    items: list[str | None] = []
    literal = _QUOTED if kind == Bytes else _BARE
    while match := literal.match(source, at, end):
        if not _ENDS.match(source, match.end(), end):
            return []
        items.append(member(match["text"], kind))
        joined = _OR.match(source, match.end(), end)
        if not joined:
            break
        at = joined.end()
    return items
