# SPDX-License-Identifier: Apache-2.0
"""The kind of content, by the tables of the WHATWG MIME Sniffing Standard."""

from __future__ import annotations

import pytest

from authz.policy.sniffing import HEADER_BYTES, sniff

_WEBM = b"\x1a\x45\xdf\xa3\x93\x42\x82"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", b""),
        (b"hello", b"text/plain"),
        (b'{"a": 1}', b"text/plain"),
        (b"a=1&b=2", b"text/plain"),
        (b"caf\xc3\xa9\t\r\n\x1b[0m", b"text/plain"),
        (b"a\x00b", b"application/octet-stream"),
        (b"\x7fELF\x02\x01\x01", b"application/octet-stream"),
        (b"\xef\xbb\xbf\x00", b"text/plain"),
        (b"\xff\xfea\x00", b"text/plain"),
        (b" \r\n\t<!doctype html>", b"text/html"),
        (b"<SCRIPT >", b"text/html"),
        (b"<b>", b"text/html"),
        (b"<!--x", b"text/html"),
        (b"<body", b"text/plain"),
        (b"<bold>", b"text/plain"),
        (b" <?xml version='1.0'?>", b"text/xml"),
        (b"%PDF-1.7\n", b"application/pdf"),
        (b" %PDF-1.7\n", b"text/plain"),
        (b"%!PS-Adobe-3.0", b"application/postscript"),
        (b"\x89PNG\r\n\x1a\n\x00", b"image/png"),
        (b"\xff\xd8\xff\xe0", b"image/jpeg"),
        (b"GIF87a", b"image/gif"),
        (b"GIF89a", b"image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", b"image/webp"),
        (b"RIFF\n\n\n\nWAVE", b"audio/wave"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", b"video/avi"),
        (b"RIFF\x00\x00\x00\x00XXXX", b"application/octet-stream"),
        (b"BM\x00\x00", b"image/bmp"),
        (b"\x00\x00\x01\x00", b"image/x-icon"),
        (b"\x00\x00\x02\x00", b"image/x-icon"),
        (b"FORM\x00\x00\x00\x00AIFF", b"audio/aiff"),
        (b"ID3\x03", b"audio/mpeg"),
        (b"OggS\x00", b"application/ogg"),
        (b"MThd\x00\x00\x00\x06", b"audio/midi"),
        (b"\x1f\x8b\x08\x00", b"application/x-gzip"),
        (b"PK\x03\x04", b"application/zip"),
        (b"Rar!\x1a\x07\x00", b"application/x-rar-compressed"),
        (b"Rar!\x1a\x07\x01\x00", b"application/x-rar-compressed"),
        (b"\x00\x00\x00\x14ftypmp42\x00\x00\x00\x00mp42", b"video/mp4"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp41", b"video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ", b"application/octet-stream"),
        # The version of the brand is no brand.
        (b"\x00\x00\x00\x14ftypqt  mp41qt  ", b"application/octet-stream"),
        (b"\x00\x01\x00\x00ftypmp42", b"application/octet-stream"),
        (b"\x00\x00\x00\x15ftypmp42\x00\x00\x00\x00mp42x", b"application/octet-stream"),
        (b"\x00\x00\x00\x08ftyp", b"application/octet-stream"),
        (_WEBM + b"\x84webm", b"video/webm"),
        (_WEBM + b"\x40\x04\x00webm", b"video/webm"),
        (_WEBM + b"\x88matroska", b"application/octet-stream"),
        (_WEBM, b"application/octet-stream"),
        (b"\x1a\x45\xdf\xa3" + b"\x01" * 40, b"application/octet-stream"),
    ],
)
def test_the_kind_of_content(body: bytes, kind: bytes) -> None:
    assert sniff(body) == kind


def test_only_the_beginning_counts() -> None:
    text = b"a" * HEADER_BYTES

    assert sniff(text + b"\x00") == b"text/plain"
    assert sniff(text[:-1] + b"\x00") == b"application/octet-stream"
