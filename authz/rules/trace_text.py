# SPDX-License-Identifier: Apache-2.0
"""One value of a traced expression in a few words, for lines and pages that people read.

What is left out is counted. The whole values, bounded as well, are those of trace_json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules.formatter import format_bytes
from authz.rules.trace_json import MAX_ELEMENTS, clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.rules.types import MaybeValue

# Characters that one value may take, more or less.
_ROOM: Final = 60


def brief(value: MaybeValue, room: int = _ROOM) -> str:
    """A value in the notation of literals, shortened to about so many characters."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        if len(value) <= room:
            return format_bytes(value)
        return f"{format_bytes(clipped(value, room))}... of {len(value):,} bytes"
    if isinstance(value, tuple | list):
        return f"[{_joined([('', item) for item in value], room)}]"
    if isinstance(value, dict):
        pairs = [(f"{brief(key, room)}: ", value[key]) for key in sorted(value)[: MAX_ELEMENTS + 1]]
        return f"{{{_joined(pairs, room, len(value))}}}"
    return str(value)


def _joined(items: Sequence[tuple[str, MaybeValue]], room: int, number: int | None = None) -> str:
    """Named values as far as there is room, and how many are left out."""
    number = len(items) if number is None else number
    texts: list[str] = []
    for name, value in items[:MAX_ELEMENTS]:
        if texts and room <= 0:
            break
        texts.append(f"{name}{brief(value, max(room, 10))}")
        room -= len(texts[-1]) + 2
    if number > len(texts):
        texts.append(f"and {number - len(texts)} more")
    return ", ".join(texts)
