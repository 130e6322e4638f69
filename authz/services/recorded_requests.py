# SPDX-License-Identifier: Apache-2.0
"""A recorded request for people, and for programs: `authz check --request` takes what is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from authz.pb.ext_authz_pb2 import CheckRequest
from authz.services.judging import missing_of

if TYPE_CHECKING:
    from authz.store.records_activity import RecordedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHeader:
    """A line of the header; `value` is `""` where it was left out."""

    name: str
    value: str
    left_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A recorded request as people read one. Bytes that are no text are escaped.

    Args:
        certificate: what the client showed, PEM; `""` for none.
        address: of whoever connected to Envoy.
        left_out: what is missing, as short texts.
        check_request: all that was recorded, as protobuf JSON.
    """

    method: str
    scheme: str
    host: str
    path: str
    protocol: str
    headers: tuple[RecordedHeader, ...]
    certificate: str
    address: str
    sni: str
    left_out: tuple[str, ...]
    check_request: dict[str, Any]


def request_view(recorded: RecordedRequest) -> RequestView | None:
    """A recorded request; None when it cannot be read."""
    try:
        request = CheckRequest.FromString(recorded.request)
    except DecodeError:
        return None
    attributes = request.attributes
    http = attributes.request.http
    gone = missing_of(recorded.left_out).headers
    lines = [(one.key, one.raw_value or one.value.encode()) for one in http.header_map.headers]
    lines = lines or [(name, text.encode()) for name, text in sorted(http.headers.items())]
    pseudo = {name: value for name, value in lines if name.startswith(":")}
    return RequestView(
        method=http.method,
        scheme=http.scheme,
        # As they were sent, where that is known.
        host=_text(pseudo.get(":authority", http.host.encode())),
        path=_text(pseudo.get(":path", http.path.encode())),
        protocol=http.protocol,
        headers=tuple(
            RecordedHeader(
                name=name,
                value=_text(value),
                left_out=not value and name.lower().encode() in gone,
            )
            for name, value in lines
            if not name.startswith(":")
        ),
        certificate=unquote(attributes.source.certificate),
        address=attributes.source.address.socket_address.address,
        sni=attributes.tls_session.sni,
        left_out=left_out_of(recorded),
        check_request=MessageToDict(request),
    )


def left_out_of(recorded: RecordedRequest) -> tuple[str, ...]:
    """What is missing in a recorded request, for people, as short texts."""
    missing = missing_of(recorded.left_out)
    headers = sorted(name.decode("utf-8", "replace") for name in missing.headers)
    found = [f"the value of the header {name}" for name in headers]
    told = {
        "values of the query": missing.query,
        "parts of the query that may be names": missing.query_names,
        "a part of the path": missing.path,
        "what stood in front of the host": missing.host,
        "the body": missing.body,
        "metadata of other filters": missing.metadata,
    }
    return (*found, *(text for text, is_missing in told.items() if is_missing))


def request_object(recorded: RecordedRequest | None, unrecorded: str) -> dict[str, Any]:
    """A recorded request as JSON, or why there is none."""
    view = None if recorded is None else request_view(recorded)
    return {
        "recorded": view is not None,
        "unrecorded": unrecorded,
        "left_out": [] if view is None else list(view.left_out),
        "check_request": None if view is None else view.check_request,
    }


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
