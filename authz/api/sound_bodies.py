# SPDX-License-Identifier: Apache-2.0
"""Bodies that are not sent as JSON; and what Python reads as JSON and is none, or no text: refused
for every call at once.

Half a character (a lone surrogate, RFC 8259 §8.2) can be in no answer, file or database, and what
is no finite number (§6) in no JSON. What is not UTF-8, too deep or no JSON at all is found when the
body is read; a key that is there twice counts as it is written last, as at Cloudflare. A body
has to be sent as JSON, whatever is in it: one call does not take what another one refuses.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from fastapi import Request

from authz.api.problems import INVALID_REQUEST, ApiError

#: In the bytes of every body that has such a value, and of few others: those are looked through.
_SUSPECT: Final = re.compile(rb"\\u[dD][89a-fA-F]|NaN|Infinity|[eE]\+?[0-9]{3}|[0-9]{300}")


#: RFC 8259 §11, RFC 6839 §3.1; parameters do not matter.
_JSON: Final = re.compile(r"application/(?:[^\s/;]+\+)?json\s*(?:;|$)", re.IGNORECASE)


async def sound_body(request: Request) -> None:
    """Make sure that a body is sent as JSON, and has nothing that only Python takes for it.

    Raises:
        ApiError: it is not, or it has (400).
    """
    raw = await request.body()
    if not raw:
        return
    if not _JSON.match(request.headers.get("content-type", "").strip()):
        raise ApiError(
            400,
            INVALID_REQUEST,
            "the body is not sent as JSON: send it with Content-Type: application/json",
            pointer="",
        )
    fault = _fault_of_bytes(raw)
    if fault is None and _SUSPECT.search(raw) is not None:
        try:
            fault = _fault(await request.json())
        except (ValueError, RecursionError) as error:
            fault = f"the body is not JSON: {str(error).lower()}"
    if fault is not None:
        raise ApiError(400, INVALID_REQUEST, fault, pointer="")


def _fault_of_bytes(raw: bytes) -> str | None:
    """Python reads UTF-16 and UTF-32 as well, which nobody looks through (RFC 8259 §8.1)."""
    if b"\0" in raw:
        return "the body is not JSON in UTF-8"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "the body is not UTF-8"
    return None


def _fault(body: Any) -> str | None:
    # No recursion: a body may be as deep as Python reads it.
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, float) and not math.isfinite(value):
            return "the body is not JSON: a number that is none, or too large"
        elif isinstance(value, str) and not _is_text(value):
            return "the body has half a character (a lone surrogate)"
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
