# SPDX-License-Identifier: Apache-2.0
"""The typed syntax tree: what the parser makes and the evaluator, compiler and formatter walk.

Every node is immutable and already checked: its type is known, its names are resolved, its
literals are values. Spans (offsets into the source) take no part in comparisons, so two trees are
equal when they mean the same.

    Logical  = Constant | Truth | Comparison | Not | Combination | Quantifier
    Operand  = Access (a field or a call, with its indexes)
    Argument = Access | Literal | Logical
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as attribute
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.rules.types import BOOLS, Address, Bool, Type

if TYPE_CHECKING:
    from authz.rules.functions.model import Function, Implementation, LiteralValue
    from authz.rules.lists import NamedList
    from authz.rules.regex import Regex
    from authz.rules.scheme import Field
    from authz.rules.wildcard import Wildcard

Span: TypeAlias = tuple[int, int]
NOWHERE: Final[Span] = (0, 0)


class Each(Enum):
    """The index `[*]`."""

    EACH = "*"


EACH: Final = Each.EACH
Step: TypeAlias = "int | bytes | Each"


class Operator(Enum):
    """The comparison operators, by their English spelling."""

    IN = "in"
    EQ = "eq"
    NE = "ne"
    GE = "ge"
    LE = "le"
    GT = "gt"
    LT = "lt"
    BITWISE_AND = "bitwise_and"
    CONTAINS = "contains"
    MATCHES = "matches"
    WILDCARD = "wildcard"
    STRICT_WILDCARD = "strict wildcard"


class Logic(Enum):
    """The operators between conditions; the later binds tighter."""

    OR = "or"
    XOR = "xor"
    AND = "and"


class Quantity(Enum):
    """any() and all()."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRef:
    """A field by name."""

    field: Field
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def type(self) -> Type:
        """The field's type."""
        return self.field.type

    @property
    def nullable(self) -> bool:
        """Fields always have a value."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function call. `mapped`: the first argument has `[*]`, the function runs per element."""

    function: Function
    arguments: tuple[Argument, ...]
    type: Type
    mapped: bool
    implementation: Implementation = attribute(compare=False, repr=False)
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def nullable(self) -> bool:
        """Whether the result may be missing."""
        arguments = [is_nullable(argument) for argument in self.arguments]
        if self.mapped:
            # Per-element trouble drops elements; only a missing array makes the call missing.
            first = self.arguments[0]
            return isinstance(first, Access) and first.prefix_nullable
        if self.function.handles_missing:
            return all(arguments) or self.function.may_be_missing
        return any(arguments) or self.function.may_be_missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A field or call with its indexes. `type` is the element's type when a `[*]` is among them."""

    base: FieldRef | Call
    steps: tuple[Step, ...]
    type: Type
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def each(self) -> bool:
        """Whether a `[*]` is among the indexes."""
        return EACH in self.steps

    @property
    def nullable(self) -> bool:
        """Whether the value may be missing (not asked of an access with `[*]`)."""
        return bool(self.steps) or self.base.nullable

    @property
    def prefix_nullable(self) -> bool:
        """Whether what stands before the first `[*]` may be missing."""
        return self.steps.index(EACH) > 0 or self.base.nullable

    @property
    def hex(self) -> bool:
        """Whether the value is a hex field's (architecture 4.13)."""
        return isinstance(self.base, FieldRef) and self.base.field.hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A literal: an argument, or the right side of a comparison."""

    value: LiteralValue
    type: Type
    span: Span = attribute(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A set item: everything from `first` to `last`, both included."""

    first: int | Address
    last: int | Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSet:
    """`{…}` after `in`: byte strings, or intervals of numbers or addresses, as written."""

    items: tuple[bytes, ...] | tuple[Interval, ...]
    span: Span = attribute(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRef:
    """`$name` after `in`."""

    name: str
    list: NamedList = attribute(compare=False, repr=False)
    span: Span = attribute(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexLiteral:
    """The pattern after `matches`."""

    pattern: str
    regex: Regex = attribute(compare=False, repr=False)
    span: Span = attribute(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WildcardLiteral:
    """The pattern after `wildcard` and `strict wildcard`, its string escapes already decoded."""

    pattern: bytes
    wildcard: Wildcard = attribute(compare=False, repr=False)
    span: Span = attribute(default=NOWHERE, compare=False)


Right: TypeAlias = "Literal | ItemSet | ListRef | RegexLiteral | WildcardLiteral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """`true` or `false` as the whole expression (Cloudflare's API accepts them)."""

    value: bool
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def type(self) -> Type:
        """Always Bool."""
        return Bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A value of type Bool or Array(Bool) standing alone."""

    operand: Access
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def type(self) -> Type:
        """Bool, or Array(Bool) when there is one answer per element."""
        return BOOLS if self.operand.each else self.operand.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`left operator right`."""

    left: Access
    operator: Operator
    right: Right
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def type(self) -> Type:
        """Bool, or Array(Bool) when the left side has a `[*]`."""
        return BOOLS if self.left.each else Bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """`not operand`; element by element over an Array(Bool)."""

    operand: Logical
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def type(self) -> Type:
        """The operand's type."""
        return self.operand.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """A run of one logical operator; position by position over Array(Bool) operands."""

    logic: Logic
    operands: tuple[Logical, ...]
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def type(self) -> Type:
        """The type that all operands have."""
        return self.operands[0].type


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantifier:
    """`any(argument)` or `all(argument)`.

    A value given directly (an Access) differs from the same one in parentheses (a Truth): when it
    is missing, all() is false of the first and true of the second (surprise 49).
    """

    quantity: Quantity
    argument: Access | Logical
    span: Span = attribute(default=NOWHERE, compare=False)

    @property
    def type(self) -> Type:
        """Always Bool."""
        return Bool


Logical: TypeAlias = "Constant | Truth | Comparison | Not | Combination | Quantifier"
Argument: TypeAlias = "Access | Literal | Logical"


def is_nullable(argument: Argument) -> bool:
    """Whether an argument may be missing."""
    return isinstance(argument, Access) and not argument.each and argument.nullable


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A parsed and checked expression.

    `fields` are the names it may read, `regexes` the number of its regular expressions.
    """

    root: Logical
    fields: frozenset[str] = attribute(compare=False)
    regexes: int = attribute(default=0, compare=False)
    source: str = attribute(default="", compare=False)
