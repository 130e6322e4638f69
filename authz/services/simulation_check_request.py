# SPDX-License-Identifier: Apache-2.0
"""A CheckRequest in protobuf's JSON form: what `authz check --request` and the simulator read.

docs/reference/check-request.md has the form. It is decided as it is: what of it is shown as a form
is only to look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from google.protobuf.json_format import MessageToJson, Parse, ParseError

from authz.errors import InvalidInputError
from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.pb.ext_authz_pb2 import CheckRequest
from authz.services.pasted import Kind, Pasted

if TYPE_CHECKING:
    from authz.extauthz.decode import DecodedRequest

_FORM: Final = '{"attributes": {"source": {}, "request": {"http": {"host": …, "path": …}}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """A CheckRequest, serialised.

    Args:
        ignored: what of the text is no part of one, `""` for nothing.
    """

    data: bytes
    ignored: str = ""


def read_json(text: str) -> ReadRequest:
    """The CheckRequest that a JSON text says.

    Raises:
        InvalidInputError: it says none.
    """
    try:
        return ReadRequest(data=Parse(text, CheckRequest()).SerializeToString())
    except (ParseError, RecursionError) as strict:
        try:
            message = Parse(text, CheckRequest(), ignore_unknown_fields=True)
        except (ParseError, RecursionError) as error:
            raise InvalidInputError(
                f"the request is no CheckRequest: {_one_line(error)}",
                hint=f"expected one JSON object: {_FORM}",
            ) from None
        # On the wire, too, unknown fields are skipped; a typo should be seen all the same.
        return ReadRequest(data=message.SerializeToString(), ignored=_one_line(strict))


def write_json(data: bytes) -> str:
    """A serialised CheckRequest as `read_json` takes it."""
    return MessageToJson(CheckRequest.FromString(data), preserving_proto_field_name=True)


def read_check_request(text: str, options: DecodeOptions | None = None) -> Pasted:
    """The same, and what of it people look at.

    Raises:
        InvalidInputError: as `read_json`.
    """
    read = read_json(text)
    notes = [f"Ignored: {read.ignored}."] if read.ignored else []
    try:
        facts = decode(read.data, options or DecodeOptions())
        facts.insist()
        return _pasted(facts, read.data, notes)
    except Undecodable as error:
        notes.append(f"Envoy never sends this: {error}. It is denied as undecodable.")
        return Pasted(kind=Kind.CHECK_REQUEST, host="", notes=tuple(notes), data=read.data)


def _pasted(facts: DecodedRequest, data: bytes, notes: list[str]) -> Pasted:
    return Pasted(
        kind=Kind.CHECK_REQUEST,
        host=_text(facts.host),
        method=_text(facts.method),
        path=_text(facts.path),
        scheme=_text(facts.scheme),
        protocol=_text(facts.protocol) or None,
        headers=tuple(
            (_text(name), _text(value)) for name, value in facts.headers if name != b"host"
        ),
        body=facts.body,
        source_address=facts.peer_address or None,
        source_port=facts.peer_port or None,
        sni=facts.sni,
        pem=unquote(facts.presented.certificate),
        time=facts.time_seconds + facts.time_nanos / 1e9 if facts.time_seconds else None,
        notes=tuple(notes),
        data=data,
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text[:1].lower() + text[1:]
