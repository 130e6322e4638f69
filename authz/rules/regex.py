# SPDX-License-Identifier: Apache-2.0
"""Regular expressions: the only module that knows the engine (rurex, Rust's regex crate on bytes).

The language is that of Rust's regex crate with Unicode off (Cloudflare 3d; surprises 59 to 68), in
linear time on any input. rurex refuses a few forms that the crate itself accepts, because Python's
`re` refuses them; `regex_rewrite` turns those into equal ones. It also accepts the flag `a`, which
the crate does not know, and leading flags named twice, which the crate refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import rurex

from authz.rules.regex_rewrite import FlagError, rewrite
from authz.rules.suggestions import hint_for_regex

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex:
    """A compiled regular expression: `is_match(value)` searches anywhere in the value."""

    pattern: str
    is_match: Callable[[bytes], bool]


class RegexError(Exception):
    """A pattern that is not accepted; internal to authz.rules, the parser adds the place.

    `offset` counts characters of the pattern, None when the place is not known.
    """

    def __init__(self, reason: str, offset: int | None, hint: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.hint = hint


def compile_regex(pattern: str) -> Regex:
    """Compile a pattern. Raises RegexError."""
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        # The engine's front end panics on some of these ("[b-a\\") instead of saying so.
        raise RegexError("incomplete escape", len(pattern) - 1, None)
    try:
        equal = rewrite(pattern)
    except FlagError as error:
        raise RegexError(str(error), error.offset, hint_for_regex(pattern)) from None
    try:
        compiled = rurex.compile((pattern if equal is None else equal).encode())
    except rurex.PatternError as error:
        offset = _offset(pattern, error.pos) if equal is None else None
        raise RegexError(_reason(error.msg), offset, hint_for_regex(pattern)) from None
    return Regex(pattern=pattern, is_match=compiled.is_match)


def _offset(pattern: str, position: int | None) -> int | None:
    """The engine counts bytes, the source of an expression characters."""
    if position is None:
        return None
    return len(pattern.encode()[:position].decode(errors="ignore"))


def _reason(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
