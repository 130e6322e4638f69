# SPDX-License-Identifier: Apache-2.0
"""Conditions that are provably always or never true, where the proof is cheap.

Says nothing where it is not sure: a fact is reported only if it holds for every request. The
known shapes of values (a path begins with a slash, a method has no lower-case letters) are
Cloudflare's field definitions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from authz.rules.ast import (
    Access,
    Call,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    ItemSet,
    Literal,
    Logic,
    Not,
    Operator,
    RegexLiteral,
    WildcardLiteral,
)
from authz.rules.types import INT_MAX, INT_MIN, Int

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Logical

_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_DIGITS: Final = {"cert_fingerprint_sha256": 64, "cert_fingerprint_sha1": 40}
# RFC 5280 section 4.1.2.2: a serial number has at most 20 octets.
_SERIAL_DIGITS: Final = 40
_PATHS: Final = ("http.request.uri.path", "raw.http.request.uri.path")
_HEADERS: Final = "http.request.headers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A condition that has the same truth for every request."""

    node: Logical
    value: bool
    reason: str

    @property
    def code(self) -> str:
        """The finding's code."""
        return "always_true" if self.value else "never_true"

    @property
    def message(self) -> str:
        """The finding's message."""
        return f"this is {'always' if self.value else 'never'} true: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HexFault:
    """Why a literal cannot be a hex field's value, and what it was probably meant to be."""

    text: bytes
    reason: str
    fixed: bytes | None


def hex_fault(name: str, text: bytes) -> HexFault | None:
    """What is wrong with a literal that a hex field is compared with, or None."""
    kind = name.rpartition(".")[2]
    digits = _DIGITS.get(kind)
    if not text:
        # The empty text is what the field holds without a verified certificate.
        return None
    if not _HEX.fullmatch(text):
        if not text.isascii() and len(text) in (20, 32):
            reason = "it is raw bytes; write the hex digits in quotes, without colons"
            return HexFault(text=text, reason=reason, fixed=text.hex().encode())
        bare = re.sub(rb"[:\s-]", b"", text)
        if not _HEX.fullmatch(bare):
            return HexFault(text=text, reason="it is not hexadecimal", fixed=None)
        fixed = bare if digits in (None, len(bare)) else None
        return HexFault(text=text, reason="the value has no colons or spaces", fixed=fixed)
    if digits is not None and len(text) != digits:
        return HexFault(
            text=text, reason=f"it has {len(text)} digits, the value has {digits}", fixed=None
        )
    if "serial" in kind and len(text) > _SERIAL_DIGITS:
        return HexFault(text=text, reason=f"it has more than {_SERIAL_DIGITS} digits", fixed=None)
    return None


def known_truth(root: Logical) -> bool | None:
    """The truth of a condition if it is the same for every request."""
    return _known(root, [])


def explained(root: Logical) -> Iterator[Fact]:
    """The innermost conditions that are always or never true, and the whole if it follows."""
    facts: list[Fact] = []
    whole = _known(root, facts)
    yield from facts
    if whole is None or isinstance(root, Constant) or any(fact.node is root for fact in facts):
        return
    verdict = "every request" if whole else "no request"
    yield Fact(node=root, value=whole, reason=f"the expression matches {verdict}")


