# SPDX-License-Identifier: Apache-2.0
"""A traced expression in few words, for the lines and pages that people read.

What is left out is counted. The whole values, bounded as well, are those of trace_json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.rules.formatter import format_bytes
from authz.rules.trace import Kind
from authz.rules.trace_json import MAX_ELEMENTS, clipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.rules.trace import Traced
    from authz.rules.types import MaybeValue

# Characters that one value may take, more or less.
_ROOM: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A part of a traced expression as people read it.

    Args:
        value: `true`, `"b"`, or `each` where there is an answer for each element.
        text: its canonical text.
        remark: what a comparison has on its left, or how many elements said yes; `""` for nothing.
        reached: whether evaluation of the whole comes to it.
        elements: a line for each element of `[*]`, the last one for those that are left out.
        parts: but for what the line or its elements say already.
    """

    value: str
    text: str
    remark: str
    reached: bool
    elements: tuple[str, ...]
    parts: tuple[Line, ...]


def line_of(part: Traced) -> Line:
    """A traced expression, the whole first."""
    each = part.elements is not None and part.kind is not Kind.CALL
    return Line(
        value="each" if each else brief(part.value),
        text=part.text,
        remark=_remark(part),
        reached=part.reached,
        elements=tuple(_elements(part)),
        parts=tuple(line_of(one) for one in part.parts if not _is_said(part, one)),
    )


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


def _remark(part: Traced) -> str:
    if part.elements is not None and part.kind is not Kind.CALL:
        true = sum(element.result is True for element in part.elements)
        return f"({true} of {len(part.elements)} true)"
    return f"(it is {brief(part.parts[0].value)})" if part.kind is Kind.COMPARISON else ""


def _is_said(part: Traced, one: Traced) -> bool:
    """Whether the line of a comparison, or its elements, say all there is of its left side."""
    return part.kind is Kind.COMPARISON and one.kind is Kind.FIELD


def _elements(part: Traced) -> Iterator[str]:
    elements = part.elements or ()
    for element in elements[:MAX_ELEMENTS]:
        shown = brief(element.value)
        if part.kind is Kind.CALL:
            result = "gives nothing" if element.result is None else f"-> {brief(element.result)}"
            yield f"{element.at}  {shown} {result}"
        else:
            value = "" if element.value is None else f"  {shown}"
            yield f"{brief(element.result):<5}  {element.at}{value}"
    if rest := elements[MAX_ELEMENTS:]:
        true = sum(element.result is True for element in rest)
        counted = f", {true} of them true" if part.kind is not Kind.CALL else ""
        yield f"and {len(rest)} more{counted}"
