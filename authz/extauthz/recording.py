# SPDX-License-Identifier: Apache-2.0
"""A CheckRequest as it may be kept: enough to decide it again, without what is nobody's business.

What is not named here is left out: the request is written anew from the parts that decisions are
made of. Values of headers stay where the settings name the header, or where a decision depends on
them and they are no secret; values of the query stay if the settings say so; certificates stay, for
they are public; bodies never do. What was left out is noted by name, so that whoever decides again
knows what it does not know (policy.recorded) and never takes it for empty.

Done in the process that answered, before anything leaves it. Never on the check path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.certs.presented import CertificateSource
from authz.extauthz.decode import decode
from authz.observability.recorded import LeftOut, Recorded
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest
from authz.policy.client import NOBODY
from authz.policy.fields import field_values
from authz.policy.fields_body import EVERY_BODY_FIELD
from authz.policy.unknown import unknown_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.extauthz.decode import DecodeOptions

#: How long the body is and what it is written in says whether its fields are known at all; the host
#: is kept elsewhere, too.
ALWAYS_KEPT: Final = frozenset(
    {
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "x-envoy-auth-partial-body",
    }
)
_PSEUDO_KEPT: Final = frozenset({":method", ":protocol", ":scheme"})

#: What stands for something in front of an "@" in a host: such a host is still none.
_SOMEBODY: Final = b"-"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What is kept of a request (the settings of `events`).

    Args:
        headers: names of headers whose values are kept, lower case.
        query: whether the values of the query are.
        metadata: whether what other filters found out is: claims of tokens, for instance.
    """

    headers: frozenset[str] = frozenset()
    query: bool = False
    metadata: bool = False


class Recording:
    """Makes what may be kept of a CheckRequest.

    Args:
        options: what that is.
        decoding: where the certificate and the client's address come from: those headers are kept.
    """

    def __init__(self, options: RecordOptions, decoding: DecodeOptions) -> None:
        self._options = options
        self._decoding = decoding
        kept = set(options.headers) | ALWAYS_KEPT
        if decoding.client_ip_trusted_hops:
            kept.add("x-forwarded-for")
        if decoding.certificate_source is CertificateSource.XFCC:
            kept.add("x-forwarded-client-cert")
        self._kept = frozenset(kept)

    def __call__(self, data: bytes) -> Recorded:
        """What may be kept of a serialised CheckRequest.

        Raises:
            DecodeError, Undecodable: it is none.
        """
        sent = CheckRequest.FromString(data).attributes
        one = _One(self._options, self._kept)
        kept = one.attributes(sent)
        has_body = bool(sent.request.http.body or sent.request.http.raw_body)
        return Recorded(
            request=CheckRequest(attributes=kept).SerializeToString(),
            left_out=LeftOut(
                headers=tuple(sorted(set(one.headers))),
                query=one.query,
                query_names=one.query_names,
                path=one.path,
                host=one.host,
                body=has_body,
                cut=self._cut(data) if has_body else (),
                metadata=one.metadata,
                size=len(data),
            ),
        )

    def _cut(self, data: bytes) -> tuple[str, ...]:
        """Fields of the body that nobody can rely on."""
        values = field_values(decode(data, self._decoding), NOBODY, "", b"", 0.0)
        return tuple(sorted(unknown_fields(values, EVERY_BODY_FIELD)))


class _One:
    """One request, and what was left out of it so far."""

    def __init__(self, options: RecordOptions, kept: frozenset[str]) -> None:
        self._options = options
        self._kept = kept
        self.headers: list[str] = []
        self.query = self.query_names = self.path = self.host = self.metadata = False

    def attributes(self, sent: AttributeContext) -> AttributeContext:
        kept = AttributeContext()
        if sent.HasField("source"):
            kept.source.certificate = sent.source.certificate
            _copy_address(sent.source, kept.source)
        if sent.HasField("destination"):
            _copy_address(sent.destination, kept.destination)
        kept.request.time.CopyFrom(sent.request.time)
        kept.context_extensions.update(sent.context_extensions)
        if sent.HasField("tls_session"):
            kept.tls_session.sni = sent.tls_session.sni
            kept.tls_session.SetInParent()
        if sent.metadata_context.filter_metadata:
            if self._options.metadata:
                kept.metadata_context.CopyFrom(sent.metadata_context)
                kept.metadata_context.typed_filter_metadata.clear()
            else:
                self.metadata = True
        self._http(sent.request.http, kept.request.http)
        return kept

    def _http(self, sent: AttributeContext.HttpRequest, kept: AttributeContext.HttpRequest) -> None:
        kept.id, kept.method = sent.id, sent.method
        kept.scheme, kept.protocol, kept.size = sent.scheme, sent.protocol, sent.size
        kept.path = self._path(sent.path.encode()).decode("utf-8", "replace")
        kept.host = self._host(sent.host.encode()).decode("utf-8", "replace")
        for name, text in sent.headers.items():
            kept.headers[name] = self._value(name, text.encode()).decode("utf-8", "replace")
        for line in sent.header_map.headers:
            raw = self._value(line.key, line.raw_value or line.value.encode())
            kept.header_map.headers.add(key=line.key, raw_value=raw)

    def _value(self, key: str, value: bytes) -> bytes:
        name = key.lower()
        if name == ":path":
            return self._path(value)
        if name in (":authority", "host"):
            return self._host(value)
        if name in self._kept or name in _PSEUDO_KEPT or not value:
            return value
        self.headers.append(name)
        return b""

    def _path(self, path: bytes) -> bytes:
        target, mark, query = path.partition(b"?")
        if self._options.query:
            return path
        before, fragment, after = target.partition(b"#")
        if after:
            # Secrets are passed behind it, and it is no part of what is asked for.
            self.path = True
            target = before + fragment
        return target + mark + b"&".join(self._pieces(query.split(b"&")))

    def _pieces(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        for piece in pieces:
            name, equals, value = piece.partition(b"=")
            if value:
                self.query = True
            elif name and not equals:
                # It may be a value as well as a name.
                self.query = self.query_names = True
                continue
            yield name + equals

    def _host(self, host: bytes) -> bytes:
        somebody, at, name = host.rpartition(b"@")
        if not at:
            return host
        self.host = self.host or somebody != _SOMEBODY
        return _SOMEBODY + at + name


def _copy_address(sent: AttributeContext.Peer, kept: AttributeContext.Peer) -> None:
    kept.SetInParent()
    address = sent.address.socket_address
    if sent.address.HasField("socket_address"):
        kept.address.socket_address.address = address.address
        kept.address.socket_address.port_value = address.port_value
