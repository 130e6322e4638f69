# SPDX-License-Identifier: Apache-2.0
"""lookup_json_string and lookup_json_integer: one value out of a JSON document.

The document comes from the client: what is not JSON, nested too deeply or has no such value gives
a missing value, never an error.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from authz.rules.functions.model import ArgumentError, ArgumentKind, Function, Parameter
from authz.rules.types import INT_MAX, INT_MIN, Bytes, Int

if TYPE_CHECKING:
    from authz.rules.functions.model import Implementation, LiteralValue


def _refuse(_constant: str) -> NoReturn:
    # NaN and Infinity are Python's additions, not JSON (RFC 8259 section 6).
    raise ValueError("not JSON")


def _parse(document: bytes) -> Any:
    try:
        return json.loads(document.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _path(literals: tuple[LiteralValue | None, ...]) -> tuple[str | int, ...]:
    path: list[str | int] = []
    for position, key in enumerate(literals[1:], start=1):
        if isinstance(key, bytes):
            try:
                path.append(key.decode("utf-8"))
            except UnicodeDecodeError:
                raise ArgumentError(position, "a JSON key must be valid UTF-8") from None
        elif isinstance(key, int) and key >= 0:
            path.append(key)
        else:
            raise ArgumentError(
                position, "a JSON key is a literal name or a literal position from 0"
            )
    return tuple(path)


def _find(document: bytes, path: tuple[str | int, ...]) -> Any:
    found = _parse(document)
    for key in path:
        if isinstance(key, str):
            if not isinstance(found, dict) or key not in found:
                return None
            found = found[key]
        else:
            if not isinstance(found, list) or key >= len(found):
                return None
            found = found[key]
    return found


def _bind_string(literals: tuple[LiteralValue | None, ...]) -> Implementation:
    path = _path(literals)

    def lookup(document: bytes, *_keys: object) -> bytes | None:
        found = _find(document, path)
        try:
            return found.encode("utf-8") if isinstance(found, str) else None
        except UnicodeEncodeError:  # "\ud800" is JSON, but no text.
            return None

    return lookup


def _bind_integer(literals: tuple[LiteralValue | None, ...]) -> Implementation:
    path = _path(literals)

    def lookup(document: bytes, *_keys: object) -> int | None:
        found = _find(document, path)
        if type(found) is not int:  # bool is an int to Python, not to JSON; 42.0 is refused.
            return None
        return found if INT_MIN <= found <= INT_MAX else None

    return lookup


_DOCUMENT: Final = Parameter(name="document", accepts=(Bytes,))
_KEY: Final = Parameter(name="key", accepts=(Bytes, Int), kind=ArgumentKind.LITERAL)

LOOKUP_JSON_STRING: Final = Function(
    name="lookup_json_string",
    parameters=(_DOCUMENT,),
    variadic=_KEY,
    variadic_minimum=1,
    returns=Bytes,
    bind=_bind_string,
    may_be_missing=True,
    doc="The string at a path of names and positions in a JSON document; missing if there is none.",
    limits="Names are literal texts in UTF-8, positions literal numbers from 0.",
)
LOOKUP_JSON_INTEGER: Final = Function(
    name="lookup_json_integer",
    parameters=(_DOCUMENT,),
    variadic=_KEY,
    variadic_minimum=1,
    returns=Int,
    bind=_bind_integer,
    may_be_missing=True,
    doc="The plain integer at a path in a JSON document; missing if there is none (42.0 is none).",
    limits="Names are literal texts in UTF-8, positions literal numbers from 0; 64-bit results.",
)