def _known(node: Logical, facts: list[Fact]) -> bool | None:
    """The truth of a condition if it is the same for every request; adds the reasons to `facts`."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Not):
        inner = _known(node.operand, facts)
        return None if inner is None else not inner
    if isinstance(node, Combination):
        return _combination(node, facts)
    if isinstance(node, Comparison) and not node.left.each:
        found = _comparison(node)
        if found is not None:
            facts.append(Fact(node=node, value=found[0], reason=found[1]))
            return found[0]
    return None


def _combination(node: Combination, facts: list[Fact]) -> bool | None:
    known = [_known(operand, facts) for operand in node.operands]
    if node.logic is Logic.XOR:
        return sum(map(bool, known)) % 2 == 1 if None not in known else None
    decides = node.logic is Logic.OR
    if decides in known:
        return decides
    if None not in known:
        return not decides
    reason = _contradiction(node)
    if reason:
        facts.append(Fact(node=node, value=decides, reason=reason))
        return decides
    return None


def _contradiction(node: Combination) -> str | None:
    """`x eq a and x eq b`, `x ne a or x ne b`: the commonest slips with and and or."""
    wanted = Operator.EQ if node.logic is Logic.AND else Operator.NE
    seen: list[tuple[Access, object]] = []
    for operand in node.operands:
        if not isinstance(operand, Comparison) or operand.operator is not wanted:
            continue
        left, literal = operand.left, cast("Literal", operand.right).value
        if left.each or left.hex or (node.logic is Logic.OR and left.nullable):
            continue
        for other, value in seen:
            if other == left and value != literal:
                if node.logic is Logic.AND:
                    return "the same value cannot equal two literals; use or, or in {…}"
                return "a value differs from at least one of two literals; use and, or not … in {…}"
        seen.append((left, literal))
    return None


def _comparison(node: Comparison) -> tuple[bool, str] | None:
    key = _capital_header(node.left)
    if key is not None:
        return False, f'header names are lower case here: "{key.lower()}"'
    right, present = node.right, not node.left.nullable
    if isinstance(right, ItemSet):
        if not right.items:
            return False, "the set is empty"
        reasons = [_impossible(node.left, item) for item in right.items]
        return (False, reasons[0]) if None not in reasons and reasons[0] else None
    if isinstance(right, RegexLiteral):
        return (
            (True, "the empty pattern matches everything")
            if present and not right.pattern
            else None
        )
    if isinstance(right, WildcardLiteral):
        everything = present and right.wildcard.matches_everything
        return (True, "a single star matches everything") if everything else None
    if not isinstance(right, Literal):
        return None
    return _literal(node, right, present=present)


def _literal(node: Comparison, right: Literal, *, present: bool) -> tuple[bool, str] | None:
    operator, value = node.operator, right.value
    if operator is Operator.CONTAINS and value == b"":
        return (True, "every text contains the empty one") if present else None
    if operator in (Operator.EQ, Operator.NE):
        reason = _impossible(node.left, value)
        if reason and operator is Operator.EQ:
            return False, reason
        return (True, reason) if reason and present else None
    if operator is Operator.BITWISE_AND and value == 0:
        return False, "no number has a bit in common with 0"
    if node.left.type == Int and isinstance(value, int):
        return _bounds(node.left, operator, value, present=present)
    return None


def _bounds(
    left: Access, operator: Operator, value: int, *, present: bool
) -> tuple[bool, str] | None:
    lowest = 0 if _is_call(left, "len") else INT_MIN
    truth = {
        Operator.GE: True if value <= lowest else None,
        Operator.GT: False if value == INT_MAX else True if value < lowest else None,
        Operator.LE: True if value == INT_MAX else False if value < lowest else None,
        Operator.LT: False if value <= lowest else None,
    }.get(operator)
    if truth is None or (truth and not present):
        return None
    return truth, f"the value is never below {lowest}" if value <= lowest else "numbers end here"


def _impossible(left: Access, value: object) -> str | None:
    """Why a value can never equal a literal, or None."""
    if not isinstance(value, bytes):
        return "a length is never negative" if _is_length_below_zero(left, value) else None
    if _is_call(left, "lower") and value != value.lower():
        return "lower() gives no capital letters"
    if _is_call(left, "upper") and value != value.upper():
        return "upper() gives no small letters"
    if not isinstance(left.base, FieldRef) or left.steps:
        return None
    name = left.base.field.name
    if name in _PATHS and value and value != b"*":
        if not value.startswith(b"/"):
            return 'a path begins with "/"'
        if b"?" in value:
            return "the path has no query; compare http.request.uri or http.request.uri.query"
    if name == "http.request.method" and value != value.upper():
        return "methods are upper case"
    if name == "http.host" and value != value.lower():
        return "the host is lower case"
    return None


def _is_length_below_zero(left: Access, value: object) -> bool:
    return _is_call(left, "len") and isinstance(value, int) and value < 0


def _is_call(left: Access, name: str) -> bool:
    base = left.base
    return isinstance(base, Call) and base.function.name == name and not left.each


def _capital_header(left: Access) -> str | None:
    """A key with capital letters into the headers, whose names are lower case."""
    base = left.base
    if not isinstance(base, FieldRef) or base.field.name != _HEADERS or not left.steps:
        return None
    key = left.steps[0]
    return key.decode() if isinstance(key, bytes) and key != key.lower() else None
