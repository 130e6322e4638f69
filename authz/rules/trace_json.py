# SPDX-License-Identifier: Apache-2.0
"""A traced expression as JSON-able values, bounded in size: `--explain` and `explain --json`.

    {"expression": "http.host eq \\"a\\"", "kind": "comparison", "type": "Bool", "value": false,
     "missing": false, "reached": true, "operator": "eq", "literal": "\\"a\\"", "operand": "b",
     "parts": [{"expression": "http.host", "kind": "field", …, "value": "b", "parts": []}]}

The shape is described on the reference page expression-commands.md, which tests compare with this
module. Texts are written as in a quoted literal, without its quotes: bytes that are no text are
`\\xHH`, a backslash is doubled. What is left out is counted.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final

from authz.rules.formatter import format_bytes
from authz.rules.trace import Kind

if TYPE_CHECKING:
    from authz.rules.trace import Element, Traced
    from authz.rules.types import MaybeValue

#: How many elements of an array, of a map and of a `[*]` are shown.
MAX_ELEMENTS: Final = 10
#: How many bytes of a text are shown.
MAX_BYTES: Final = 256


def trace_json(traced: Traced) -> dict[str, Any]:
    """The tree with its keys always in the same order."""
    value = traced.value
    found: dict[str, Any] = {
        "expression": traced.text,
        "kind": traced.kind.value,
        "type": str(traced.type),
        "value": _shown(value),
        "missing": traced.missing,
        "reached": traced.reached,
    }
    if isinstance(value, bytes | tuple | list | dict) and is_cut(value):
        found["size"] = len(value)
    if traced.kind is Kind.COMPARISON:
        found["operator"] = traced.operator
        found["literal"] = traced.literal
        if traced.elements is None:
            found["operand"] = _shown(traced.parts[0].value)
    if traced.elements is not None:
        found["elements"] = _elements(traced.elements)
    if traced.unknown:
        # Of recorded requests alone (policy.recorded).
        found["unknown"] = traced.unknown
    found["parts"] = [trace_json(part) for part in traced.parts]
    return found


def _elements(elements: tuple[Element, ...]) -> dict[str, Any]:
    return {
        "number": len(elements),
        "true": sum(element.result is True for element in elements),
        "first": [
            {"at": one.at, "value": _shown(one.value), "result": _shown(one.result)}
            for one in elements[:MAX_ELEMENTS]
        ],
    }


def _shown(value: MaybeValue) -> Any:
    if isinstance(value, bytes):
        return text_of(value, MAX_BYTES)
    if isinstance(value, tuple | list):
        return [_shown(item) for item in value[:MAX_ELEMENTS]]
    if isinstance(value, dict):
        keys = sorted(value)[:MAX_ELEMENTS]
        return {text_of(key, MAX_BYTES): _shown(value[key]) for key in keys}
    return str(value) if isinstance(value, IPv4Address | IPv6Address) else value


def text_of(value: bytes, most: int) -> str:
    """At most so many bytes as text, a character that is cut in two left out."""
    return format_bytes(clipped(value, most))[1:-1]


def clipped(value: bytes, most: int) -> bytes:
    """The first so many bytes, or up to three fewer where that would cut a character in two."""
    head = value[:most]
    if len(value) > most:
        for fewer in range(min(4, len(head))):
            whole = head[: len(head) - fewer]
            try:
                whole.decode()
            except UnicodeDecodeError:
                continue
            return whole
    return head


def is_cut(value: MaybeValue) -> bool:
    """Whether something of a value is not shown."""
    if isinstance(value, bytes):
        return len(value) > MAX_BYTES
    if isinstance(value, tuple | list):
        return len(value) > MAX_ELEMENTS or any(map(is_cut, value))
    if isinstance(value, dict):
        return len(value) > MAX_ELEMENTS or any(map(is_cut, (*value, *value.values())))
    return False
