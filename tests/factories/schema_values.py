# SPDX-License-Identifier: Apache-2.0
"""Values that a JSON Schema of ours accepts, and the same with something changed in them.

Only the keywords that authz/schemas has.
"""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn, SearchStrategy

_TEXTS = st.sampled_from(["x", "off", "a.example", "127.0.0.1:0", "http://pki.example", "0A1B"])
_OTHERS: list[Any] = [None, True, 0, -1, 70_000, 1.5, "", "x", "off", [], ["x"], [1], {}, {"x": 1}]
#: Where a key is taken away, and not another value put.
_GONE = object()


def shipped_schema(name: str) -> Any:
    """`authz` or `policy`, as it is in the package."""
    text = (files("authz") / "schemas" / f"{name}.v1.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def values_of(schema: Any) -> SearchStrategy[Any]:
    """What the schema accepts."""
    return _values(schema, schema["definitions"])


@st.composite
def changed(draw: DrawFn, values: SearchStrategy[Any]) -> Any:
    """The same, with up to two keys added or taken away, or values that are something else."""
    value = copy.deepcopy(draw(values))
    for _ in range(draw(st.integers(0, 2))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        other = draw(st.sampled_from([*_OTHERS, _GONE]))
        if other is _GONE:
            del holder[key]
        elif isinstance(holder, dict) and draw(st.booleans()):
            holder[f"{key}s"] = other
        else:
            holder[key] = copy.deepcopy(other)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, one in pairs:
        yield value, key
        yield from _places(one)


def _values(schema: Any, definitions: Any) -> SearchStrategy[Any]:
    if "$ref" in schema:
        return _values(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "allOf" in schema:
        (one,) = schema["allOf"]
        return _values(one, definitions)
    if "anyOf" in schema:
        return st.one_of([_values(one, definitions) for one in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema["type"]
    if isinstance(kinds, list):
        return st.one_of([_values({**schema, "type": kind}, definitions) for kind in kinds])
    return _of_kind(kinds, schema, definitions)


def _of_kind(kind: str, schema: Any, definitions: Any) -> SearchStrategy[Any]:
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            return st.floats(schema["minimum"], schema["maximum"])
        case "string":
            if "pattern" in schema:
                return st.from_regex(schema["pattern"].replace("$", r"\Z"))
            return _TEXTS
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(
                _values(schema["items"], definitions), min_size=least, max_size=least + 1
            )
        case "object" if "properties" in schema:
            of = {name: _values(one, definitions) for name, one in schema["properties"].items()}
            needed = schema.get("required", [])
            return st.fixed_dictionaries(
                {name: of[name] for name in needed},
                optional={name: one for name, one in of.items() if name not in needed},
            )
        case "object":
            (item,) = schema.get("patternProperties", {"": schema["additionalProperties"]}).values()
            names = schema.get("propertyNames", {}).get("const", "x")
            return st.dictionaries(st.just(names), _values(item, definitions), max_size=1)
    raise AssertionError(f"nothing here makes values of {schema}")
