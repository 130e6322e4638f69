# SPDX-License-Identifier: Apache-2.0
"""CheckRequest bytes into RequestFacts: what Envoy said, decoded when it is asked for.

Lives here: protobuf parsing, which of two spellings of a value counts (raw bytes before sanitised
text), what a request must have. Does not live here: which certificate counts (peer.py), how much of
the body there is (body_extent.py), what hosts and paths mean (policy). Nothing is trusted or
normalised. Source: envoy.service.auth.v3.AttributeContext.

Most rules read the host, the path and the certificate. Those come from `CheckView`, which leaves
everything else unparsed; the first question for anything else parses the whole (ADR-0021). What is
read from the view is what the whole says: where the two could differ (a message in two pieces, text
that is not ASCII and might be none at all), the whole is parsed.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from authz.certs.lazy import lazy
from authz.certs.presented import ABSENT, CertificateSource, Presented
from authz.extauthz.body_extent import BODY_HEADERS, body_extent
from authz.extauthz.client_address import client_address
from authz.extauthz.peer import from_envoy, from_xfcc
from authz.pb.check_view_pb2 import CheckView
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from google.protobuf.struct_pb2 import Struct, Value

#: "!", as a number: looking for one byte is several times faster than looking for a string of one.
_MARK: Final = 0x21
#: No part of a value (RFC 9110 5.5): Envoy passes them on from HTTP/2, and whoever reads HTTP/1.1
#: behind it takes them off.
_BLANKS: Final = b" \t"
_XFCC: Final = CertificateSource.XFCC
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


def decode(data: bytes, options: DecodeOptions) -> DecodedRequest:
    """Read one CheckRequest.

    Raises:
        Undecodable: not protobuf, or attributes, request.http, path or source are missing.
    """
    try:
        attributes = CheckView.FromString(data).attributes
    except DecodeError as error:
        raise Undecodable("not a CheckRequest") from error
    http = attributes.request.http
    certificate = attributes.source.certificate
    return decode_rest(data, attributes, http, http.host, http.path, certificate, options)


def decode_rest(
    data: bytes,
    attributes: CheckView.Attributes,
    http: CheckView.HttpRequest,
    host: bytes,
    path: bytes,
    certificate: bytes,
    options: DecodeOptions,
) -> DecodedRequest:
    """The request of `data`, whose view is `attributes`, of which the others have been read.

    They are given because reading a field of a message copies it, and because the same object is
    hashed once.

    Raises:
        Undecodable: attributes, request.http, path or source are missing.
    """
    # A missing message reads as one with empty fields, so an empty path covers a missing http,
    # request and attributes as well. Only CONNECT (RFC 9110 9.3.6) has no path.
    if not path and http.method != b"CONNECT":
        raise Undecodable("no path")
    if not certificate and not attributes.HasField("source"):
        raise Undecodable("no source")
    request = DecodedRequest(data, attributes, http, host, path, certificate or None, options)
    if not (host.isascii() and path.isascii()):
        request.insist()
    if options.certificate_source is _XFCC:
        presented = request.presented
        # What identifies it, hashed and compared faster than the object.
        request.credential = (
            None
            if presented.is_absent
            else (presented.certificate, presented.chain, presented.defect)
        )
    # Envoy writes `path`, `host`, `method` and `scheme` with every byte that is not UTF-8 turned
    # into "!", while the upstream gets the bytes as sent: where we have the bytes, they count. A
    # text without "!" is what the bytes are.
    if _MARK in path:
        request.path = request.pseudo_headers.get(b":path") or path
    if _MARK in host:
        request.host = request.pseudo_headers.get(b":authority", host)
    return request


class DecodedRequest:
    """The RequestFacts of one CheckRequest (policy.facts says what each is).

    Reading a part that is not UTF-8 where it has to be, or malformed, raises Undecodable.

    Attributes:
        outer: the attributes, with little of them parsed.
        view: their request.http, its header map unparsed.
    """

    __slots__ = (
        "__dict__",
        "credential",
        "data",
        "host",
        "options",
        "outer",
        "path",
        "size",
        "view",
    )

    def __init__(
        self,
        data: bytes,
        outer: CheckView.Attributes,
        view: CheckView.HttpRequest,
        host: bytes,
        path: bytes,
        credential: Hashable | None,
        options: DecodeOptions,
    ) -> None:
        self.data = data
        self.outer = outer
        self.view = view
        self.host = host
        self.path = path
        self.credential = credential
        self.options = options
        self.size = len(data)

    @lazy
    def attributes(self) -> AttributeContext:
        """Everything, parsed."""
        try:
            return CheckRequest.FromString(self.data).attributes
        except DecodeError as error:
            raise Undecodable("a part of the CheckRequest cannot be read") from error

    def insist(self) -> None:
        """Make sure that the whole can be read, as protobuf reads it.

        Raises:
            Undecodable: it cannot.
        """
        _ = self.attributes

    def _text(self, text: bytes) -> bytes:
        """Text of the view; to protobuf, text that is not UTF-8 makes the whole unreadable."""
        if not text.isascii():
            self.insist()
        return text

    @lazy
    def _lines(self) -> tuple[tuple[tuple[bytes, bytes], ...], dict[bytes, bytes]]:
        return _headers(self.attributes.request.http)

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Headers in order, without pseudo headers."""
        return self._lines[0]

    @lazy
    def headers_truncated(self) -> bool:
        """Whether `allowed_headers` of ext_authz kept headers back.

        Envoy shows the pseudo headers of every request with the others, unless it is made to
        choose. Known with encode_raw_headers only; what `disallowed_headers` hides, nobody can see.
        """
        return any(self.view.header_map) and b":method" not in self.pseudo_headers

    @property
    def pseudo_headers(self) -> Mapping[bytes, bytes]:
        """The pseudo headers as bytes; empty without encode_raw_headers."""
        return self._lines[1]

    @lazy
    def method(self) -> bytes:
        """The method as sent."""
        text = self._text(self.view.method)
        return (self.pseudo_headers.get(b":method") or text) if _MARK in text else text

    @lazy
    def scheme(self) -> bytes:
        """The scheme as sent."""
        text = self._text(self.view.scheme)
        return (self.pseudo_headers.get(b":scheme") or text) if _MARK in text else text

    @property
    def protocol(self) -> bytes:
        """The protocol's name."""
        return self._text(self.view.protocol)

    @property
    def body(self) -> bytes:
        """What was forwarded of the body."""
        return self.view.raw_body or self._text(self.view.body)

    @lazy
    def _extent(self) -> tuple[int, bool]:
        about = {name: value for name, value in self.headers if name in BODY_HEADERS}
        return body_extent(self.method, len(self.body), self.view.size, about)

    @property
    def body_size(self) -> int:
        """Bytes of the whole body, -1 when unknown."""
        return self._extent[0]

    @property
    def body_truncated(self) -> bool:
        """Whether there may be more of the body."""
        return self._extent[1]

    @lazy
    def request_id(self) -> str:
        """Envoy's request id."""
        return self.attributes.request.http.id

    @lazy
    def time_seconds(self) -> int:
        """Unix seconds, 0 when Envoy did not say."""
        return self.attributes.request.time.seconds

    @lazy
    def time_nanos(self) -> int:
        """Nanoseconds of that second."""
        return self.attributes.request.time.nanos

    @lazy
    def source_address(self) -> str:
        """The client's address after the trusted hops."""
        hops = self.options.client_ip_trusted_hops
        peer = self.peer_address
        return client_address(peer, self.headers, hops) if hops else peer

    @lazy
    def peer_address(self) -> str:
        """The TCP peer's address."""
        return self.attributes.source.address.socket_address.address

    @lazy
    def peer_port(self) -> int:
        """The TCP peer's port."""
        return self.attributes.source.address.socket_address.port_value

    @lazy
    def destination_address(self) -> str:
        """The address that took the request."""
        return self.attributes.destination.address.socket_address.address

    @lazy
    def destination_port(self) -> int:
        """The port that took the request."""
        return self.attributes.destination.address.socket_address.port_value

    @lazy
    def sni(self) -> str | None:
        """Three states: Envoy did not say, TLS without SNI, a name."""
        pieces = self.outer.tls_session
        if not pieces:
            return None
        if len(pieces) > 1:
            return self.attributes.tls_session.sni
        try:
            return AttributeContext.TLSSession.FromString(pieces[0]).sni
        except DecodeError as error:
            raise Undecodable("the TLS session cannot be read") from error

    @lazy
    def presented(self) -> Presented:
        """The peer certificate that counts."""
        options = self.options
        if options.certificate_source is not _XFCC:
            text = self.credential
            return from_envoy(self._text(text).decode()) if isinstance(text, bytes) else ABSENT
        own = self.attributes.source.certificate
        return from_xfcc(self.headers, options.xfcc_trusted_hops, own)

    @lazy
    def context_extensions(self) -> Mapping[str, str]:
        """The route's context extensions."""
        extensions = self.attributes.context_extensions
        return dict(extensions) if extensions else _NO_TEXT

    @lazy
    def metadata(self) -> Mapping[str, Any]:
        """What other filters left, by namespace."""
        attributes = self.attributes
        return _metadata(attributes) if attributes.HasField("metadata_context") else _NO_METADATA


