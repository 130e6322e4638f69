# SPDX-License-Identifier: Apache-2.0
"""The CheckRequest that Envoy would send for a case.

As the shipped listener is set up: with the peer certificate, the SNI and raw headers
(`include_peer_certificate`, `include_tls_session`, `encode_raw_headers`). With the certificate
source `xfcc` the certificate is in the last element of that header, where our own Envoy writes it.
"""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING
from urllib.parse import quote

from google.protobuf.json_format import ParseDict, ParseError

from authz.certs.presented import CertificateSource
from authz.certs.xfcc import XfccElement, format_xfcc
from authz.errors import PolicyError
from authz.pb.core_pb2 import Address, HeaderMap, HeaderValue, SocketAddress
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest
from authz.policy.hosts import normalise_host

if TYPE_CHECKING:
    from authz.cli.policy_test.document import RequestDocument
    from authz.cli.policy_test.loading import Case


def check_request(case: Case, source: CertificateSource) -> bytes:
    """The serialised CheckRequest of a case.

    Raises:
        PolicyError: something in it that no CheckRequest can carry.
    """
    try:
        return _message(case, source).SerializeToString()
    except (ValueError, OverflowError, ParseError) as error:
        # Half a surrogate pair, a number beyond 64 bits, a time beyond the year 9999.
        raise PolicyError(
            f'the case "{case.document.name}" cannot be sent: {error}', hint="correct its request"
        ) from None


def _message(case: Case, source: CertificateSource) -> CheckRequest:
    request = case.document.request
    lines = [
        (":authority", request.host),
        (":method", request.method),
        (":path", request.path),
        (":scheme", request.scheme),
        *((name.lower(), line) for name, lines in request.headers.items() for line in lines),
    ]
    peer = AttributeContext.Peer(address=_address(request.source_address, request.source_port))
    if case.certificates and source is CertificateSource.ENVOY:
        # Envoy forwards the end-entity certificate alone.
        peer.certificate = _encoded(case.certificates[:1])
    elif case.certificates:
        lines.append(("x-forwarded-client-cert", _xfcc(case.certificates)))
    body = request.body.encode()
    message = CheckRequest(
        attributes=AttributeContext(
            source=peer,
            destination=AttributeContext.Peer(
                address=_address(request.destination_address, request.destination_port)
            ),
            request=AttributeContext.Request(
                http=AttributeContext.HttpRequest(
                    id=request.request_id,
                    method=request.method,
                    host=request.host,
                    path=request.path,
                    scheme=request.scheme,
                    protocol=request.protocol,
                    raw_body=body,
                    size=len(body),
                    header_map=HeaderMap(
                        headers=[HeaderValue(key=k, raw_value=v.encode()) for k, v in lines]
                    ),
                )
            ),
        )
    )
    at = case.at if request.time is None else request.time
    message.attributes.request.time.FromNanoseconds(int(at * 1_000_000_000))
    sni = _sni(request)
    if sni is not None:
        message.attributes.tls_session.sni = sni
        message.attributes.tls_session.SetInParent()
    if request.metadata:
        ParseDict({"filterMetadata": request.metadata}, message.attributes.metadata_context)
    return message


def _sni(request: RequestDocument) -> str | None:
    if request.sni is not None:
        return request.sni
    if request.scheme == "http":
        return None
    return normalise_host(request.host.encode()) or ""


def _encoded(certificates: tuple[bytes, ...]) -> str:
    return quote("".join(map(ssl.DER_cert_to_PEM_cert, certificates)), safe="")


def _xfcc(certificates: tuple[bytes, ...]) -> str:
    element = XfccElement(
        hash=hashlib.sha256(certificates[0]).hexdigest(),
        cert=_encoded(certificates[:1]),
        chain=_encoded(certificates),
    )
    return format_xfcc([element])


def _address(address: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=address, port_value=port))
