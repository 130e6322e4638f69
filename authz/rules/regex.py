# SPDX-License-Identifier: Apache-2.0
"""Regular expressions: the only module that knows the engine (rurex, Rust's regex crate on bytes).

The language is that of Rust's regex crate with Unicode off (Cloudflare 3d; surprises 59 to 68), in
linear time on any input. A pattern is compiled as a set of one: rurex takes the patterns of a set
as the crate does, to the last character and to the last byte of the size limit, while a single one
must also pass for Python's `re`, which refuses `a**`, `a{2}0*` and flags in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import rurex

from authz.rules.regex_suggestions import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex:
    """A compiled regular expression: `is_match(value)` searches anywhere in the value."""

    pattern: str
    is_match: Callable[[bytes], bool]


class RegexError(Exception):
    """A pattern that is not accepted; internal to authz.rules, the parser adds the place.

    `span` counts characters of the pattern, None when the place is not known.
    """

    def __init__(self, reason: str, span: tuple[int, int] | None, hint: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span
        self.hint = hint


def compile_regex(pattern: str) -> Regex:
    """Compile a pattern. Raises RegexError."""
    try:
        compiled = rurex.compile_set([pattern.encode()])
    except rurex.PatternError as error:
        raise _error(pattern, _offset(pattern, error.pos), error.msg) from None
    except BaseException as error:
        # rurex panics while it describes some errors ("(?é)", "[b-a\\"). A panic is no Exception,
        # its class cannot be imported, and nobody above would catch it.
        if type(error).__name__ != "PanicException":
            raise
        raise _error(pattern, None, "malformed pattern") from None
    return Regex(pattern=pattern, is_match=compiled.is_match)


def _offset(pattern: str, position: int | None) -> int | None:
    """The engine counts bytes, the source of an expression characters."""
    if position is None:
        return None
    return len(pattern.encode()[:position].decode(errors="ignore"))


def _error(pattern: str, offset: int | None, message: str) -> RegexError:
    fault = fault_of(pattern, offset, message)
    return RegexError(fault.reason, fault.span, fault.hint)
