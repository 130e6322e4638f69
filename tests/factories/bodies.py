# SPDX-License-Identifier: Apache-2.0
"""Request bodies as browsers and curl write them."""

from __future__ import annotations

from typing import TypedDict

FORM_TYPE = b"application/x-www-form-urlencoded"
BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
MULTIPART_TYPE = b"multipart/form-data; boundary=" + BOUNDARY


class PartOf(TypedDict, total=False):
    """A part; name and value are always there."""

    name: bytes
    value: bytes
    filename: bytes
    type: bytes
    encoding: bytes


def multipart_body(*parts: PartOf) -> bytes:
    """A multipart form with these parts, delimited by BOUNDARY."""
    text = b""
    for part in parts:
        disposition = b'form-data; name="%b"' % part["name"]
        if "filename" in part:
            disposition += b'; filename="%b"' % part["filename"]
        text += b"--%b\r\nContent-Disposition: %b\r\n" % (BOUNDARY, disposition)
        if "type" in part:
            text += b"Content-Type: %b\r\n" % part["type"]
        if "encoding" in part:
            text += b"Content-Transfer-Encoding: %b\r\n" % part["encoding"]
        text += b"\r\n%b\r\n" % part["value"]
    return text + b"--%b--\r\n" % BOUNDARY