def _headers(
    http: AttributeContext.HttpRequest,
) -> tuple[tuple[tuple[bytes, bytes], ...], dict[bytes, bytes]]:
    """Headers in order without pseudo headers; raw pseudo headers."""
    headers: list[tuple[bytes, bytes]] = []
    pseudo: dict[bytes, bytes] = {}
    lines = http.header_map.headers
    if not lines:
        # Without encode_raw_headers: a map, repeats already joined with ",".
        for key, text in http.headers.items():
            if key[:1] != ":":
                headers.append((key.lower().encode(), text.encode().strip(_BLANKS)))
            elif key == ":authority":
                # What HTTP/1.1 calls it, and rules written for Cloudflare.
                headers.append((b"host", text.encode()))
        return tuple(headers), pseudo
    for line in lines:
        name = line.key.lower().encode()
        # Envoy fills raw_value; other callers of the API may write value.
        value = line.raw_value or line.value.encode()
        if name[:1] != b":":
            headers.append((name, value.strip(_BLANKS)))
        elif pseudo.setdefault(name, value) != value:
            raise Undecodable("a pseudo header twice")
        elif name == b":authority":
            # What HTTP/1.1 calls it, and rules written for Cloudflare.
            headers.append((b"host", value))
    return tuple(headers), pseudo


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
