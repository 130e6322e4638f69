# SPDX-License-Identifier: Apache-2.0
"""How large regular expressions become when they are compiled, told from their text.

A counted repetition is written out: the twelve characters `\\w{60000}x` are nine megabytes in every
process that holds the rule, and a Unicode class is as large as five hundred plain ones. The engine
bounds one pattern (10 MiB); here is what bounds several of them together. The weights are bytes of
resident memory, measured over patterns of one form, and rounded up. Nothing is compiled here, and
whether a pattern is valid is not decided.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from authz.errors import ParseError
from authz.rules.ast import RegexLiteral
from authz.rules.problems import Problem
from authz.rules.regex_cost import Item, written_out
from authz.rules.strings import lex_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.rules.ast import Right, Span

#: Cloudflare: at most 64 regular expressions in an expression.
MAX_REGEXES: Final = 64

#: Of all patterns of one expression together, in bytes: two of the largest and many ordinary ones.
MAX_REGEX_BYTES: Final = 32 * 1024 * 1024

#: More than anybody may have: a sum stops there.
ENOUGH: Final = 300 * 1024 * 1024

# Of an expression, as the parser has them; texts that look like patterns come on top.
_MAX_SOURCE: Final = 65_536
_MOST_CHARACTERS: Final = 4_500
_MOST_STARTS: Final = MAX_REGEXES + 32

#: No pattern that compiles is larger: the engine's own limit, with what it takes besides.
_MOST: Final = 14 * 1024 * 1024

_LEAST: Final = 11_000
_LITERAL: Final = 240
_CLASS: Final = 170
# A class has at most a range for each of its characters.
_CLASS_CHARACTER: Final = 30
_UNICODE_CHARACTER: Final = 1_400
_UNICODE_CLASS: Final = 100_000
_ANY_CASE: Final = 2
# The engine searches for what a pattern begins with in every mix of cases.
_MIXED_CASE: Final = 12_000
_MOST_MIXED: Final = 25

_UNICODE: Final = re.compile(r"\(\?[A-Za-z]*u")
_CASELESS: Final = re.compile(r"\(\?[A-Za-z]*i")
# White space and comments may stand anywhere then, brackets in comments as well.
_VERBOSE: Final = re.compile(r"\(\?[A-Za-z]*x")
_NAMED: Final = re.compile(r"\\[dDwWsSpP]|\[:")
_PATTERN: Final = re.compile(r'(?:matches|~)[ \r\n]*(?=r?#*")')


class RegexTally:
    """The regular expressions of one expression, counted while it is read."""

    __slots__ = ("bytes", "count")

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0

    def add(self, literal: Right, source: str, span: Span) -> None:
        """One more.

        Raises:
            TypeCheckError: that is too many, or too much.
        """
        assert isinstance(literal, RegexLiteral), "what stands behind matches"
        self.count += 1
        self.bytes += compiled_bytes(literal.pattern)
        if self.count > MAX_REGEXES:
            raise Problem.TOO_MANY_REGEXES.error(source, span, limit=MAX_REGEXES)
        if self.bytes > MAX_REGEX_BYTES:
            raise Problem.LARGE_REGEXES.error(
                source,
                span,
                limit=MAX_REGEX_BYTES >> 20,
                hint="repeat less often: {1000} counts as a thousand copies",
            )


def compiled_bytes(pattern: str) -> int:
    """An upper bound for the memory that a pattern takes, compiled."""
    if _VERBOSE.search(pattern) and "{" in pattern:
        return _MOST
    unicode = _UNICODE.search(pattern) is not None
    size = written_out(pattern, lambda item, text: _weight(item, text, unicode=unicode))
    if _CASELESS.search(pattern):
        mixed = _MIXED_CASE * min(len(pattern), _MOST_MIXED)
        size = _ANY_CASE * (size + mixed if unicode else size) + mixed
    return min(_LEAST + size, _MOST)


def regex_bytes_of(expressions: Iterable[str]) -> int:
    """An upper bound for all patterns of expressions; the same expression is kept once.

    They are found in the text, without reading the rest: what only looks like one counts as well.
    Beyond ENOUGH the rest is not looked at.
    """
    total = 0
    for text in dict.fromkeys(expressions):
        if len(text) <= _MAX_SOURCE and ("~" in text or "matches" in text):
            total += _bytes_in(text)
            if total > ENOUGH:
                break
    return total


@lru_cache(maxsize=1024)
def _bytes_in(expression: str) -> int:
    starts = [match.end() for match in _PATTERN.finditer(expression)]
    if len(starts) > _MOST_STARTS:
        return MAX_REGEX_BYTES + 1
    total = 0
    for start in starts:
        try:
            # A pattern is no longer than an expression may be.
            pattern, _, _ = lex_pattern(
                expression, start, min(len(expression), start + _MOST_CHARACTERS)
            )
        except ParseError:
            # Within a text, or the expression is none. It took its time all the same.
            total += _UNICODE_CLASS
            continue
        total += compiled_bytes(pattern)
    return total


def _weight(item: Item, text: str, *, unicode: bool) -> int:
    if item is Item.LITERAL:
        return _UNICODE_CHARACTER if unicode else _LITERAL
    if not unicode:
        return _CLASS + _CLASS_CHARACTER * len(text)
    # Each of its named classes and ranges may be one of Unicode's.
    named = len(_NAMED.findall(text))
    return _UNICODE_CLASS * named + _UNICODE_CHARACTER * (1 + len(text))
