# SPDX-License-Identifier: Apache-2.0
"""Taking apart a request body: forms and multipart forms, in Cloudflare's shapes.

Pure functions on bytes. Nothing is decoded. The application behind us reads the same body with a
parser of its own, so a body is only taken apart when every parser has to find the same in it; one
that can be read in several ways (a second boundary, a line ending of its own, a parameter twice,
…) is None here, which makes it an unknown input to the rules (architecture 4.9, ADR-0020). A body
of another content type is empty. RFC 7578, RFC 2046 §5.1; the parser is python-multipart.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.policy.targets import Pairs, query_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

FORM: Final = b"application/x-www-form-urlencoded"
MULTIPART: Final = b"multipart/form-data"

#: More parts than any form has; python-multipart bounds their headers (8 lines of 4 KiB each).
MAX_PARTS: Final = 1000

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rb"[ \t]*(%b/%b)[ \t]*" % (_TOKEN, _TOKEN))
_KIND = re.compile(rb"[ \t]*(%b)[ \t]*" % _TOKEN)
# Without backslashes: to some readers they escape, to others they are part of a file's name.
_PARAMETER = re.compile(
    rb';[ \t]*(%b)=(?:(%b)|"([^"\\\x00-\x1f\x7f]*)")[ \t]*' % (_TOKEN, _TOKEN), re.DOTALL
)
# RFC 2046 §5.1.1 without the blank; a letter or digit, so that hyphens alone are no boundary.
_BOUNDARY = re.compile(rb"(?=.*[0-9A-Za-z])[0-9A-Za-z'()+_,\-./:=?]{1,70}")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
#: Under any other encoding the bytes of a name or value may spell something else.
_ASCII_CHARSETS: Final = frozenset((b"utf-8", b"utf8", b"us-ascii", b"iso-8859-1", b"windows-1252"))
_IDENTITY: Final = frozenset((b"", b"identity"))
_UNENCODED: Final = frozenset((b"7bit", b"8bit", b"binary"))
_DESCRIBING: Final = (b"content-disposition", b"content-type", b"content-transfer-encoding")

# The core logs nothing, and a client must not be able to make it write; python-multipart would.
_SILENT = logging.Logger("authz.policy.bodies")
_SILENT.disabled = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. The headers are as sent, None when there is none."""

    name: bytes
    value: bytes
    filename: bytes | None
    disposition: bytes
    content_type: bytes | None
    transfer_encoding: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipart:
    """A multipart form. `plain` is false when a reader may decode a value to something else."""

    parts: tuple[Part, ...] = ()
    plain: bool = True


NO_PARTS: Final = Multipart()


def read_form(types: Sequence[bytes], encodings: Sequence[bytes], body: bytes) -> Pairs | None:
    """Names and values of a form in request order; None when they can be read in several ways.

    Args:
        types: the lines of Content-Type.
        encodings: the lines of Content-Encoding.
        body: the whole body.
    """
    declared = _declared(types, encodings) if body else _OTHER
    if declared is None:
        return None
    return query_pairs(body) if declared.media == FORM else ()


def read_multipart(
    types: Sequence[bytes], encodings: Sequence[bytes], body: bytes
) -> Multipart | None:
    """The parts of a multipart form; None when they can be read in several ways.

    Args: as read_form.
    """
    declared = _declared(types, encodings) if body else _OTHER
    if declared is None:
        return None
    return _parts(body, declared.boundary) if declared.media == MULTIPART else NO_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """What Content-Type says: the media type, lower case, and for MULTIPART its boundary."""

    media: bytes = b""
    boundary: bytes = b""


_OTHER: Final = _Declared()


def _declared(types: Sequence[bytes], encodings: Sequence[bytes]) -> _Declared | None:
    """What the headers say the body is; None when they can be understood in several ways."""
    text = b"\n".join(types).lower()
    if b"form-urlencoded" not in text and b"form-data" not in text:
        return _OTHER
    # Several lines, or several types in one: who reads it takes the first or the last.
    read = _with_parameters(_TYPE, types[0]) if len(types) == 1 else None
    if read is None or any(line.strip(b" \t").lower() not in _IDENTITY for line in encodings):
        return None
    media, parameters = read
    if media not in (FORM, MULTIPART):
        return _OTHER
    if parameters.pop(b"charset", b"utf-8").lower() not in _ASCII_CHARSETS:
        return None
    if media == FORM:
        return _Declared(media=FORM)
    boundary = parameters.pop(b"boundary", b"")
    # boundary*0=…, or a parameter that a lenient reader takes for the boundary.
    if parameters or not _BOUNDARY.fullmatch(boundary):
        return None
    return _Declared(media=MULTIPART, boundary=boundary)


