# SPDX-License-Identifier: Apache-2.0
"""What a function of the Rules language is: its parameters, its result and what it computes.

The functions themselves are in the sibling modules; finding, checking and calling them is the
parser's, the compiler's and the evaluator's business. Functions are pure: no clock, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from authz.rules.types import Address, Array, Map, MaybeValue, Type

if TYPE_CHECKING:
    from collections.abc import Callable

LiteralValue: TypeAlias = bytes | int | Address
Implementation: TypeAlias = "Callable[..., MaybeValue]"
# Literal arguments by position, None where the argument is not a literal.
Binder: TypeAlias = "Callable[[tuple[LiteralValue | None, ...]], Implementation]"
TypeRule: TypeAlias = "Callable[[tuple[Type, ...]], Type]"


class ArgumentKind(Enum):
    """What may stand in an argument's place."""

    ANY = "a value or a literal"
    # Cloudflare: "the source must be a field, it cannot be a literal value".
    NOT_LITERAL = "a field or a function call"
    LITERAL = "a literal"


class Family(Enum):
    """A set of types that a parameter accepts."""

    ANYTHING = "any type"
    ARRAY = "Array"
    MAP = "Map"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter: which types it accepts, and whether literals."""

    name: str
    accepts: tuple[Type | Family, ...]
    kind: ArgumentKind = ArgumentKind.ANY

    def takes(self, kind: Type) -> bool:
        """Whether an argument of this type may stand here."""
        for accepted in self.accepts:
            if accepted is Family.ANYTHING or accepted == kind:
                return True
            if accepted is Family.ARRAY and isinstance(kind, Array):
                return True
            if accepted is Family.MAP and isinstance(kind, Map):
                return True
        return False

    @property
    def expects(self) -> str:
        """The accepted types in words, for messages."""
        return " or ".join(str(accepted) for accepted in self.accepts)


class ArgumentError(Exception):
    """A literal argument, or a combination of types, that a function refuses.

    Internal to authz.rules: the parser turns it into a TypeCheckError with the argument's place.
    """

    def __init__(self, position: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.position = position
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Function:
    """A function: its name, parameters, result type and implementation.

    Args:
        parameters: the parameters that must be given.
        optional: further ones that may be left out, from the right.
        variadic: one more that may be repeated `variadic_minimum` times or more.
        returns: the result's type, or a rule that finds it from the arguments' types; the rule
            raises ArgumentError for combinations that it refuses.
        bind: given the literal arguments, gives the implementation; raises ArgumentError for
            literals that are out of range. Called once, when the rule is compiled.
        handles_missing: the implementation wants to see missing arguments as None; otherwise a
            missing argument makes the call missing (surprise 56).
        may_be_missing: the result may be missing although no argument is.
        doc: one sentence for the reference page.
        limits: what its arguments must be besides their types; for the reference page.
        unconfirmed: what is our reading of Cloudflare's documentation and could not be observed.
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    optional: tuple[Parameter, ...] = ()
    variadic: Parameter | None = None
    variadic_minimum: int = 0
    returns: Type | TypeRule
    bind: Binder
    handles_missing: bool = False
    may_be_missing: bool = False
    doc: str = ""
    limits: str = ""
    unconfirmed: str = ""

    @property
    def minimum(self) -> int:
        """How many arguments must be given."""
        return len(self.parameters) + self.variadic_minimum

    @property
    def maximum(self) -> int | None:
        """How many arguments may be given; None for any number."""
        return None if self.variadic else len(self.parameters) + len(self.optional)

    def parameter(self, position: int) -> Parameter | None:
        """The parameter at a position (from 0), or None beyond the last."""
        fixed = self.parameters + self.optional
        return fixed[position] if position < len(fixed) else self.variadic

    def result(self, arguments: tuple[Type, ...]) -> Type:
        """The result's type for arguments of these types. Raises ArgumentError."""
        return self.returns if isinstance(self.returns, Type) else self.returns(arguments)


def plain(implementation: Implementation) -> Binder:
    """A binder for a function that does not look at its literals in advance."""
    return lambda _literals: implementation
