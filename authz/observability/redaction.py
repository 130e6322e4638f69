# SPDX-License-Identifier: Apache-2.0
"""What a log may say of a request: parts of it that are left out, and text that does no harm.

Functions of text alone. Which of them apply is the settings' to say (settings.decision_log);
requests that are kept to be decided again are extauthz.recording's.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Final

from authz.observability.log import escape

#: What stands for a segment that was left out.
MASKED: Final = "*"

#: The network that is told in the place of an address: bits of the prefix by IP version.
NETWORK_BITS: Final = {4: 24, 6: 48}

#: A segment that looks like a name: letters, some words of them, a short number behind. Not a
#: number, a UUID, or what is long.
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z._~-]{0,31}\d{0,3}")


def plain(raw: bytes) -> str:
    """A client's bytes as text of one line that drives no terminal."""
    return escape(raw.decode("utf-8", "backslashreplace"))


def bare_host(host: bytes) -> bytes:
    """A host without what stands in front of an "@": that is where passwords are."""
    return host.rpartition(b"@")[2]


def words_only(path: str) -> str:
    """A path with `*` for the segments that do not look like names, and without parameters."""
    return "/".join(_word(segment) for segment in path.split("/"))


def _word(segment: str) -> str:
    name = segment.partition(";")[0]
    return name if not name or _WORD.fullmatch(name) else MASKED


def names_only(query: bytes) -> bytes:
    """A query without values.

    What has nothing behind its first `=` is left out, or nothing but more of them: it may be a
    value as well as a name, as base64 with its padding is.
    """
    pieces = (piece.partition(b"=") for piece in query.split(b"&"))
    return b"&".join(name + equals for name, equals, value in pieces if value.strip(b"="))


def network_of(address: str) -> str:
    """The network of an address, as `203.0.113.0/24`; `""` when it is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        # ::ffff:203.0.113.9 would keep nothing of what matters, or all of it.
        found = mapped
    return str(ip_network(f"{found}/{NETWORK_BITS[found.version]}", strict=False))
