# SPDX-License-Identifier: Apache-2.0
"""lookup_json_string and lookup_json_integer: one value out of a JSON document.

The document comes from the client: what is not JSON or has no such value gives a missing value,
never an error. How it is read is in json_document.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.rules.functions.json_document import read_json
from authz.rules.functions.model import ArgumentError, ArgumentKind, Function, Parameter
from authz.rules.types import INT_MAX, INT_MIN, Bytes, Int

if TYPE_CHECKING:
    from authz.rules.functions.model import Implementation, LiteralValue


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
    found = read_json(document)
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
_KEYS: Final = "Names are literal texts in UTF-8, positions literal numbers from 0"
_DOCUMENTS: Final = (
    "Of a name that an object has twice, the last value counts. What is not JSON in UTF-8 (RFC "
    "8259) has no values: a `block` rule that is to stop it must match a missing value, as in `not "
    'lookup_json_string(http.request.body.raw, "user") in {"ann" "ben"}`. Other values are found '
    "beside a number of any length, and beside values nested to any depth; of a document with more "
    "than some 900 levels, or a number of more than 4,300 digits, only 128 levels are looked into."
)
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
    limits=f"{_KEYS}. {_DOCUMENTS}",
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
    limits=f"{_KEYS}; 64-bit results. {_DOCUMENTS}",
)
