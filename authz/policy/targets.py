# SPDX-License-Identifier: Apache-2.0
"""Taking apart what a request carries: query arguments, cookies, the extension of a path.

Pure functions on bytes, in Cloudflare's semantics (its fields reference): names and values are not
decoded, except for cookie names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from authz.rules import Value

Pairs = tuple[tuple[bytes, bytes], ...]


def query_pairs(query: bytes) -> Pairs:
    """`(name, value)` in request order, duplicates listed, nothing decoded."""
    pairs: list[tuple[bytes, bytes]] = []
    for piece in query.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((name, value))
    return tuple(pairs)


def cookie_pairs(cookie: bytes) -> Pairs:
    """`(URL-decoded name, untouched value)` in order (Cloudflare `http.request.cookies`)."""
    pairs: list[tuple[bytes, bytes]] = []
    for piece in cookie.split(b";"):
        name, equals, value = piece.strip(b" \t").partition(b"=")
        if equals:
            pairs.append((unquote_to_bytes(name), value))
    return tuple(pairs)


def grouped(pairs: Pairs) -> dict[bytes, Value]:
    """Values by name, both in order of first appearance."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def extension(path: bytes) -> bytes:
    """Lower-cased text after the last dot of the last segment; `b""` for `/foo.` and `/.mp3`."""
    segment = path.rpartition(b"/")[2]
    stem, dot, text = segment.rpartition(b".")
    return text.lower() if dot and stem else b""
