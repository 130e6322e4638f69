# SPDX-License-Identifier: Apache-2.0
"""What kind of content some bytes are, whatever their Content-Type says.

The tables of the WHATWG MIME Sniffing Standard, sections 6 and 7.1 (unknown MIME type, scriptable):
a documented answer for every input, and the one browsers give. Left out: MP3 without an ID3 tag,
for which the standard has to follow frames. Looks at the first 1,445 bytes.
"""

from __future__ import annotations

import re
from typing import Final

#: MIME Sniffing §5.2, the resource header.
HEADER_BYTES: Final = 1445

_WHITESPACE: Final = b"\t\n\x0c\r "
_HTML = re.compile(
    rb"<(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|BODY|BR|B|P|!--)"
    rb"[ >]",
    re.IGNORECASE,
)

#: First bytes and what they mean; `?` of a pattern is any byte. In the standard's order.
_SIGNATURES: Final[tuple[tuple[re.Pattern[bytes], bytes], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"%PDF-", b"application/pdf"),
        (rb"%!PS-Adobe-", b"application/postscript"),
        (rb"\xfe\xff|\xff\xfe|\xef\xbb\xbf", b"text/plain"),
        (rb"\x00\x00[\x01\x02]\x00", b"image/x-icon"),
        (rb"BM", b"image/bmp"),
        (rb"GIF8[79]a", b"image/gif"),
        (rb"RIFF.{4}WEBPVP", b"image/webp"),
        (rb"\x89PNG\r\n\x1a\n", b"image/png"),
        (rb"\xff\xd8\xff", b"image/jpeg"),
        (rb"FORM.{4}AIFF", b"audio/aiff"),
        (rb"ID3", b"audio/mpeg"),
        (rb"OggS\x00", b"application/ogg"),
        (rb"MThd\x00\x00\x00\x06", b"audio/midi"),
        (rb"RIFF.{4}AVI ", b"video/avi"),
        (rb"RIFF.{4}WAVE", b"audio/wave"),
    )
)
_ARCHIVES: Final = (
    (b"\x1f\x8b\x08", b"application/x-gzip"),
    (b"PK\x03\x04", b"application/zip"),
    # The standard prints a blank where archives have the exclamation mark.
    (b"Rar!\x1a\x07", b"application/x-rar-compressed"),
)
#: MIME Sniffing §3: binary data bytes.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def sniff(body: bytes) -> bytes:
    """The MIME type of `body`; `b""` when there is none."""
    header = body[:HEADER_BYTES]
    if not header:
        return b""
    text = header.lstrip(_WHITESPACE)
    if _is_html(text):
        return b"text/html"
    if text.startswith(b"<?xml"):
        return b"text/xml"
    for signature, kind in _SIGNATURES:
        if signature.match(header):
            return kind
    if _is_mp4(header):
        return b"video/mp4"
    if _is_webm(header):
        return b"video/webm"
    for start, kind in _ARCHIVES:
        if header.startswith(start):
            return kind
    return b"application/octet-stream" if _BINARY.search(header) else b"text/plain"


def _is_html(text: bytes) -> bool:
    # A comment needs no tag-terminating byte, every other tag does.
    return text.startswith(b"<!--") or _HTML.match(text) is not None


def _is_mp4(header: bytes) -> bool:
    """MIME Sniffing §6.2.1: a first box `ftyp` that names a brand beginning with `mp4`."""
    size = int.from_bytes(header[:4], "big")
    if len(header) < 12 or len(header) < size or size % 4 or header[4:8] != b"ftyp":
        return False
    # Bytes 12 to 15 are the version of the major brand.
    return any(header[at : at + 3] == b"mp4" for at in (8, *range(16, size, 4)))


def _is_webm(header: bytes) -> bool:
    """MIME Sniffing §6.2.2: EBML whose DocType, near the beginning, is `webm`."""
    if not header.startswith(b"\x1a\x45\xdf\xa3"):
        return False
    at = header.find(b"\x42\x82", 4, 38)
    if at < 0:
        return False
    # An EBML number: the first set bit says how many bytes it has.
    first = header[at + 2 : at + 3]
    width = 9 - first[0].bit_length() if first else 1
    return header[at + 2 + width :].lstrip(b"\x00").startswith(b"webm")
