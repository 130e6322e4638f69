# SPDX-License-Identifier: Apache-2.0
"""CheckRequest bytes into RequestFacts: what Envoy said, decoded and no more.

Lives here: protobuf parsing, which of two spellings of a value counts (raw bytes before sanitised
text), the body's completeness, the client's address. Does not live here: which certificate counts
(peer.py), what hosts and paths mean (policy). Nothing is trusted or normalised.
Source: envoy.service.auth.v3.AttributeContext.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from authz.certs.presented import CertificateSource
from authz.extauthz.client_address import client_address
from authz.extauthz.peer import from_envoy, from_xfcc
from authz.pb.ext_authz_pb2 import CheckRequest
from authz.policy.facts import RequestFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.struct_pb2 import Struct, Value

    from authz.pb.ext_authz_pb2 import AttributeContext

#: Headers that say how much of the body there is, next to what was forwarded of it.
_BODY_HEADERS: Final = frozenset(("content-length", "x-envoy-auth-partial-body"))
#: RFC 9110 9.3: methods whose requests usually have no content.
_WITHOUT_BODY: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE", b"CONNECT"))
_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})
_NO_TEXT: Final[Mapping[str, str]] = MappingProxyType({})
_NO_METADATA: Final[Mapping[str, Any]] = MappingProxyType({})


class Undecodable(Exception):  # noqa: N818 - a finding about the client, not an operator's error
    """The bytes are no CheckRequest, or one without what every decision needs.

    Never leaves extauthz: the boundary turns it into a denial.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """Whose word counts for the certificate and for the client's address.

    Args:
        certificate_source: `source.certificate` or `x-forwarded-client-cert`, never both.
        xfcc_trusted_hops: which XFCC element counts, from the right; 1 is our own Envoy's.
        client_ip_trusted_hops: as Envoy's xff_num_trusted_hops; 0 is the TCP peer.
    """

    certificate_source: CertificateSource = CertificateSource.ENVOY
    xfcc_trusted_hops: int = 1
    client_ip_trusted_hops: int = 0


def decode(data: bytes, options: DecodeOptions) -> RequestFacts:
    """Read one CheckRequest.

    Raises:
        Undecodable: not protobuf, or attributes, request.http, path or source are missing.
    """
    try:
        attributes = CheckRequest.FromString(data).attributes
    except DecodeError as error:
        raise Undecodable("not a CheckRequest") from error
    request = attributes.request
    http = request.http
    method = http.method.encode()
    # A missing message reads as one with empty fields, so an empty path covers a missing http,
    # request and attributes as well. Only CONNECT (RFC 9110 9.3.6) has no path.
    text_path = http.path
    if not text_path and method != b"CONNECT":
        raise Undecodable("no path")
    if not attributes.HasField("source"):
        raise Undecodable("no source")
    source = attributes.source

    headers, pseudo, body_headers = _headers(http)
    # Envoy writes `path`, `host`, `method` and `scheme` with every byte that is not UTF-8 turned
    # into "!", while the upstream gets the bytes as sent: where we have the bytes, they count.
    host = pseudo.get(":authority")
    path = pseudo.get(":path")
    body = http.raw_body or http.body.encode()
    body_size, body_truncated = _body_extent(method, len(body), http.size, body_headers)
    peer = source.address.socket_address
    peer_address = peer.address
    destination = attributes.destination.address.socket_address
    extensions = attributes.context_extensions
    return RequestFacts(
        method=pseudo.get(":method") or method,
        host=http.host.encode() if host is None else host,
        path=path or text_path.encode(),
        scheme=pseudo.get(":scheme") or http.scheme.encode(),
        protocol=http.protocol.encode(),
        headers=headers,
        body=body,
        body_size=body_size,
        body_truncated=body_truncated,
        request_id=http.id,
        time_seconds=request.time.seconds,
        time_nanos=request.time.nanos,
        source_address=(
            client_address(peer_address, headers, options.client_ip_trusted_hops)
            if options.client_ip_trusted_hops
            else peer_address
        ),
        peer_address=peer_address,
        peer_port=peer.port_value,
        destination_address=destination.address,
        destination_port=destination.port_value,
        # Three states: Envoy did not say, TLS without SNI, a name.
        sni=attributes.tls_session.sni if attributes.HasField("tls_session") else None,
        presented=(
            from_envoy(source.certificate)
            if options.certificate_source is CertificateSource.ENVOY
            else from_xfcc(headers, options.xfcc_trusted_hops, source.certificate)
        ),
        context_extensions=dict(extensions) if extensions else _NO_TEXT,
        metadata=_metadata(attributes) if attributes.HasField("metadata_context") else _NO_METADATA,
    )


