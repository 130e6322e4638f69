# SPDX-License-Identifier: Apache-2.0
"""Operators, and everything that stands to the right of one: literals, sets, lists, patterns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.errors import ParseError
from authz.rules.ast import (
    EACH,
    Interval,
    ItemSet,
    ListRef,
    Literal,
    Operator,
    RegexLiteral,
    WildcardLiteral,
)
from authz.rules.lexer import lex_int, lex_int_item, lex_ip, lex_ip_item, lex_list_name, skip_space
from authz.rules.literal_suggestions import (
    hint_for_comma,
    hint_for_index,
    hint_for_membership,
    hint_for_text,
)
from authz.rules.problems import Problem, found, shown
from authz.rules.regex import RegexError, compile_regex
from authz.rules.strings import lex_bytes, lex_pattern, lex_quoted
from authz.rules.suggestions import did_you_mean
from authz.rules.types import Bytes, Int, Ip, Type
from authz.rules.wildcard import WildcardError, compile_wildcard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.ast import Right, Step
    from authz.rules.lists import NamedList

#: Every operator and how it is written, in the order in which they are tried.
NOTATIONS: Final[Mapping[Operator, tuple[str, ...]]] = MappingProxyType(
    {
        Operator.IN: ("in",),
        Operator.EQ: ("eq", "=="),
        Operator.NE: ("ne", "!="),
        Operator.GE: ("ge", ">="),
        Operator.LE: ("le", "<="),
        Operator.GT: ("gt", ">"),
        Operator.LT: ("lt", "<"),
        Operator.BITWISE_AND: ("bitwise_and", "&"),
        Operator.CONTAINS: ("contains",),
        Operator.MATCHES: ("matches", "~"),
        Operator.WILDCARD: ("wildcard",),
        Operator.STRICT_WILDCARD: ("strict wildcard",),
    }
)
# Prefixes of words count (surprise 3).
_OPERATOR: Final = re.compile("|".join(f"({'|'.join(texts)})" for texts in NOTATIONS.values()))
_OPERATORS: Final = tuple(NOTATIONS)
_ORDERING: Final = frozenset(
    (Operator.EQ, Operator.NE, Operator.GE, Operator.LE, Operator.GT, Operator.LT)
)
_INDEX_MAX: Final = 2**32 - 1
# How the literals begin that an argument may be without quotes. Letters beyond F among the first
# three characters make it a name, and 0x18 with it (measured; the engine looks no further).
_BARE_LITERAL: Final = re.compile(r"(?![0-9A-Za-z_]{0,2}[G-Zg-z_])[0-9A-Fa-f:./+-]")
_HEX_NUMBER: Final = re.compile(r"0x[0-9A-Fa-f]+(?![0-9A-Za-z_])")


def lex_operator(source: str, at: int, end: int) -> tuple[Operator | None, int]:
    """The comparison operator at this position and where it ends, or None and 0."""
    match = _OPERATOR.match(source, at, end)
    return (
        (_OPERATORS[match.lastindex - 1], match.end()) if match and match.lastindex else (None, 0)
    )


def lex_right(
    source: str,
    at: int,
    end: int,
    kind: Type,
    operator: Operator,
    lists: Mapping[str, NamedList],
) -> tuple[Right | None, int]:
    """What follows an operator after a value of a type; None if the two do not go together."""
    if operator is Operator.IN:
        return _lex_members(source, at, end, kind, lists)
    if operator in _ORDERING:
        return _lex_literal(source, at, end, kind)
    if operator is Operator.BITWISE_AND:
        return _lex_literal(source, at, end, kind) if kind == Int else (None, at)
    if kind != Bytes:
        return None, at
    if operator is Operator.CONTAINS:
        return _lex_literal(source, at, end, kind)
    if operator is Operator.MATCHES:
        return _lex_regex(source, at, end)
    return _lex_wildcard(source, at, end, strict=operator is Operator.STRICT_WILDCARD)


def _lex_literal(source: str, at: int, end: int, kind: Type) -> tuple[Literal, int]:
    if kind == Bytes:
        text, stop = lex_bytes(source, at, end)
        return Literal(value=text, type=kind, span=(at, stop)), stop
    if kind == Int:
        number, stop = lex_int(source, at, end)
        return Literal(value=number, type=kind, span=(at, stop)), stop
    address, stop = lex_ip(source, at, end)
    return Literal(value=address, type=kind, span=(at, stop)), stop


def _lex_members(
    source: str, at: int, end: int, kind: Type, lists: Mapping[str, NamedList]
) -> tuple[ItemSet | ListRef, int]:
    if source.startswith("$", at, end):
        return _lex_list(source, at, end, kind, lists)
    if not source.startswith("{", at, end):
        raise Problem.EXPECTED.error(
            source,
            (at, min(at + 1, end)),
            expected="{ or $ after in",
            found=found(source, at, end),
            hint=hint_for_membership(source, at, end, kind),
        )
    start, at = at, skip_space(source, at + 1, end)
    texts: list[bytes] = []
    intervals: list[Interval] = []
    while not source.startswith("}", at, end):
        if at >= end:
            raise Problem.EXPECTED.error(
                source, (start, start + 1), expected="} for this {", found="the end"
            )
        if source.startswith(",", at, end):
            raise Problem.EXPECTED.error(
                source,
                (at, at + 1),
                expected="an item or }",
                found='","',
                hint=hint_for_comma(source, start, end, kind),
            )
        if kind == Bytes:
            text, at = lex_bytes(source, at, end)
            texts.append(text)
        else:
            interval, at = (lex_int_item if kind == Int else lex_ip_item)(source, at, end)
            intervals.append(interval)
        at = skip_space(source, at, end)
    items = tuple(texts) if kind == Bytes else tuple(intervals)
    return ItemSet(items=items, span=(start, at + 1)), at + 1


#: By the type of the left side: which lists go with it.
_LIST_HINTS: Final[Mapping[Type, str]] = MappingProxyType(
    {
        Bytes: "a list of kind string or hostname goes with text",
        Int: "a list of kind integer or asn goes with numbers",
        Ip: "a list of kind ip goes with addresses",
    }
)


def _lex_list(
    source: str, at: int, end: int, kind: Type, lists: Mapping[str, NamedList]
) -> tuple[ListRef, int]:
    name, stop = lex_list_name(source, at + 1, end)
    span = (at, stop)
    named = lists.get(name)
    if named is None:
        # The engine never matches here; a slip in a name must not open a door.
        hint = did_you_mean(name, lists) or (
            "Cloudflare's managed lists do not exist here" if name.startswith("cf.") else None
        )
        raise Problem.UNKNOWN_LIST.error(source, span, name=name, hint=hint)
    if named.holds != kind:
        raise Problem.LIST_TYPE.error(
            source, span, name=name, holds=named.holds, type=kind, hint=_LIST_HINTS.get(kind)
        )
    return ListRef(name=name, list=named, span=span), stop


def _lex_regex(source: str, at: int, end: int) -> tuple[RegexLiteral, int]:
    pattern, places, stop = lex_pattern(source, at, end)
    try:
        regex = compile_regex(pattern)
    except RegexError as error:
        span = (at, stop)
        if error.span is not None:
            first, last = error.span
            # The closing quote is the place where a pattern ends.
            span = (places[first], max(places[first] + 1, places[last]))
        raise Problem.REGEX.error(source, span, reason=error.reason, hint=error.hint) from None
    return RegexLiteral(pattern=pattern, regex=regex, span=(at, stop)), stop


def _lex_wildcard(source: str, at: int, end: int, *, strict: bool) -> tuple[WildcardLiteral, int]:
    if not source.startswith(('"', "r"), at, end):
        # No byte-string literal here (surprise 72).
        raise Problem.EXPECTED_BYTES.error(
            source,
            (at, min(at + 1, end)),
            found=found(source, at, end),
            hint=hint_for_text(source, at, end),
        )
    pattern, stop = lex_bytes(source, at, end)
    try:
        wildcard = compile_wildcard(pattern, strict=strict)
    except WildcardError as error:
        raise Problem.WILDCARD.error(
            source, (at, stop), reason=error.message, hint=error.hint
        ) from None
    return WildcardLiteral(pattern=pattern, wildcard=wildcard, span=(at, stop)), stop


def lex_index(source: str, at: int, end: int) -> tuple[Step, int]:
    """What stands between brackets: `*`, a quoted key or a position."""
    if source.startswith("*", at, end):
        return EACH, at + 1
    if source.startswith('"', at, end):
        key, stop = lex_quoted(source, at, end)
        try:
            key.decode()
        except UnicodeDecodeError:
            raise Problem.KEY_NOT_UTF8.error(source, (at, stop)) from None
        return key, stop
    if at < end and (source[at] in "-" or source[at].isdigit()):
        position, stop = lex_int(source, at, end)
        if not 0 <= position <= _INDEX_MAX:
            raise Problem.INDEX_RANGE.error(source, (at, stop), text=shown(source[at:stop]))
        return position, stop
    raise Problem.EXPECTED_INDEX.error(
        source,
        (at, min(at + 1, end)),
        found=found(source, at, end),
        hint=hint_for_index(source, at, end),
    )


def lex_argument_literal(source: str, at: int, end: int) -> Literal | None:
    """A literal argument: quoted and raw texts, else address, number, bytes (surprise 55)."""
    if source.startswith(('"', "r"), at, end):
        text, stop = lex_bytes(source, at, end)
        return Literal(value=text, type=Bytes, span=(at, stop))
    if number := _HEX_NUMBER.match(source, at, end):
        raise Problem.EXPECTED_ARGUMENT.error(
            source,
            (at, number.end()),
            found=shown(number.group()),
            hint=f"numbers among arguments are not hexadecimal: write {int(number.group(), 16)}",
        )
    if not _BARE_LITERAL.match(source, at, end):
        return None
    for kind in (Ip, Int, Bytes):
        try:
            literal, _ = _lex_literal(source, at, end, kind)
        except ParseError:
            continue
        return literal
    if source[at].isdigit():
        # Say what is wrong with the number, not that it is no field.
        lex_int(source, at, end)
    return None
