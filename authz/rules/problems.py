# SPDX-License-Identifier: Apache-2.0
"""The closed list of what can be wrong with an expression.

Each problem has its message and the error class it is raised as. The reference engine's names for
its error kinds are kept in the members' names where there is a counterpart; only the fact that
something is an error is compared with that engine, not the kind. Hints are in suggestions.py.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from authz.errors import ParseError, TypeCheckError

if TYPE_CHECKING:
    from authz.errors import ExpressionError
    from authz.rules.ast import Span

_SHOWN: Final = 60
_TOKEN: Final = re.compile(r"[\w.]+|[=<>!&|^~]+")


class Problem(Enum):
    """A kind of error: `(class, message template)`."""

    EMPTY = (ParseError, "the expression is empty")
    NOT_TEXT = (ParseError, "the expression is not valid Unicode text")
    TRAILING = (ParseError, "unexpected {found} after the end of the expression")
    EXPECTED_VALUE = (ParseError, "expected a field or a function, found {found}")
    EXPECTED_OPERATOR = (
        ParseError,
        "expected an operator after a value of type {type}, found {found}",
    )
    EXPECTED = (ParseError, "expected {expected}, found {found}")
    EXPECTED_ARGUMENT = (ParseError, "expected an argument, found {found}")
    EXPECTED_INDEX = (ParseError, "expected an index, found {found}")
    INDEX_RANGE = (ParseError, "array index {text} is not between 0 and 4294967295")
    KEY_NOT_UTF8 = (ParseError, "a map key must be valid UTF-8")

    EXPECTED_INT = (ParseError, "expected a number, found {found}")
    PARSE_INT = (ParseError, "{text} is not {radix} number")
    INT_RANGE = (ParseError, "{text} does not fit into 64 bits")
    RANGE_BOUNDS = (ParseError, "the range {text} ends before it begins")
    EXPECTED_IP = (ParseError, "expected an IP address, found {found}")
    PARSE_IP = (ParseError, "{text} is not an IP address")
    PARSE_NETWORK = (ParseError, "{text} is not an IP address or network")
    HOST_BITS = (ParseError, "{text} has bits set beyond its prefix length")
    EXPECTED_BYTES = (ParseError, "expected a quoted text, found {found}")
    BYTES_TOO_SHORT = (ParseError, "a byte string needs at least two bytes")
    HEX_BYTE = (ParseError, "expected two hexadecimal digits, found {found}")
    UNTERMINATED = (ParseError, "the text that starts here has no closing quote")
    ESCAPE = (ParseError, "unknown escape {text} in a quoted text")
    ESCAPE_DIGITS = (ParseError, "{text} is not a valid byte escape")
    RAW_HASHES = (ParseError, "a raw string may have at most 255 hashes")
    RAW_QUOTE = (ParseError, 'expected " after r and hashes, found {found}')
    WILDCARD = (ParseError, "{reason}")
    REGEX = (ParseError, "invalid regular expression: {reason}")
    LIST_NAME = (ParseError, "expected a list name after $, found {found}")

    UNKNOWN_NAME = (TypeCheckError, 'unknown {what} "{name}"')
    REFUSED_FIELD = (TypeCheckError, 'the field "{name}" does not exist here: {reason}')
    REFUSED_FUNCTION = (
        TypeCheckError,
        "{name}() is not available in custom rules, only in {where}",
    )
    MISSING_FUNCTION = (TypeCheckError, "{name}() does not exist here: {reason}")
    UNSUPPORTED_OPERATOR = (TypeCheckError, "{operator} does not work on a value of type {type}")
    NOT_BOOL = (TypeCheckError, "the expression has type {type}, it must be Bool")
    MIXED_TYPES = (TypeCheckError, "{logic} joins a {first} and a {second}")
    INDEX_TYPE = (TypeCheckError, "a value of type {type} has no {index}")
    QUANTIFIER_TYPE = (TypeCheckError, "{quantity}() needs one answer per element, this is {type}")
    ARGUMENT_COUNT = (TypeCheckError, "{name}() takes {expected}, {given} given")
    ARGUMENT_TYPE = (TypeCheckError, "{name}() takes {expected} as {parameter}, this is {type}")
    ARGUMENT_KIND = (TypeCheckError, "{name}() takes {expected} as {parameter}, this is {given}")
    ARGUMENT_VALUE = (TypeCheckError, "{reason}")
    MAP_EACH = (TypeCheckError, "only the first argument of a function may have a [*]")
    UNKNOWN_LIST = (TypeCheckError, 'unknown list "${name}"')
    LIST_TYPE = (TypeCheckError, 'the list "${name}" holds {holds}, the left side is {type}')
    NESTING = (TypeCheckError, "nested more than {limit} levels deep")
    TOO_LONG = (TypeCheckError, "the expression has {length} characters, {limit} are allowed")
    SOURCE_TOO_LONG = (
        TypeCheckError,
        "the expression has {length} characters with all its white space, {limit} are allowed",
    )
    TOO_MANY_REGEXES = (TypeCheckError, "more than {limit} regular expressions in one expression")
    LARGE_REGEXES = (
        TypeCheckError,
        "the regular expressions of the expression take more than {limit} MB, compiled",
    )

    def error(
        self, source: str, span: Span, *, hint: str | None = None, **details: object
    ) -> ExpressionError:
        """The exception for this problem at a place."""
        error_class, template = self.value
        error: ExpressionError = error_class(
            template.format(**details), source=source, span=span, hint=hint
        )
        return error


def shown(text: str) -> str:
    """Text from an expression as a message can carry it: short, printable, one line."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return '"' + "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut) + '"'


def found(source: str, at: int, end: int) -> str:
    """What stands at a place, for "expected …, found …"."""
    if at >= end:
        return "the end"
    if source[at] == '"':
        return "a quoted text"
    # One word, one run of operator characters, or one character.
    match = _TOKEN.match(source, at, min(end, at + _SHOWN))
    return shown(match.group() if match else source[at])