def _headers(
    http: AttributeContext.HttpRequest,
) -> tuple[tuple[tuple[bytes, bytes], ...], Mapping[str, bytes], Mapping[str, bytes]]:
    """Headers in order without pseudo headers; raw pseudo headers; headers about the body."""
    headers: list[tuple[bytes, bytes]] = []
    body_headers: dict[str, bytes] = {}
    lines = http.header_map.headers
    if not lines:
        # Without encode_raw_headers: a map, repeats already joined with ",".
        for key, text in http.headers.items():
            if key[:1] == ":":
                continue
            name = key.lower()
            value = text.encode()
            headers.append((name.encode(), value))
            if name in _BODY_HEADERS:
                body_headers[name] = value
        return tuple(headers), _NOTHING, body_headers
    pseudo: dict[str, bytes] = {}
    for line in lines:
        name = line.key.lower()
        # Envoy fills raw_value; other callers of the API may write value.
        value = line.raw_value or line.value.encode()
        if name[:1] == ":":
            if pseudo.setdefault(name, value) != value:
                raise Undecodable("a pseudo header twice")
            continue
        headers.append((name.encode(), value))
        if name in _BODY_HEADERS:
            body_headers[name] = value
    return tuple(headers), pseudo, body_headers


def _body_extent(
    method: bytes, seen: int, received: int, headers: Mapping[str, bytes]
) -> tuple[int, bool]:
    """The body's size (-1 unknown) and whether `seen` bytes of it are less than all.

    Envoy drops a client's own x-envoy-auth-partial-body. The flag alone is not believed when it
    says "whole": it was wrong for bodies longer than the limit before now, so a content-length
    beyond what we have counts as cut short.
    """
    flag = headers.get("x-envoy-auth-partial-body")
    declared = headers.get("content-length", b"")
    if declared.isdigit() and len(declared) < 19:
        size = int(declared)
    elif flag == b"false":
        size = seen
    else:
        size = received if not declared and received > seen else -1
    if flag is not None:
        if flag == b"false":
            return size, size > seen
        # Cut short. Without content-length what Envoy counted so far is no size either.
        return (size if declared else -1), True
    if size >= 0 or declared:
        # A length that is no number says that there is a body, and not how long it is.
        return size, size > seen or size < 0
    if seen:
        return seen, False
    # No flag and no length. Envoy forwards no body without with_request_body, and a body that is
    # streamed (chunked, or HTTP/2 without content-length) then looks like none: Envoy has taken
    # transfer-encoding off. Only methods that usually have none get the benefit of the doubt.
    if method not in _WITHOUT_BODY:
        return -1, True
    return max(received, 0), False


def _metadata(attributes: AttributeContext) -> dict[str, Any]:
    filter_metadata = attributes.metadata_context.filter_metadata
    return {name: _struct(filter_metadata[name]) for name in filter_metadata}


def _struct(struct: Struct) -> dict[str, Any]:
    # Recursion is bounded: protobuf refuses messages nested deeper than 100.
    return {name: _value(struct.fields[name]) for name in struct.fields}


def _value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _struct(value.struct_value)
    if kind == "list_value":
        return [_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)
