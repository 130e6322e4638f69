# SPDX-License-Identifier: Apache-2.0
"""JSON that scripts of ours post: nothing in it that is no text, for every page at once.

Half a character (a lone surrogate, RFC 8259 §8.2) can be in no answer, file or database.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from fastapi import Request

from authz.dashboard.forms import is_form
from authz.errors import InvalidInputError

#: In the bytes of every body that has half a character, and of few others.
_SUSPECT: Final = re.compile(rb"\\u[dD][89a-fA-F]")
#: Of a place that is told: names in it are whoever's.
_MAX_PLACE: Final = 100


async def sound_body(request: Request) -> None:
    """Make sure that a body of JSON has texts only where it has strings.

    Raises:
        InvalidInputError: one is no text, or the body is not UTF-8; what and where.
    """
    if is_form(request):
        return
    raw = await request.body()
    if b"\0" in raw or not _is_utf8(raw):
        # Python reads UTF-16 and UTF-32 as well (RFC 8259 §8.1).
        raise InvalidInputError("the body is not JSON in UTF-8", hint="send it as UTF-8")
    if _SUSPECT.search(raw) is None:
        return
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidInputError("the body is not JSON", hint="send it as JSON") from None
    where = _half(body)
    if where is not None:
        raise InvalidInputError(
            f"half a character (a lone surrogate) at {where[:_MAX_PLACE] or 'the top'}",
            hint="leave it out",
        )


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _half(body: Any) -> str | None:
    """Where a text is none, as a JSON Pointer; None for nowhere."""
    # No recursion: a body may be as deep as Python reads it.
    waiting: list[tuple[str, Any]] = [("", body)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, dict):
            for name, one in value.items():
                if not _is_text(name):
                    return f"a name in {where or 'the top'}"
                waiting.append((f"{where}/{name}", one))
        elif isinstance(value, list):
            waiting += [(f"{where}/{place}", one) for place, one in enumerate(value)]
        elif isinstance(value, str) and not _is_text(value):
            return where
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
