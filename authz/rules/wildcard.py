# SPDX-License-Identifier: Apache-2.0
"""`wildcard` and `strict wildcard` patterns (Cloudflare 3c; surprises 69 to 71).

The pattern covers the whole value; `*` stands for any bytes, also none, also newlines; `\\*` and
`\\\\` are the only escapes. `wildcard` ignores the case of ASCII letters. Nothing else is special,
which is why this is not a regular expression: the parts between stars are found one after the
other, the leftmost place first, and no input can make that slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_STAR: Final = ord("*")
_BACKSLASH: Final = ord("\\")


class WildcardError(Exception):
    """A malformed pattern; internal to authz.rules, the parser adds the place."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Wildcard:
    """A compiled pattern: the texts between its stars."""

    parts: tuple[bytes, ...]
    strict: bool

    @property
    def matches_everything(self) -> bool:
        """Whether the pattern is a star alone."""
        return self.parts == (b"", b"")

    def matches(self, value: bytes) -> bool:
        """Whether the whole value fits the pattern; the reference for `matcher`."""
        if not self.strict:
            value = value.lower()
        first, *middle = self.parts
        if not middle:
            return value == first
        last = middle.pop()
        if len(value) < len(first) + len(last):
            return False
        if not value.startswith(first) or not value.endswith(last):
            return False
        at, stop = len(first), len(value) - len(last)
        for part in middle:
            at = value.find(part, at, stop)
            if at < 0:
                return False
            at += len(part)
        return True

    def matcher(self) -> Callable[[bytes], bool]:
        """The fastest function that answers like `matches`."""
        if len(self.parts) != 2:
            return self.matches
        first, last = self.parts
        if not self.strict:
            return self._fold(first, last)
        if not last:
            return lambda value: value.startswith(first)
        if not first:
            return lambda value: value.endswith(last)
        return self.matches

    def _fold(self, first: bytes, last: bytes) -> Callable[[bytes], bool]:
        if not last:
            return lambda value: value[: len(first)].lower() == first
        if not first:
            return lambda value: value[-len(last) :].lower() == last
        return self.matches


def compile_wildcard(pattern: bytes, *, strict: bool) -> Wildcard:
    """Read a pattern. Raises WildcardError."""
    parts: list[bytes] = []
    part = bytearray()
    star = False  # Whether the byte before this one was an unescaped star.
    at = 0
    while at < len(pattern):
        byte = pattern[at]
        if byte == _STAR:
            if star:
                raise WildcardError("two stars in a row in a wildcard pattern", "write one star")
            parts.append(bytes(part))
            part.clear()
        elif byte == _BACKSLASH:
            at += 1
            if at == len(pattern) or pattern[at] not in (_STAR, _BACKSLASH):
                raise WildcardError(
                    "a backslash in a wildcard pattern must stand before * or \\",
                    r'for the backslash itself write two, in a raw string: r"\\"',
                )
            part.append(pattern[at])
        else:
            part.append(byte)
        star = byte == _STAR
        at += 1
    parts.append(bytes(part))
    if not strict:
        parts = [piece.lower() for piece in parts]
    return Wildcard(parts=tuple(parts), strict=strict)
