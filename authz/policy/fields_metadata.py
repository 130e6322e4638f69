# SPDX-License-Identifier: Apache-2.0
"""Fields from what other Envoy filters found out: `metadata_context` of the CheckRequest.

`authz.metadata` is all of it; `http.request.jwt.claims.*` are the claims of the tokens that Envoy's
jwt_authn filter put there (`payload_in_metadata`), by the name they have there. Envoy sends the
namespaces that ext_authz names in `metadata_context_namespaces`, nothing by default. Whether a
token is good is for jwt_authn to say: it writes the claims of tokens that passed.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from authz.policy.catalogue import STRING_MAP, STRINGS, Entry, Producer, entry
from authz.rules import Array, Int, Map
from authz.rules.types import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from authz.policy.values import RequestValues
    from authz.rules import Value

#: The namespace of Envoy's JWT filter.
JWT_NAMESPACE: Final = "envoy.filters.http.jwt_authn"

_JWT = (
    f"namespace `{JWT_NAMESPACE}`; needs `payload_in_metadata` there and the namespace in "
    "`metadata_context_namespaces` of ext_authz"
)


def _metadata(values: RequestValues) -> dict[bytes, Value]:
    return {
        _bytes(f"{namespace}:{key}"): tuple(_texts(value))
        for namespace, content in values.facts.metadata.items()
        if isinstance(content, dict)
        for key, value in content.items()
    }


def _texts(value: Any) -> Iterable[bytes]:
    """A value as texts: a list is several, an object is JSON, null is none."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield _bytes(item)
        elif item is not None:
            plain = _plain(item)
            yield _bytes(json.dumps(plain, ensure_ascii=False, sort_keys=True))


def _plain(value: Any) -> Any:
    """The value with its numbers as a person writes them: 5 and not 5.0, null for infinity."""
    # protobuf refuses messages nested deeper than 100, which bounds the recursion.
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() else value
    return value


def _bytes(text: str) -> bytes:
    # protobuf strings are UTF-8; facts made by hand need not be.
    return text.encode("utf-8", "surrogatepass")


def _claims(claim: str, read: Callable[[Any], tuple[Value, ...]]) -> Producer:
    def produce(values: RequestValues) -> Value:
        tokens = values.facts.metadata.get(JWT_NAMESPACE)
        if not isinstance(tokens, dict):
            return {}
        found: dict[bytes, Value] = {}
        for name, payload in tokens.items():
            items = read(payload.get(claim)) if isinstance(payload, dict) else ()
            if items:
                found[_bytes(name)] = items
        return found

    return produce


def _text_claim(value: Any) -> tuple[Value, ...]:
    # RFC 7519 4.1: StringOrURI; `aud` may be a list of them. Anything else is no such claim.
    items = value if isinstance(value, list) else [value]
    return tuple(_bytes(item) for item in items if isinstance(item, str))


def _time_claim(value: Any) -> tuple[Value, ...]:
    # RFC 7519 2: a NumericDate may have fractions. A bool is an int in Python and no date.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return ()
    seconds = math.floor(value)
    return (seconds,) if INT_MIN <= seconds <= INT_MAX else ()


def _keys(of: Mapping[bytes, Value]) -> tuple[Value, ...]:
    # One name for each value, so that the two arrays are aligned.
    return tuple(name for name, items in of.items() for _ in _items(items))


def _items(value: Value) -> tuple[Value, ...]:
    assert isinstance(value, tuple)
    return value


def _rows(name: str, claim: str, what: str) -> tuple[Entry, Entry, Entry]:
    full = f"http.request.jwt.claims.{name}"
    numbers = name.endswith(".sec")
    whole = _claims(claim, _time_claim if numbers else _text_claim)

    def of(values: RequestValues) -> dict[bytes, Value]:
        found = values[full]
        assert isinstance(found, dict)
        return found

    return (
        entry(
            full,
            Map(Array(Int)) if numbers else STRING_MAP,
            whole,
            f"{what}, by the name of the token's metadata.",
            _JWT,
        ),
        entry(
            f"{full}.names",
            STRINGS,
            lambda v: _keys(of(v)),
            f"The names of the tokens with `{claim}`, one for each value.",
            _JWT,
        ),
        entry(
            f"{full}.values",
            Array(Int) if numbers else STRINGS,
            lambda v: tuple(item for items in of(v).values() for item in _items(items)),
            f"{what}, of all tokens.",
            _JWT,
        ),
    )


JWT: tuple[Entry, ...] = (
    *_rows("aud", "aud", "Audiences"),
    *_rows("iss", "iss", "Issuer"),
    *_rows("jti", "jti", "Identifier"),
    *_rows("sub", "sub", "Subject"),
    *_rows("iat.sec", "iat", "When it was issued, Unix seconds"),
    *_rows("nbf.sec", "nbf", "When it begins to be good, Unix seconds"),
)

METADATA: tuple[Entry, ...] = (
    entry(
        "authz.metadata",
        STRING_MAP,
        _metadata,
        "Dynamic metadata of other filters by `namespace:key`: a text is itself, a list several "
        "values, a number or an object its JSON.",
        "`metadata_context`; needs `metadata_context_namespaces` of ext_authz",
    ),
)
