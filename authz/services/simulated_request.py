# SPDX-License-Identifier: Apache-2.0
"""A request as somebody describes it, and the CheckRequest that Envoy would send about it.

As the shipped listener is set up: with the peer certificate, the SNI and raw headers
(`include_peer_certificate`, `include_tls_session`, `encode_raw_headers`). With the certificate
source `xfcc` the certificate is in the element of that header that counts. Behind `authz policy
test` and the simulator. What else a listener does to a request is in simulated_listener.py.

Texts are Unicode; a byte that is no UTF-8 stands as Python's surrogateescape has it.
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from google.protobuf.json_format import ParseDict, ParseError

from authz.certs.presented import CertificateSource
from authz.certs.xfcc import XfccElement, format_xfcc
from authz.errors import InvalidInputError
from authz.pb.core_pb2 import Address, HeaderMap, HeaderValue, SocketAddress
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.extauthz.decode import DecodeOptions

    Headers = tuple[tuple[str, str], ...]

XFCC: Final = "x-forwarded-client-cert"

# What a proxy between the client and us would have written about its own client, us apart: nobody
# looks at it.
_A_PROXY: Final = XfccElement(hash="0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """What a client sent, and over which connection.

    Args:
        host: Host or `:authority`, as sent.
        path: the request target with its query, as sent.
        protocol: `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
        headers: `(name, value)` in order, without pseudo headers.
        body: as much as Envoy forwards.
        body_size: bytes of it that Envoy received.
        sni: None when Envoy does not say, `""` for TLS without one.
        certificates: of the client, DER, the end-entity certificate first.
        time: when Envoy got it, Unix seconds.
        metadata: of other filters, by namespace.
    """

    host: str
    method: str = "GET"
    path: str = "/"
    scheme: str = "https"
    protocol: str = "HTTP/2"
    headers: Headers = ()
    body: bytes = b""
    body_size: int = 0
    source_address: str = "192.0.2.1"
    source_port: int = 49152
    destination_address: str = "192.0.2.10"
    destination_port: int = 443
    sni: str | None = None
    certificates: tuple[bytes, ...] = ()
    request_id: str = ""
    time: float
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def check_request(request: SimulatedRequest, options: DecodeOptions) -> bytes:
    """The serialised CheckRequest about a request, for whoever reads it with these options.

    Raises:
        InvalidInputError: something in it that no CheckRequest can carry.
    """
    try:
        return _message(request, options).SerializeToString()
    except (ValueError, OverflowError, ParseError) as error:
        # Half a surrogate pair, a number beyond 64 bits, a time beyond the year 9999.
        raise InvalidInputError(
            f"the request cannot be sent: {error}", hint="correct the request"
        ) from None


def _message(request: SimulatedRequest, options: DecodeOptions) -> CheckRequest:
    lines = [
        (":authority", request.host),
        (":method", request.method),
        (":path", request.path),
        (":scheme", request.scheme),
        *((name.lower(), value) for name, value in request.headers),
    ]
    peer = AttributeContext.Peer(address=_address(request.source_address, request.source_port))
    if request.certificates and options.certificate_source is CertificateSource.ENVOY:
        # Envoy forwards the end-entity certificate alone.
        peer.certificate = _encoded(request.certificates[:1])
    elif request.certificates:
        lines.append((XFCC, _xfcc(request.certificates, options.xfcc_trusted_hops)))
    message = CheckRequest(
        attributes=AttributeContext(
            source=peer,
            destination=AttributeContext.Peer(
                address=_address(request.destination_address, request.destination_port)
            ),
            request=AttributeContext.Request(
                http=AttributeContext.HttpRequest(
                    id=request.request_id,
                    method=_sanitised(request.method),
                    host=_sanitised(request.host),
                    path=_sanitised(request.path),
                    scheme=request.scheme,
                    protocol=request.protocol,
                    raw_body=request.body,
                    size=request.body_size,
                    header_map=HeaderMap(
                        headers=[HeaderValue(key=k, raw_value=_bytes(v)) for k, v in lines]
                    ),
                )
            ),
        )
    )
    message.attributes.request.time.FromNanoseconds(int(request.time * 1_000_000_000))
    if request.sni is not None:
        message.attributes.tls_session.sni = request.sni
        message.attributes.tls_session.SetInParent()
    if request.metadata:
        ParseDict({"filterMetadata": request.metadata}, message.attributes.metadata_context)
    return message


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sanitised(text: str) -> str:
    """As Envoy writes bytes into a protobuf string: what is not UTF-8 becomes "!"."""
    return "".join("!" if 0xDC80 <= ord(one) <= 0xDCFF else one for one in text)


def _encoded(certificates: tuple[bytes, ...]) -> str:
    return quote("".join(map(ssl.DER_cert_to_PEM_cert, certificates)), safe="")


def _xfcc(certificates: tuple[bytes, ...], hops: int) -> str:
    element = XfccElement(
        hash=hashlib.sha256(certificates[0]).hexdigest(),
        cert=_encoded(certificates[:1]),
        chain=_encoded(certificates),
    )
    # The rightmost is our own Envoy's; those between are of the proxies in front of it.
    return format_xfcc([element, *[_A_PROXY] * (hops - 1)])


def _address(address: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=address, port_value=port))
