# SPDX-License-Identifier: Apache-2.0
"""is_timed_hmac_valid_v0: tokens that expire (Cloudflare, "HMAC validation").

The text is message, separator, ten digits of UNIX time, "-", MAC: in the words of the
documentation `(.+)(.*)(\\d{10})-(.{43,})`. The MAC is HMAC-SHA256 over message and time, without
the separator; five tokens that were published with it are among the vectors
(tests/vectors/rules/timed_hmac.rules). The time comes as an argument; nothing here reads a clock.
"""

from __future__ import annotations

import binascii
import hmac
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from authz.rules.functions.model import ArgumentError, ArgumentKind, Function, Parameter
from authz.rules.types import Bool, Bytes, Int

if TYPE_CHECKING:
    from authz.rules.functions.model import Implementation, LiteralValue

# 32 bytes in Base64 without padding.
_SHORTEST_MAC: Final = 43
_TIME_DIGITS: Final = 10
_URL_SAFE: Final = re.compile(rb"[A-Za-z0-9_-]{43}")
_STANDARD: Final = re.compile(rb"[A-Za-z0-9+/]{43}=")


def _mac(text: bytes, *, url_safe: bool) -> bytes | None:
    if url_safe:
        if not _URL_SAFE.fullmatch(text):
            return None
        return binascii.a2b_base64(text.translate(bytes.maketrans(b"-_", b"+/")) + b"=")
    decoded = unquote_to_bytes(text)
    return binascii.a2b_base64(decoded) if _STANDARD.fullmatch(decoded) else None


def _split(text: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Message with separator, time and MAC; the last place that fits, as the greedy regex finds."""
    dash = text.rfind(b"-", 0, max(0, len(text) - _SHORTEST_MAC))
    while dash > _TIME_DIGITS:
        time = text[dash - _TIME_DIGITS : dash]
        if time.isdigit():
            return text[: dash - _TIME_DIGITS], time, text[dash + 1 :]
        dash = text.rfind(b"-", 0, dash)
    return None


def _bind(literals: tuple[LiteralValue | None, ...]) -> Implementation:
    key, _, lifetime, _, *rest = literals
    separator = rest[0] if rest else 0
    flags = rest[1] if len(rest) > 1 else b""
    if not isinstance(key, bytes) or not key:
        raise ArgumentError(0, "the key must not be empty")
    if not isinstance(lifetime, int) or lifetime < 0:
        raise ArgumentError(2, "the time to live must not be negative")
    if not isinstance(separator, int) or separator < 0:
        raise ArgumentError(4, "the length of the separator must not be negative")
    if flags not in (b"", b"s"):
        raise ArgumentError(5, 'the only flag is "s" (URL-safe Base64 without padding)')
    secret, ttl, skipped = key, lifetime, separator
    url_safe = flags == b"s"

    def valid(_key: bytes, text: bytes, _ttl: int, now: int, *_rest: object) -> bool:
        parts = _split(text)
        if parts is None:
            return False
        head, time, encoded = parts
        message = head[: len(head) - skipped]
        given = _mac(encoded, url_safe=url_safe)
        if len(head) <= skipped or given is None:
            return False
        expected = hmac.digest(secret, message + time, "sha256")
        # Cloudflare, "Configure token authentication": now < issued + lifetime. There is no bound
        # in the other direction.
        return hmac.compare_digest(given, expected) and now < int(time) + ttl

    return valid


IS_TIMED_HMAC_VALID_V0: Final = Function(
    name="is_timed_hmac_valid_v0",
    parameters=(
        Parameter(name="key", accepts=(Bytes,), kind=ArgumentKind.LITERAL),
        Parameter(name="message with MAC", accepts=(Bytes,), kind=ArgumentKind.NOT_LITERAL),
        Parameter(name="time to live", accepts=(Int,), kind=ArgumentKind.LITERAL),
        Parameter(name="current time", accepts=(Int,)),
    ),
    optional=(
        Parameter(name="length of the separator", accepts=(Int,), kind=ArgumentKind.LITERAL),
        Parameter(name="flags", accepts=(Bytes,), kind=ArgumentKind.LITERAL),
    ),
    returns=Bool,
    bind=_bind,
    doc="Whether the text ends in a MAC that fits the key and was issued less than the time to "
    "live ago: message, separator, ten digits of Unix time, `-`, MAC.",
    limits="HMAC-SHA256 over message and time, without the separator; the key is not empty, times "
    'and lengths (in bytes) are not negative; the flag "s" takes URL-safe Base64 without padding, '
    "without it the MAC is standard Base64, URL-encoded; nothing follows the MAC.",
    unconfirmed="A token from the future is valid: Cloudflare documents `now < issued + time to "
    'live` and no other bound. No token with the flag "s" was published to compare with. Standard '
    "Base64 that is not URL-encoded, or with `%2f` for `%2F`, is taken as well. (The algorithm, "
    "the separator and URL encoding are those of tokens that Cloudflare published.)",
)
