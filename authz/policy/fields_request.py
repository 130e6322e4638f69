# SPDX-License-Identifier: Apache-2.0
"""Fields of the request line, the headers and the connection, and their `raw.*` forms.

Bodies are in fields_body, certificates in fields_tls. What a path, a query or a cookie consists of
is taken apart in targets.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from authz.policy import targets
from authz.policy.catalogue import STRING_MAP, STRINGS, Entry, entry
from authz.policy.hosts import normalise_host
from authz.rules import Bool, Bytes, Int, Ip

if TYPE_CHECKING:
    from authz.policy.values import RequestValues

_UNKNOWN_ADDRESS = IPv4Address(0)
_REPEATS = "repeated lines stay apart only with `encode_raw_headers: true`"

# RFC 9110 §12.4.2 and §12.5.4, without `*`: a language range and its weight of at most one.
_LANGUAGE: Final = re.compile(
    rb"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    rb"(?:[ \t]*;[ \t]*[Qq]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


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
    # Normalised as http.host is: a rule must not depend on case, port or a trailing dot.
    return values.facts.scheme + b"://" + _host(values) + _uri(values, path)


def _sent_full_uri(values: RequestValues, path: bytes) -> bytes:
    return values.facts.scheme + b"://" + values.facts.host + _uri(values, path)


def _host(values: RequestValues) -> bytes:
    # Normalised: a rule on a host must not depend on case, port or a trailing dot.
    return (normalise_host(values.facts.host) or "").encode()


def _seconds(values: RequestValues) -> int:
    return values.facts.time_seconds or int(values.at)


def _milliseconds(values: RequestValues) -> int:
    facts = values.facts
    return facts.time_nanos // 1_000_000 if facts.time_seconds else int(values.at % 1 * 1000)


def _seed(values: RequestValues) -> bytes:
    return values.seed()


def _sent_path(values: RequestValues) -> bytes:
    return values.facts.path.partition(b"?")[0]


def _accepted_languages(values: RequestValues) -> tuple[bytes, ...]:
    """Tags by falling weight, equal weights in request order; what is malformed is left out."""
    weighted: list[tuple[float, bytes]] = []
    for element in values.header(b"accept-language").split(b","):
        found = _LANGUAGE.fullmatch(element.strip(b" \t"))
        # q=0 is "not acceptable" (RFC 9110 §12.4.2).
        if found and (weight := float(found[2] or b"1")):
            weighted.append((weight, found[1]))
    weighted.sort(key=lambda one: -one[0])
    return tuple(tag for _, tag in weighted)


_LINE = (
    entry(
        "http.request.method",
        Bytes,
        lambda v: v.facts.method,
        "HTTP method as sent; those that HTTP defines are upper case.",
    ),
    entry("http.request.uri", Bytes, lambda v: _uri(v, v.path), "Path and query."),
    entry("http.request.uri.path", Bytes, lambda v: v.path, "Path without the query."),
    entry(
        "http.request.uri.path.extension",
        Bytes,
        lambda v: targets.extension(v.path),
        "Lower-cased text after the last dot of the last segment.",
    ),
    entry("http.request.uri.query", Bytes, lambda v: v.query, "Query without `?`, not decoded."),
    entry(
        "http.request.uri.args",
        STRING_MAP,
        lambda v: targets.grouped(targets.query_pairs(v.query)),
        "Query arguments by name, not decoded.",
    ),
    entry(
        "http.request.uri.args.names",
        STRINGS,
        lambda v: tuple(name for name, _ in targets.query_pairs(v.query)),
        "Argument names in request order.",
    ),
    entry(
        "http.request.uri.args.values",
        STRINGS,
        lambda v: tuple(value for _, value in targets.query_pairs(v.query)),
        "Argument values in request order.",
    ),
    entry(
        "http.request.full_uri",
        Bytes,
        lambda v: _full_uri(v, v.path),
        "`scheme://host/path?query`, the host as in `http.host`.",
    ),
    entry("http.host", Bytes, _host, "Host, lower case, without port and trailing dot."),
    entry(
        "http.request.version",
        Bytes,
        lambda v: v.facts.protocol,
        "`HTTP/1.1`, `HTTP/2` or `HTTP/3`.",
    ),
    entry(
        "http.request.timestamp.sec",
        Int,
        _seconds,
        "When Envoy got the request, Unix seconds.",
        "`request.time`; our own clock when Envoy does not say",
    ),
    entry(
        "http.request.timestamp.msec",
        Int,
        _milliseconds,
        "Milliseconds of that second, 0-999.",
        "`request.time`",
    ),
)

_HEADERS = (
    entry(
        "http.request.headers",
        STRING_MAP,
        lambda v: targets.grouped(v.facts.headers),
        "Header values by lower-case name.",
        _REPEATS,
    ),
    entry(
        "http.request.headers.names",
        STRINGS,
        lambda v: tuple(name for name, _ in v.facts.headers),
        "Header names, lower case, duplicates listed.",
        _REPEATS,
    ),
    entry(
        "http.request.headers.values",
        STRINGS,
        lambda v: tuple(value for _, value in v.facts.headers),
        "Header values, aligned with names.",
        _REPEATS,
    ),
    entry(
        "http.request.headers.truncated",
        Bool,
        lambda v: v.facts.headers_truncated,
        "Whether headers were kept back: by `allowed_headers` of ext_authz, which is seen with "
        "`encode_raw_headers`. What `disallowed_headers` hides cannot be known.",
    ),
    entry(
        "http.request.cookies",
        STRING_MAP,
        lambda v: targets.grouped(targets.cookie_pairs(v.header(b"cookie", b"; "))),
        "Cookie values by URL-decoded name.",
    ),
    entry("http.cookie", Bytes, lambda v: v.header(b"cookie", b"; "), "The whole Cookie header."),
    entry("http.referer", Bytes, lambda v: v.header(b"referer"), "The Referer header."),
    entry("http.user_agent", Bytes, lambda v: v.header(b"user-agent"), "The User-Agent header."),
    entry(
        "http.x_forwarded_for",
        Bytes,
        lambda v: v.header(b"x-forwarded-for"),
        "The whole X-Forwarded-For header.",
        "Envoy appends the TCP peer with `use_remote_address: true`",
    ),
    entry(
        "http.request.accepted_languages",
        STRINGS,
        _accepted_languages,
        "Tags of Accept-Language by falling weight; without `*`, `q=0` and what is malformed.",
    ),
)

_RAW = (
    entry("raw.http.request.uri", Bytes, lambda v: v.facts.path, "Path and query as sent to us."),
    entry("raw.http.request.uri.path", Bytes, _sent_path, "Path as sent to us."),
    entry(
        "raw.http.request.uri.path.extension",
        Bytes,
        lambda v: targets.extension(_sent_path(v)),
        "Extension of the path as sent.",
    ),
    entry("raw.http.request.uri.query", Bytes, lambda v: v.query, "Query as sent to us."),
    entry(
        "raw.http.request.full_uri",
        Bytes,
        lambda v: _sent_full_uri(v, _sent_path(v)),
        "`scheme://host/path?query` as sent to us.",
    ),
    entry(
        "raw.http.request.uri.args",
        STRING_MAP,
        lambda v: targets.grouped(targets.query_pairs(v.query)),
        "Arguments of the query as sent.",
    ),
    entry(
        "raw.http.request.uri.args.names",
        STRINGS,
        lambda v: tuple(name for name, _ in targets.query_pairs(v.query)),
        "Argument names as sent.",
    ),
    entry(
        "raw.http.request.uri.args.values",
        STRINGS,
        lambda v: tuple(value for _, value in targets.query_pairs(v.query)),
        "Argument values as sent.",
    ),
)

_CONNECTION = (
    entry(
        "ip.src",
        Ip,
        lambda v: _address(v.facts.source_address),
        "Client address after `client_ip.trusted_hops`; 0.0.0.0 unknown.",
        "`source.address`, or `x-forwarded-for` as far as its writers are trusted",
    ),
    entry(
        "ssl",
        Bool,
        lambda v: v.facts.scheme == b"https",
        "True when the client's connection is encrypted.",
        "`request.http.scheme`",
    ),
    entry(
        "cf.edge.server_ip",
        Ip,
        lambda v: _address(v.facts.destination_address),
        "Address that took the request.",
        "`destination.address`",
    ),
    entry(
        "cf.edge.server_port",
        Int,
        lambda v: v.facts.destination_port,
        "Port that took the request.",
        "`destination.address`",
    ),
    entry(
        "cf.edge.client_tcp",
        Bool,
        lambda v: v.facts.protocol != b"HTTP/3",
        "True unless the request came over QUIC.",
        "`request.http.protocol`",
    ),
    entry(
        "cf.ray_id",
        Bytes,
        lambda v: v.facts.request_id.encode(),
        "Envoy's request id.",
        "`request.http.id`",
    ),
    entry(
        "cf.random_seed",
        Bytes,
        # Every reading of the path has to see the same bytes, or it would be judged by chance.
        lambda v: v.once(_seed),
        "Sixteen random bytes, new for each request and the same for all its rules.",
        "the service itself, when a rule first reads it",
    ),
    entry("cf.threat_score", Int, lambda _: 0, "Always 0, as at Cloudflare."),
    entry("cf.worker.upstream_zone", Bytes, lambda _: b"", "Always empty: no Workers."),
    entry(
        "cf.zone.name",
        Bytes,
        lambda v: v.site.encode(),
        "Name of the site that answers, as `authz.site`: a site is what a zone is at Cloudflare.",
    ),
    entry(
        "cf.zone.plan",
        Bytes,
        lambda _: b"",
        "Always empty: it describes a Cloudflare zone.",
    ),
    entry(
        "cf.hostname.metadata",
        Bytes,
        lambda _: b"",
        "Always empty: it describes a host name of a Cloudflare zone.",
    ),
)

REQUEST: tuple[Entry, ...] = _LINE + _HEADERS
RAW: tuple[Entry, ...] = _RAW
CONNECTION: tuple[Entry, ...] = _CONNECTION
