# SPDX-License-Identifier: Apache-2.0
"""A JSON document as the client sent it (RFC 8259), read without trusting its size or depth.

Python's parser gives up on integers of more than 4,300 digits and on some 900 levels of nesting. A
client could hide every other value from the rules in that way, and many servers behind Envoy would
read the document all the same. So the few documents that it gives up on are read once more, with
long integers as no value at all and what is nested too deeply left out.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

#: Levels that are read of a document with too many. serde_json, which Cloudflare's engine is
#: likely to use, reads no document that has more.
_DEPTH: Final = 128
#: Longer ones have more than 64 bits; RFC 8259 section 6 allows no leading zeros.
_MAX_DIGITS: Final = len("-9223372036854775808")

_STRING: Final = r'"(?:[^"\\]|\\.)*+"'
_PLAIN: Final = rf'[^"\[\]{{}}]++|{_STRING}'
_FLAT: Final = rf"[\[{{](?:{_PLAIN})*+[\]}}]"
_NEARLY_FLAT: Final = rf"[\[{{](?:{_PLAIN}|{_FLAT})*+[\]}}]"
# The next brackets that open or close, behind whatever is nested no more than two levels. All is
# possessive: a character is looked at a few times at most.
_BRACKETS: Final = re.compile(rf"(?:{_PLAIN}|{_NEARLY_FLAT})*+([\[{{]++|[\]}}]++)", re.DOTALL)


def read_json(document: bytes) -> Any:
    """The document's value; None if it is not JSON in UTF-8.

    Of a name that an object has twice, the last value counts (RFC 8259 section 4 leaves it open;
    most parsers do so). In a document that is read once more, integers of more digits than 64 bits
    have are None, and so are the arrays and objects below its first 128 levels: those are not even
    looked into.
    """
    try:
        text = document.decode("utf-8")
        return json.loads(text, parse_constant=_refuse)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    except (ValueError, RecursionError):
        pass  # An integer is too long, or something is too deep.
    try:
        return json.loads(_shallow(text), parse_constant=_refuse, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> NoReturn:
    # NaN and Infinity are Python's additions, not JSON (RFC 8259 section 6).
    raise json.JSONDecodeError("not JSON", constant, 0)


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _shallow(text: str) -> str:
    """The document with null for what is nested too deeply; "" if its brackets do not fit."""
    kept: list[str] = []
    start = cut = position = depth = 0
    while match := _BRACKETS.match(text, position):
        position, before = match.end(), depth
        if match[1][0] in "[{":
            depth += len(match[1])
            if before <= _DEPTH < depth:
                cut = position - (depth - _DEPTH)
        else:
            depth -= len(match[1])
            if depth <= _DEPTH < before:
                kept += text[start:cut], "null"
                start = position - (_DEPTH - depth)
    kept.append(text[start:])
    return "".join(kept) if depth == 0 else ""
