# SPDX-License-Identifier: Apache-2.0
"""A small scheme for tests of the Rules language, and field values from JSON.

Its fields are those of the reference observations plus what the lint and the hex rule need; the
product's catalogue (authz/policy/fields.py) has tests of its own.
"""

from __future__ import annotations

from ipaddress import ip_address
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

_TEXTS: Final = Array(Bytes)
_TLS: Final = "cf.tls_client_auth."

_FIELDS: Final = (
    Field("cf.edge.server_port", Int),
    Field("http.cookie", Bytes),
    Field("http.host", Bytes),
    Field("http.request.body.multipart.names", Array(_TEXTS)),
    Field("http.request.body.raw", Bytes),
    Field("http.request.body.size", Int),
    Field("http.request.headers", Map(_TEXTS)),
    Field("http.request.headers.names", _TEXTS),
    Field("http.request.headers.values", _TEXTS),
    Field("http.request.method", Bytes),
    Field("http.request.timestamp.sec", Int),
    Field("http.request.uri", Bytes),
    Field("http.request.uri.args.names", _TEXTS),
    Field("http.request.uri.path", Bytes),
    Field("http.request.uri.query", Bytes),
    Field("http.user_agent", Bytes),
    Field("ip.src", Ip),
    Field("ssl", Bool),
    Field("authz.cert.failure", Bytes),
    Field(_TLS + "cert_presented", Bool),
    Field(_TLS + "cert_verified", Bool),
    Field(_TLS + "cert_revoked", Bool),
    Field(_TLS + "cert_serial", Bytes, hex=True),
    Field(_TLS + "cert_fingerprint_sha256", Bytes, hex=True),
    Field(_TLS + "cert_issuer_ski", Bytes, hex=True),
    # No product field has these types; the language allows them.
    Field("test.flags", Array(Bool)),
    Field("test.flag_map", Map(Bool)),
    Field("test.flag_lists", Map(Array(Bool))),
    Field("test.numbers", Array(Int)),
    Field("test.number_map", Map(Int)),
    Field("test.addresses", Array(Ip)),
    Field("test.hex_list", _TEXTS, hex=True),
)

SCHEME: Final = Scheme(
    {field.name: field for field in _FIELDS},
    refused={"cf.bot_management.score": "there is no bot score here"},
)


def field_value(kind: Type, given: Any) -> Value:
    """The value of a type that a JSON value stands for; texts are UTF-8."""
    if isinstance(kind, Array):
        return tuple(field_value(kind.of, item) for item in given)
    if isinstance(kind, Map):
        return {key.encode(): field_value(kind.of, item) for key, item in given.items()}
    if kind == Bytes:
        return str(given).encode()
    return ip_address(given) if kind == Ip else given


def field_values(given: Mapping[str, Any], scheme: Scheme = SCHEME) -> dict[str, Value]:
    """Values for every field of a scheme: those given, as JSON values, and the default ones."""
    values = {name: default_value(field.type) for name, field in scheme.fields.items()}
    for name, value in given.items():
        values[name] = field_value(scheme.fields[name].type, value)
    return values
