# SPDX-License-Identifier: Apache-2.0
"""The schemes of the vectors, and field values from JSON.

`SCHEME` is the small one that is written down as data in tests/vectors/rules/schemes.json: the
fields of the reference observations, what the lint and the hex rule need, and types that no field
of the product has. The product's catalogue (authz/policy/fields.py) has tests of its own.
"""

from __future__ import annotations

import json
from base64 import b64decode
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from authz.rules import (
    Array,
    Bool,
    Bytes,
    Field,
    Int,
    Ip,
    Map,
    Scheme,
    Type,
    default_value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules import Value

#: Which file of vectors is read with which scheme, and the schemes.
SCHEMES: Final = json.loads(
    (Path(__file__).parents[1] / "vectors" / "rules" / "schemes.json").read_text()
)
_SIMPLE: Final = {kind.name: kind for kind in (Bool, Int, Bytes, Ip)}


def type_of(text: str) -> Type:
    """The type that is written like this: `Map(Array(Bytes))`."""
    name, parenthesis, inner = text.partition("(")
    if not parenthesis:
        return _SIMPLE[name]
    return {"Array": Array, "Map": Map}[name](type_of(inner.removesuffix(")")))


def scheme_of(data: Mapping[str, Any]) -> Scheme:
    """A scheme that is written down as data."""
    hexadecimal = set(data["hex"])
    return Scheme(
        {
            name: Field(name, type_of(kind), hex=name in hexadecimal)
            for name, kind in data["fields"].items()
        },
        refused=data["refused"],
    )


SCHEME: Final = scheme_of(SCHEMES["schemes"]["small"])


def field_value(kind: Type, given: Any) -> Value:
    """The value of a type that a JSON value stands for; texts are UTF-8, or `{"base64": "…"}`."""
    if isinstance(kind, Array):
        return tuple(field_value(kind.of, item) for item in given)
    if isinstance(kind, Map):
        return {key.encode(): field_value(kind.of, item) for key, item in given.items()}
    if kind == Bytes:
        return (
            b64decode(given["base64"], validate=True) if isinstance(given, dict) else given.encode()
        )
    return ip_address(given) if kind == Ip else given


def field_values(given: Mapping[str, Any], scheme: Scheme = SCHEME) -> dict[str, Value]:
    """Values for every field of a scheme: those given, as JSON values, and the default ones."""
    values = {name: default_value(field.type) for name, field in scheme.fields.items()}
    for name, value in given.items():
        values[name] = field_value(scheme.fields[name].type, value)
    return values
