# SPDX-License-Identifier: Apache-2.0
"""The CheckRequest that everybody is asked, about 1 KB without its certificate, and gRPC frames."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests.factories.checks import check_request
from tests.factories.pki import url_encoded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from authz.demo.pki import Issued

HOST: Final = "api.example.com"
PATH: Final = "/orders/2026/items?id=7"
#: More paths than decisions are remembered for: in turn, each is decided anew.
OTHER_PATHS: Final = 20_000
#: What a browser or an API client sends besides.
HEADERS: Final = (
    (
        "user-agent",
        (
            b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            b"Chrome/141.0.0.0 Safari/537.36"
        ),
    ),
    ("accept", b"application/json, text/plain, */*"),
    ("accept-language", b"en-GB,en;q=0.9,de;q=0.8"),
    ("accept-encoding", b"gzip, deflate, br, zstd"),
    ("referer", b"https://app.example.com/orders"),
    ("cookie", b"session=6a3f0c1d9be44bb1a0c5f0aee1f6c2d7; theme=dark; consent=2026-01-04"),
    ("sec-ch-ua", b'"Chromium";v="141", "Not?A_Brand";v="8"'),
    ("sec-ch-ua-platform", b'"Linux"'),
    ("sec-fetch-site", b"same-site"),
    ("sec-fetch-mode", b"cors"),
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("x-forwarded-for", b"198.51.100.7"),
    ("x-forwarded-proto", b"https"),
    ("x-request-id", b"4f4d0f0e-54a5-4d5e-9c4b-2f6f4f6a2b10"),
)


def check_for(certificate: Issued | None, *, host: str = HOST, path: str = PATH) -> bytes:
    """A serialised CheckRequest, as the shipped listener sends it."""
    request = check_request(
        host=host,
        path=path,
        sni=host,
        headers=HEADERS,
        certificate="" if certificate is None else url_encoded(certificate.pem),
    )
    return request.SerializeToString()


def checks_of_paths(certificate: Issued, count: int) -> list[bytes]:
    """That many checks, each for another path; else they are the same."""
    return [check_for(certificate, path=f"/orders/2026/items/{n}?id=7") for n in range(count)]


def framed(message: bytes) -> bytes:
    """A gRPC length-prefixed message, not compressed."""
    return struct.pack(">BI", 0, len(message)) + message


def write_bodies(file: Path, messages: Iterable[bytes]) -> Path:
    """Request bodies one behind the other; the frames' own headers keep them apart."""
    file.write_bytes(b"".join(map(framed, messages)))
    return file
