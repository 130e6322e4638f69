# SPDX-License-Identifier: Apache-2.0
"""What the expression builder offers, as JSON: small, since a page loads it.

What there is, and what it means, is `services.expression_catalogue`; here is what rows can make of
it: which operators a type has there, what may be put into an input, which functions go around a
value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.dashboard.field_labels import LABELS, TITLES, section_of
from authz.policy.fields import CATALOGUE, SCHEME
from authz.rules import Array, Bytes, Int, Ip, ListKind, ListModel, Map, compile_list, parse
from authz.rules.row_reading import rows_of
from authz.rules.rows import TESTS, Row, RowGroup, RowOperator
from authz.services.expression_catalogue import (
    example_of,
    functions_for,
    list_fields,
    list_functions,
    list_names,
    list_operators,
    operators_for,
)

if TYPE_CHECKING:
    from authz.policy.geo import GeoLookup
    from authz.rules import Field, Type
    from authz.store.engine import Store

_SIMPLE: Final = (Bytes, Int, Ip)
#: What a list holds, by its kind.
_HOLDS: Final = {
    kind.value: compile_list(ListModel(name="a", kind=kind)).holds.name for kind in ListKind
}
_WHOLE: Final = {"Map": [RowOperator.HAS_KEY.value], "Array": [RowOperator.HAS_VALUE.value]}


def builder_catalogue(geo: GeoLookup | None, store: Store | None) -> dict[str, Any]:
    """Everything that a builder offers.

    Args:
        store: where lists are; None for somebody who may not read them.
    """
    return {
        **_offered(geo),
        "lists": None
        if store is None
        else [
            {"name": one["name"], "kind": one["kind"], "type": _HOLDS[one["kind"]]}
            for one in list_names(store)
        ],
    }


def _offered(geo: GeoLookup | None) -> dict[str, Any]:
    fields = {row.field.name: row.field for row in CATALOGUE}
    return {
        "sections": _sections([_field(one, fields[one["name"]]) for one in list_fields(geo)]),
        "operators": {"Bool": [RowOperator.IS_TRUE.value, RowOperator.IS_FALSE.value]}
        | {kind.name: _operators(kind) for kind in _SIMPLE}
        | _WHOLE,
        "words": [
            {"name": one["name"], "kind": one["kind"], "about": one["description"]}
            | ({"types": one["types"]} if one["kind"] == "comparison" else {})
            for one in list_operators()
        ],
        "functions": [_function(one) for one in list_functions()],
    }


def _sections(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fields under their headings, those of a certificate first: they are what this is about."""
    found: dict[str, list[dict[str, Any]]] = {title: [] for title in TITLES}
    for one in fields:
        found[section_of(one["name"])].append(one)
    return [{"title": title, "fields": some} for title, some in found.items()]


def _field(listed: dict[str, Any], field: Field) -> dict[str, Any]:
    shown = {
        "name": field.name,
        "shape": _shape(field.type),
        "about": listed["description"],
        "label": LABELS.get(field.name),
        "like": _placeholder(field),
        "hex": field.hex or None,
        "missing": listed["unavailable_because"],
    }
    return {key: value for key, value in shown.items() if value is not None}


def _shape(kind: Type) -> list[str]:
    """A type from the outside in: `["Map", "Array", "Bytes"]`."""
    names = []
    while isinstance(kind, Array | Map):
        names.append("Map" if isinstance(kind, Map) else "Array")
        kind = kind.of
    return [*names, kind.name]


def _placeholder(field: Field) -> str | None:
    """What a value looks like."""
    rows = rows_of(parse(example_of(field), SCHEME))
    row = rows.rows[0] if isinstance(rows, RowGroup) else None
    return row.literals[0].text if isinstance(row, Row) and row.literals else None


def _operators(kind: Type) -> list[str]:
    names = list(operators_for(kind))
    # Sets and lists are two inputs, and so two operators.
    names.insert(names.index(RowOperator.IN.value) + 1, RowOperator.IN_LIST.value)
    if kind == Bytes:
        names += [RowOperator.STARTS_WITH.value, RowOperator.ENDS_WITH.value]
    return names


def _function(listed: dict[str, Any]) -> dict[str, Any]:
    first, *others = listed["parameters"]
    around = [
        kind
        for kind, example in (*((one.name, one) for one in _SIMPLE), ("Array", Array(Bytes)))
        if listed["name"] in functions_for(example)
        # What takes several values of one kind is not a thing done to one.
        and first["need"] == "required"
        and listed["name"] not in TESTS
        and (kind != "Array" or "Array" in first["type"] or first["type"] == "any type")
    ]
    return {
        "name": listed["name"],
        "signature": listed["signature"],
        "about": listed["description"],
        "returns": listed["returns"],
        "around": around,
        "more": [{"name": one["name"], "type": one["type"], "need": one["need"]} for one in others],
    }
