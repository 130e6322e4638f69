# SPDX-License-Identifier: Apache-2.0
"""One row of the catalogue of fields: the field, its value for a request, where that comes from.

The rows themselves are in fields_*.py, one file for each family; fields.py puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authz.policy.values import RequestValues
from authz.rules import Array, Bytes, Field, Map, Type, Value

#: Computes a field's value; called when a rule first reads it.
Producer = Callable[[RequestValues], Value]

STRINGS = Array(Bytes)
STRING_MAP = Map(Array(Bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A field and what it takes.

    `source` says where the value comes from in Envoy, and which option it needs, where the name
    does not say so already; a phrase for the reference page.
    """

    field: Field
    produce: Producer
    source: str = ""


def entry(
    name: str, kind: Type, produce: Producer, doc: str, source: str = "", *, as_hex: bool = False
) -> Entry:
    """One row; `doc` is one sentence, `as_hex` is Field.hex."""
    return Entry(field=Field(name, kind, hex=as_hex, doc=doc), produce=produce, source=source)
