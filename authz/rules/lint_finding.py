# SPDX-License-Identifier: Apache-2.0
"""What a finding is, and the text of a proposed expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.rules.ast import (
    Access,
    Call,
    Combination,
    Comparison,
    Constant,
    Literal,
    Not,
    RegexLiteral,
    Truth,
)
from authz.rules.formatter import format_logical
from authz.rules.lint_tree import conditions
from authz.rules.parser import MAX_LENGTH, MAX_NESTING
from authz.rules.regex_size import MAX_REGEXES

if TYPE_CHECKING:
    from authz.rules.ast import Argument, Logical, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAuthority:
    """A certificate authority that a rule's site trusts.

    `skis` are the subject key identifiers of its certificates, as `cert_issuer_ski` has them.
    """

    name: str
    skis: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is probably not meant.

    Args:
        code: a stable word for what it is, for tests and for switching it off.
        span: where, as offsets into the expression's source.
        suggestion: the whole expression as it was probably meant, or None.
        hint: what to do, where an expression does not say it all.
        certain: False for what is a mistake in some installations only, and it is not known
            whether in this one.
    """

    code: str
    message: str
    span: Span
    suggestion: str | None = None
    hint: str | None = None
    certain: bool = True

    @property
    def advice(self) -> str | None:
        """What to do, with the expression to write if there is one."""
        if self.suggestion is None:
            return self.hint
        write = f"write: {self.suggestion}"
        return write if self.hint is None else f"{self.hint}; {write}"


def proposal(node: Logical | None) -> str | None:
    """The text of an expression, or None if it cannot be used as a rule."""
    if node is None or isinstance(node, Constant) or _depth(node) > MAX_NESTING:
        return None
    regexes = sum(
        isinstance(one, Comparison) and isinstance(one.right, RegexLiteral)
        for one in conditions(node)
    )
    text = format_logical(node)
    return text if len(text) <= MAX_LENGTH and regexes <= MAX_REGEXES else None


def _depth(part: Argument) -> int:
    """At most so many levels of nesting the text has: parentheses, `not`, quantifiers and calls."""
    if isinstance(part, Constant | Literal):
        return 0
    if isinstance(part, Access):
        base = part.base
        return 1 + max(map(_depth, base.arguments), default=0) if isinstance(base, Call) else 0
    if isinstance(part, Comparison):
        return _depth(part.left)
    if isinstance(part, Combination):
        return 1 + max(map(_depth, part.operands))
    if isinstance(part, Not):
        return 1 + _depth(part.operand)
    if isinstance(part, Truth):
        return _depth(part.operand)
    # A condition as an argument may stand in parentheses of its own.
    bare = isinstance(part.argument, Access | Comparison)
    return 1 + (not bare) + _depth(part.argument)
