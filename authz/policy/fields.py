# SPDX-License-Identifier: Apache-2.0
"""The fields a rule may read: what each is, and how its value comes from one request.

`SCHEME` is the catalogue (Cloudflare's names and types; reference/fields in the documentation is
generated from it), `FieldValues` the values of one reading of one request, computed when a rule
first reads them. The language itself is authz.rules.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from authz.policy import fields_tls, targets
from authz.policy.hosts import normalise_host
from authz.policy.refused_fields import REFUSED
from authz.policy.values import RequestValues
from authz.rules import Array, Bool, Bytes, Field, Int, Ip, Map, Scheme

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.facts import RequestFacts
    from authz.rules import Value

_UNKNOWN_ADDRESS = IPv4Address(0)

_STRINGS = Array(Bytes)
_STRING_MAP = Map(Array(Bytes))


class FieldValues(RequestValues):
    """Field values of one reading of one request, each computed when it is first read."""

    __slots__ = ()

    def __missing__(self, name: str) -> Value:
        value = self[name] = _PRODUCERS[name](self)
        return value


def _address(text: str) -> IPv4Address | IPv6Address:
    if not text:
        return _UNKNOWN_ADDRESS
    try:
        address = ip_address(text)
    except ValueError:
        return _UNKNOWN_ADDRESS
    # A dual-stack listener reports IPv4 clients as ::ffff:a.b.c.d, which no IPv4 rule would match.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _uri(values: RequestValues, path: bytes) -> bytes:
    # "/a?" and "/a" are different targets: the question mark stays.
    return path + b"?" + values.query if b"?" in values.facts.path else path


def _full_uri(values: RequestValues, path: bytes) -> bytes:
    return values.facts.scheme + b"://" + values.facts.host + _uri(values, path)


def _host(values: RequestValues) -> bytes:
    # Normalised: a rule on a host must not depend on case, port or a trailing dot.
    return (normalise_host(values.facts.host) or "").encode()


def _seconds(values: RequestValues) -> int:
    return values.facts.time_seconds or int(values.at)


def _milliseconds(values: RequestValues) -> int:
    facts = values.facts
    return facts.time_nanos // 1_000_000 if facts.time_seconds else int(values.at % 1 * 1000)


def _sent_path(values: RequestValues) -> bytes:
    return values.facts.path.partition(b"?")[0]


# The order is that of the documentation: request, headers, body, connection, Cloudflare's, ours.
_CATALOGUE: tuple[tuple[Field, Callable[[RequestValues], Value]], ...] = (
    (
        Field("http.request.method", Bytes, doc="HTTP method, upper case."),
        lambda v: v.facts.method,
    ),
    (
        Field("http.request.uri", Bytes, doc="Path and query."),
        lambda v: _uri(v, v.path),
    ),
    (
        Field("http.request.uri.path", Bytes, doc="Path without the query."),
        lambda v: v.path,
    ),
    (
        Field(
            "http.request.uri.path.extension",
            Bytes,
            doc="Lower-cased text after the last dot of the last segment.",
        ),
        lambda v: targets.extension(v.path),
    ),
    (
        Field("http.request.uri.query", Bytes, doc="Query without `?`, not decoded."),
        lambda v: v.query,
    ),
    (
        Field("http.request.uri.args", _STRING_MAP, doc="Query arguments by name, not decoded."),
        lambda v: targets.grouped(targets.query_pairs(v.query)),
    ),
    (
        Field("http.request.uri.args.names", _STRINGS, doc="Argument names in request order."),
        lambda v: tuple(name for name, _ in targets.query_pairs(v.query)),
    ),
    (
        Field("http.request.uri.args.values", _STRINGS, doc="Argument values in request order."),
        lambda v: tuple(value for _, value in targets.query_pairs(v.query)),
    ),
    (
        Field("http.request.full_uri", Bytes, doc="`scheme://host/path?query`."),
        lambda v: _full_uri(v, v.path),
    ),
    (
        Field("http.host", Bytes, doc="Host, lower case, without port and trailing dot."),
        _host,
    ),
    (
        Field("http.request.version", Bytes, doc="`HTTP/1.1`, `HTTP/2` or `HTTP/3`."),
        lambda v: v.facts.protocol,
    ),
    (
        Field("http.request.timestamp.sec", Int, doc="When Envoy got the request, Unix seconds."),
        _seconds,
    ),
    (
        Field("http.request.timestamp.msec", Int, doc="Milliseconds of that second, 0-999."),
        _milliseconds,
    ),
    (
        Field("http.request.headers", _STRING_MAP, doc="Header values by lower-case name."),
        lambda v: targets.grouped(v.facts.headers),
    ),
    (
        Field("http.request.headers.names", _STRINGS, doc="Header names, duplicates listed."),
        lambda v: tuple(name for name, _ in v.facts.headers),
    ),
    (
        Field("http.request.headers.values", _STRINGS, doc="Header values, aligned with names."),
        lambda v: tuple(value for _, value in v.facts.headers),
    ),
    (
        Field("http.request.headers.truncated", Bool, doc="True when not every header reached us."),
        lambda v: v.facts.headers_truncated,
    ),
    (
        Field("http.request.cookies", _STRING_MAP, doc="Cookie values by URL-decoded name."),
        lambda v: targets.grouped(targets.cookie_pairs(v.header(b"cookie", b"; "))),
    ),
    (
        Field("http.cookie", Bytes, doc="The whole Cookie header."),
        lambda v: v.header(b"cookie", b"; "),
    ),
    (Field("http.referer", Bytes, doc="The Referer header."), lambda v: v.header(b"referer")),
    (
        Field("http.user_agent", Bytes, doc="The User-Agent header."),
        lambda v: v.header(b"user-agent"),
    ),
    (
        Field("http.x_forwarded_for", Bytes, doc="The whole X-Forwarded-For header."),
        lambda v: v.header(b"x-forwarded-for"),
    ),
    (
        Field("http.request.body.raw", Bytes, doc="The body as far as Envoy sent it."),
        lambda v: v.facts.body,
    ),
    (
        Field("http.request.body.size", Int, doc="Bytes of the body."),
        lambda v: max(v.facts.body_size, len(v.facts.body)),
    ),
    (
        Field("http.request.body.truncated", Bool, doc="True when the body is incomplete."),
        lambda v: v.facts.body_truncated,
    ),
    (
        Field("raw.http.request.uri", Bytes, doc="Path and query as sent to us."),
        lambda v: v.facts.path,
    ),
    (Field("raw.http.request.uri.path", Bytes, doc="Path as sent to us."), _sent_path),
    (
        Field("raw.http.request.uri.path.extension", Bytes, doc="Extension of the path as sent."),
        lambda v: targets.extension(_sent_path(v)),
    ),
    (Field("raw.http.request.uri.query", Bytes, doc="Query as sent to us."), lambda v: v.query),
    (
        Field("raw.http.request.full_uri", Bytes, doc="`scheme://host/path?query` as sent to us."),
        lambda v: _full_uri(v, _sent_path(v)),
    ),
    (
        Field("raw.http.request.uri.args", _STRING_MAP, doc="Arguments of the query as sent."),
        lambda v: targets.grouped(targets.query_pairs(v.query)),
    ),
    (
        Field("raw.http.request.uri.args.names", _STRINGS, doc="Argument names as sent."),
        lambda v: tuple(name for name, _ in targets.query_pairs(v.query)),
    ),
    (
        Field("raw.http.request.uri.args.values", _STRINGS, doc="Argument values as sent."),
        lambda v: tuple(value for _, value in targets.query_pairs(v.query)),
    ),
    (
        Field("ip.src", Ip, doc="Client address after `client_ip.trusted_hops`; 0.0.0.0 unknown."),
        lambda v: _address(v.facts.source_address),
    ),
    (
        Field("ssl", Bool, doc="True when the client's connection is encrypted."),
        lambda v: v.facts.scheme == b"https",
    ),
    (
        Field("cf.edge.server_ip", Ip, doc="Address that took the request."),
        lambda v: _address(v.facts.destination_address),
    ),
    (
        Field("cf.edge.server_port", Int, doc="Port that took the request."),
        lambda v: v.facts.destination_port,
    ),
    (
        Field("cf.edge.client_tcp", Bool, doc="True unless the request came over QUIC."),
        lambda v: v.facts.protocol != b"HTTP/3",
    ),
    (Field("cf.ray_id", Bytes, doc="Envoy's request id."), lambda v: v.facts.request_id.encode()),
    (Field("cf.threat_score", Int, doc="Always 0, as at Cloudflare."), lambda _: 0),
    (Field("cf.worker.upstream_zone", Bytes, doc="Always empty: no Workers."), lambda _: b""),
    *fields_tls.CATALOGUE,
    (
        Field(
            "authz.cert.failure", Bytes, doc="Why the certificate is not verified; empty if it is."
        ),
        lambda v: (v.client.failure or "").encode(),
    ),
    (
        Field("authz.tls.sni", Bytes, doc="Server name of the TLS handshake."),
        lambda v: (v.facts.sni or "").encode(),
    ),
    (Field("authz.site", Bytes, doc="Name of the site that answers."), lambda v: v.site.encode()),
    (
        Field("authz.peer.port", Int, doc="Source port of the TCP peer."),
        lambda v: v.facts.peer_port,
    ),
)

_PRODUCERS: dict[str, Callable[[RequestValues], Value]] = {
    field.name: producer for field, producer in _CATALOGUE
}

#: The catalogue that expressions are parsed against.
SCHEME = Scheme(fields={field.name: field for field, _ in _CATALOGUE}, refused=REFUSED)

#: Fields whose value depends on how the path is read; `raw.*` is always as sent.
PATH_FIELDS = frozenset(
    {
        "http.request.uri",
        "http.request.uri.path",
        "http.request.uri.path.extension",
        "http.request.full_uri",
    }
)

_BODY_FIELDS = frozenset({"http.request.body.raw"})
_HEADER_FIELDS = frozenset(
    {
        "http.request.headers",
        "http.request.headers.names",
        "http.request.headers.values",
        "http.request.cookies",
        "http.cookie",
        "http.referer",
        "http.user_agent",
        "http.x_forwarded_for",
    }
)
_NONE: frozenset[str] = frozenset()


def unknown_fields(facts: RequestFacts, read: frozenset[str]) -> frozenset[str]:
    """Which of the fields `read` have a value that was cut short on its way (architecture 4.9)."""
    if not (facts.body_truncated or facts.headers_truncated):
        return _NONE
    unknown = _BODY_FIELDS if facts.body_truncated else _NONE
    if facts.headers_truncated:
        unknown |= _HEADER_FIELDS
    return unknown & read