def _with_parameters(
    kind: re.Pattern[bytes], value: bytes
) -> tuple[bytes, dict[bytes, bytes]] | None:
    """A value in lower case and its parameters, names in lower case; None when not well formed."""
    begun = kind.match(value)
    if begun is None:
        return None
    parameters: dict[bytes, bytes] = {}
    at = begun.end()
    while at < len(value):
        found = _PARAMETER.match(value, at)
        if found is None or (name := found[1].lower()) in parameters:
            return None
        parameters[name] = found[3] if found[2] is None else found[2]
        at = found.end()
    return begun[1].lower(), parameters


def _parts(body: bytes, boundary: bytes) -> Multipart | None:
    delimiter = b"--" + boundary
    # No preamble and no epilogue: lenient readers find parts in them. The delimiter nowhere else
    # either, be it behind a bare line feed or as the beginning of a longer one.
    count = body.count(delimiter) - 1
    whole = body.startswith(delimiter + b"\r\n") and body.removesuffix(b"\r\n").endswith(
        b"\r\n" + delimiter + b"--"
    )
    if not whole or not 1 <= count <= MAX_PARTS:
        return None
    collected = _collect(body, boundary)
    if collected is None or len(collected) != count:
        return None
    parts: list[Part] = []
    for headers, value in collected:
        part = _part(headers, value)
        if part is None:
            return None
        parts.append(part)
    return Multipart(parts=tuple(parts), plain=all(map(_is_plain, parts)))


_Headers = list[tuple[bytes, bytes]]


class _Collector:
    """The callbacks of python-multipart; `parts` is headers and value of each part that ended."""

    def __init__(self) -> None:
        self.parts: list[tuple[_Headers, bytes]] = []
        self._begin()

    def _begin(self) -> None:
        self._headers: _Headers = []
        self._name: list[bytes] = []
        self._text: list[bytes] = []
        self._value: list[bytes] = []

    def _end(self) -> None:
        self.parts.append((self._headers, b"".join(self._value)))

    def _end_header(self) -> None:
        self._headers.append((b"".join(self._name).lower(), b"".join(self._text)))
        self._name, self._text = [], []

    def callbacks(self) -> dict[str, object]:
        """By the names that python-multipart gives them."""
        return {
            "on_part_begin": self._begin,
            "on_part_end": self._end,
            "on_header_end": self._end_header,
            "on_header_field": lambda data, start, end: self._name.append(data[start:end]),
            "on_header_value": lambda data, start, end: self._text.append(data[start:end]),
            "on_part_data": lambda data, start, end: self._value.append(data[start:end]),
        }


def _collect(body: bytes, boundary: bytes) -> list[tuple[_Headers, bytes]] | None:
    # Imported by the first multipart form that a rule reads.
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    collector = _Collector()
    parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]  # a TypedDict
    parser.logger = _SILENT
    try:
        parser.write(body)
    except FormParserError:
        return None
    return collector.parts


def _part(headers: _Headers, value: bytes) -> Part | None:
    found: dict[bytes, bytes] = {}
    for name, text in headers:
        if _CONTROL.search(text) or (name in _DESCRIBING and name in found):
            return None
        found[name] = text.strip(b" ")
    disposition = found.get(b"content-disposition", b"")
    read = _with_parameters(_KIND, disposition)
    if read is None or read[0] != b"form-data":
        return None
    # RFC 7578 §4.2: filename* must not be used, and who understands it has another file name.
    if not {b"name"} <= read[1].keys() <= {b"name", b"filename"}:
        return None
    return Part(
        name=read[1][b"name"],
        value=value,
        filename=read[1].get(b"filename"),
        disposition=disposition,
        content_type=found.get(b"content-type"),
        transfer_encoding=found.get(b"content-transfer-encoding"),
    )


def _is_plain(part: Part) -> bool:
    """Whether every reader takes the part's bytes as they are."""
    encoding = part.transfer_encoding
    if encoding is not None and encoding.lower() not in _UNENCODED:
        return False
    if part.content_type is None:
        return True
    read = _with_parameters(_TYPE, part.content_type)
    if read is None or read[0].startswith(b"multipart/"):
        return False
    return read[1].get(b"charset", b"utf-8").lower() in _ASCII_CHARSETS
