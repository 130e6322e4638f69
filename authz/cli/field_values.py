# SPDX-License-Identifier: Apache-2.0
"""Field values and named lists as JSON, for `authz expression`.

Text is UTF-8; fields that are left out are "", false, 0, 0.0.0.0 or empty.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from authz.errors import SettingsError
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
)
from authz.rules.types import INT_MAX, INT_MIN
from authz.settings.problems import describe, did_you_mean

if TYPE_CHECKING:
    from authz.rules import NamedList, Type, Value


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
            near = did_you_mean(name, SCHEME.fields)
            hint = near if near.startswith("did you") else None
            raise SettingsError(f'unknown field "{name}"', hint=hint)
        values[name] = _value(value, known.type, f'the field "{name}"')
    return values


def lists_of(given: Any) -> dict[str, NamedList]:
    """The lists of a JSON object: `{name: {"kind": …, "items": […]}}` or `{name: […]}`.

    Without a kind it is what all items are: numbers, addresses and networks, or text.

    Raises:
        SettingsError: it is not that.
        PolicyError: an item that does not fit its list.
    """
    lists: dict[str, NamedList] = {}
    for name, value in _object(given, "lists").items():
        what = f'the list "{name}"'
        whole = value if isinstance(value, dict) else {"items": value}
        items = whole.get("items")
        if not isinstance(items, list) or any(
            isinstance(item, bool) or not isinstance(item, (str, int)) for item in items
        ):
            raise SettingsError(
                f"{what} has no list of items", hint='write {"kind": "ip", "items": ["10.0.0.0/8"]}'
            )
        kind = whole.get("kind", _kind(items))
        if kind not in list(ListKind):
            hint = did_you_mean(str(kind), ListKind)
            raise SettingsError(f"{what} is of no known kind: {describe(kind)}", hint=hint)
        lists[name] = compile_list(
            ListModel(name=name, kind=ListKind(kind), items=tuple(map(str, items)), where=what)
        )
    return lists


def _object(given: Any, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise SettingsError(f'"{what}" is not an object', hint=f'write "{what}": {{"name": …}}')
    return given


def _kind(items: list[str | int]) -> ListKind:
    if items and all(isinstance(item, int) for item in items):
        return ListKind.INTEGER
    if items and all(isinstance(item, str) and _is_network(item) for item in items):
        return ListKind.IP
    return ListKind.STRING


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _value(value: Any, kind: Type, what: str) -> Value:
    if isinstance(kind, Array) and isinstance(value, list):
        return tuple(_value(item, kind.of, what) for item in value)
    if isinstance(kind, Map) and isinstance(value, dict):
        return {
            key.encode("utf-8", "surrogatepass"): _value(item, kind.of, what)
            for key, item in value.items()
        }
    if kind == Bytes and isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if kind == Bool and isinstance(value, bool):
        return value
    if (
        kind == Int
        and isinstance(value, int)
        and not isinstance(value, bool)
        and INT_MIN <= value <= INT_MAX
    ):
        return value
    if kind == Ip and isinstance(value, str):
        try:
            return ip_address(value)
        except ValueError:
            raise SettingsError(f'{what}: "{value}" is not an IP address') from None
    raise SettingsError(f"{what} is of type {kind}, not {describe(value)}")
