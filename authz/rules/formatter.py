# SPDX-License-Identifier: Apache-2.0
"""Writes an expression in its canonical form.

English operators as in Cloudflare's documentation and expression builder, one space between words,
no parentheses that change nothing, numbers in decimal, addresses in their shortest notation.
Parsing the result gives an equal tree. The result can be longer than the source (`&&` becomes
`and`), also longer than the limit that a source must keep.
"""

from __future__ import annotations

from ipaddress import IPv4Address, summarize_address_range
from typing import TYPE_CHECKING, Final, cast

from authz.errors import ParseError
from authz.rules.ast import (
    EACH,
    Access,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    Interval,
    ItemSet,
    ListRef,
    Literal,
    Logic,
    Not,
    RegexLiteral,
    Truth,
)
from authz.rules.strings import lex_pattern

if TYPE_CHECKING:
    from authz.rules.ast import Argument, Call, Expression, Logical, Right
    from authz.rules.types import Address

# How tight an operator binds; `not` binds tighter than all of them.
_BINDING: Final = {Logic.OR: 0, Logic.XOR: 1, Logic.AND: 2}
_NOT_BINDING: Final = 3
# What an argument of any() or of a function may begin with to be read as a condition.
_CONDITION_STARTS: Final = ("(", "not ", "any(", "all(")


def format_expression(expression: Expression) -> str:
    """The canonical text of an expression."""
    return format_logical(expression.root)


def format_logical(node: Logical) -> str:
    """The canonical text of a condition."""
    return _logical(node, 0)


def format_argument(argument: Argument) -> str:
    """The canonical text of an argument, also of a field or call with its indexes."""
    return _argument(argument)


def format_right(right: Right) -> str:
    """The canonical text of what stands to the right of an operator."""
    return _right(right)


def format_bytes(value: bytes) -> str:
    """A byte string as a quoted literal: readable where it is text, byte escapes elsewhere."""
    return _quoted(value)


def format_pattern(pattern: str) -> str:
    """The pattern of a regular expression as a literal."""
    return _pattern(pattern)


def format_wildcard(pattern: bytes) -> str:
    """The pattern after `wildcard` and `strict wildcard` as a literal."""
    return _wildcard(pattern)


def format_item(item: Interval) -> str:
    """An item of a set of numbers or addresses: one, a range or a network."""
    return _item(item)


def _logical(node: Logical, binding: int) -> str:
    """The text of a node, in parentheses if it binds looser than its place asks for."""
    if isinstance(node, Constant):
        return "true" if node.value else "false"
    if isinstance(node, Truth):
        return _access(node.operand)
    if isinstance(node, Comparison):
        return f"{_access(node.left)} {node.operator.value} {_right(node.right)}"
    if isinstance(node, Not):
        return f"not {_logical(node.operand, _NOT_BINDING)}"
    if isinstance(node, Combination):
        own = _BINDING[node.logic]
        # One more than its own: a nested run of the same operator keeps its parentheses.
        text = f" {node.logic.value} ".join(_logical(one, own + 1) for one in node.operands)
        return f"({text})" if own < binding else text
    return f"{node.quantity.value}({_argument(node.argument)})"


def _argument(argument: Argument) -> str:
    if isinstance(argument, Literal):
        return _literal(argument)
    if isinstance(argument, Access):
        return _access(argument)
    text = _logical(argument, 0)
    if isinstance(argument, Comparison) or text.startswith(_CONDITION_STARTS):
        return text
    return f"({text})"


def _access(access: Access) -> str:
    base = access.base
    text = base.field.name if isinstance(base, FieldRef) else _call(base)
    for step in access.steps:
        if isinstance(step, bytes):
            text += f"[{_quoted(step)}]"
        else:
            text += "[*]" if step is EACH else f"[{step}]"
    return text


def _call(call: Call) -> str:
    return f"{call.function.name}({', '.join(_argument(one) for one in call.arguments)})"


def _right(right: Right) -> str:
    if isinstance(right, Literal):
        return _literal(right)
    if isinstance(right, ItemSet):
        return "{" + " ".join(_item(item) for item in right.items) + "}"
    if isinstance(right, ListRef):
        return f"${right.name}"
    if isinstance(right, RegexLiteral):
        return _pattern(right.pattern)
    return _wildcard(right.pattern)


def _literal(literal: Literal) -> str:
    return _quoted(literal.value) if isinstance(literal.value, bytes) else str(literal.value)


def _item(item: bytes | Interval) -> str:
    if not isinstance(item, Interval):
        return _quoted(item)
    if item.first == item.last:
        return str(item.first)
    if isinstance(item.first, int):
        return f"{item.first}..{item.last}"
    first, last = item.first, cast("Address", item.last)
    if isinstance(first, IPv4Address):
        blocks = [str(block) for block in summarize_address_range(first, cast("IPv4Address", last))]
    else:
        blocks = [str(block) for block in summarize_address_range(first, last)]
    return blocks[0] if len(blocks) == 1 else f"{first}..{last}"


def _quoted(value: bytes) -> str:
    """A quoted string: readable where it is text, byte escapes elsewhere."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
        return '"' + "".join(c if c.isascii() and _readable(c) else _escape(c) for c in text) + '"'
    parts = (c if _readable(c) else "".join(map(_escape, _latin(c))) for c in text)
    return '"' + "".join(parts) + '"'


def _latin(char: str) -> str:
    return char.encode().decode("latin-1")


def _readable(char: str) -> bool:
    return char.isprintable() and char not in '"\\'


def _escape(char: str) -> str:
    return "\\" + char if char in '"\\' else f"\\x{ord(char):02x}"


def _wildcard(pattern: bytes) -> str:
    # A backslash would have to be doubled for the string and for the pattern.
    if b"\\" in pattern and pattern.isascii() and pattern.decode().isprintable():
        return _raw(pattern.decode())
    return _quoted(pattern)


def _pattern(pattern: str) -> str:
    """A quoted pattern where its own lexing rules allow it, else a raw string."""
    for inner in (pattern, pattern.replace('"', '\\"')):
        if _reads_back(f'"{inner}"', pattern):
            return f'"{inner}"'
    return _raw(pattern)


def _reads_back(quoted: str, pattern: str) -> bool:
    # A class that the string's lexer sees as open would swallow the closing quote.
    try:
        text, _, stop = lex_pattern(quoted, 0, len(quoted))
    except ParseError:
        return False
    return text == pattern and stop == len(quoted)


def _raw(text: str) -> str:
    hashes = ""
    while f'"{hashes}' in text:
        hashes += "#"
    return f'r{hashes}"{text}"{hashes}'
