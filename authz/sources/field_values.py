# SPDX-License-Identifier: Apache-2.0
"""Field values and named lists as JSON, for whoever evaluates an expression by itself.

Text is UTF-8, bytes that are no text are `{"base64": "…"}`; fields that are left out are "", false,
0, 0.0.0.0 or empty. docs/reference/expression-commands.md has the whole of it.
"""

from __future__ import annotations

import binascii
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ParseError, PolicyError, SettingsError, TypeCheckError
from authz.policy.fields import SCHEME
from authz.rules import (
    Array,
    Bool,
    Bytes,
    Int,
    Ip,
    ListKind,
    ListModel,
    Map,
    compile_list,
    default_value,
    parse,
)
from authz.rules.types import INT_MAX, INT_MIN
from authz.settings.problems import describe, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.rules import Expression, Type, Value


# Three kinds for each list without one: more lists than anybody writes into one line.
_MAX_CHOICES = 729


# How a value of each type is written.
_EXAMPLES: Final = {
    "Bool": "true or false",
    "Int": "a number without fraction, of at most 64 bits: 443",
    "Bytes": 'a text: "…", or {"base64": "…"}',
    "Ip": 'an address as a text: "192.0.2.1"',
    "Array": "an array: […]",
    "Map": "an object: {…}",
}


class Values(dict[str, "Value"]):
    """Values by field; what is not there has its type's default."""

    def __missing__(self, name: str) -> Value:
        value = self[name] = default_value(SCHEME.fields[name].type)
        return value


def values_of(given: Any) -> Values:
    """The values of a JSON object `{field: value}`.

    Raises:
        SettingsError: an unknown field, or a value that is not of its type.
    """
    values = Values()
    for name, value in _object(given, "fields").items():
        known = SCHEME.fields.get(name)
        if known is None:
            reason = SCHEME.refused.get(name) or SCHEME.family_refused(name)
            if reason:
                raise SettingsError(f'the field "{name}" cannot exist here: {reason}')
            near = did_you_mean(name, SCHEME.fields)
            hint = near if near.startswith("did you") else None
            raise SettingsError(f'unknown field "{name}"', hint=hint)
        values[name] = _value(value, known.type, f'the field "{name}"')
    return values


def parse_with_lists(source: str, given: Any) -> Expression:
    """Parse with the lists of a JSON object: `{name: […]}` or `{name: {"kind": …, "items": […]}}`.

    A list without a kind is of the kind that the expression compares it with. Lists that the
    expression does not name are not looked at.

    Raises:
        ParseError, TypeCheckError: of the expression.
        SettingsError: the lists are not that.
        PolicyError: an item that does not fit its list.
    """
    models = {
        name: _models(name, value)
        for name, value in _object(given, "lists").items()
        if f"${name}" in source
    }
    likeliest = [choices[0] for choices in models.values()]
    try:
        return _parse(source, likeliest)
    except ParseError:
        raise
    except (TypeCheckError, PolicyError) as error:
        first = error
    for choice in islice(product(*models.values()), 1, _MAX_CHOICES):
        # Which kinds the expression asks for shows without the items; then they have to fit.
        try:
            _parse(source, [replace(model, items=()) for model in choice])
        except TypeCheckError:
            continue
        return _parse(source, choice)
    raise first


def _parse(source: str, models: Iterable[ListModel]) -> Expression:
    return parse(source, SCHEME, {model.name: compile_list(model) for model in models})


def _models(name: str, value: Any) -> list[ListModel]:
    """What a list may be, the likeliest first."""
    what = f'the list "{name}"'
    whole = value if isinstance(value, dict) else {"items": value}
    items = whole.get("items")
    if not isinstance(items, list) or any(
        isinstance(item, bool) or not isinstance(item, (str, int)) for item in items
    ):
        raise SettingsError(
            f"{what} has no list of items",
            hint='write ["10.0.0.0/8"] or {"kind": "ip", "items": ["10.0.0.0/8"]}',
        )
    kinds = [whole["kind"]] if "kind" in whole else _kinds(items)
    if any(kind not in list(ListKind) for kind in kinds):
        hint = did_you_mean(str(kinds[0]), ListKind)
        raise SettingsError(f"{what} is of no known kind: {describe(kinds[0])}", hint=hint)
    texts = tuple(map(str, items))
    return [ListModel(name=name, kind=ListKind(kind), items=texts) for kind in kinds]


def _object(given: Any, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise SettingsError(f'"{what}" is not an object', hint=f'write "{what}": {{"name": …}}')
    return given


def _kinds(items: list[str | int]) -> list[ListKind]:
    """What a list may be, the likeliest first."""
    if items and all(isinstance(item, int) for item in items):
        first = ListKind.INTEGER
    elif items and all(isinstance(item, str) and _is_network(item) for item in items):
        first = ListKind.IP
    else:
        first = ListKind.STRING
    return sorted(
        (ListKind.STRING, ListKind.IP, ListKind.INTEGER), key=lambda kind: kind is not first
    )


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _bytes(text: str) -> bytes:
    """UTF-8; U+DC80 to U+DCFF stand for the bytes 80 to FF (PEP 383), which no text could say."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _value(value: Any, kind: Type, what: str) -> Value:
    if isinstance(kind, Array) and isinstance(value, list):
        return tuple(_value(item, kind.of, f"{what}[{n}]") for n, item in enumerate(value))
    if isinstance(kind, Map) and isinstance(value, dict):
        return {_bytes(key): _value(one, kind.of, f'{what}["{key}"]') for key, one in value.items()}
    if kind == Bytes and isinstance(value, str):
        return _bytes(value)
    if kind == Bytes and isinstance(value, dict) and list(value) == ["base64"]:
        return _base64(value["base64"], what)
    if kind == Bool and isinstance(value, bool):
        return value
    if (
        kind == Int
        and isinstance(value, int)
        and not isinstance(value, bool)
        and INT_MIN <= value <= INT_MAX
    ):
        return value
    if kind == Ip and isinstance(value, str) and "%" not in value:  # no zones (RFC 4007)
        try:
            return ip_address(value)
        except ValueError:
            raise SettingsError(f'{what}: "{value}" is not an IP address') from None
    given = "null" if value is None else describe(value)
    hint = f"write {_EXAMPLES[kind.name.partition('(')[0]]}"
    raise SettingsError(f"{what} is of type {kind}, not {given}", hint=hint)


def _base64(text: Any, what: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (ValueError, TypeError):
        raise SettingsError(
            f"{what}: {describe(text)} is not Base64", hint='write {"base64": "/w=="}'
        ) from None
