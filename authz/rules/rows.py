# SPDX-License-Identifier: Apache-2.0
"""An expression as rows: what an expression builder shows instead of a text.

    not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"}

    group and
      row   cf.tls_client_auth.cert_verified  is false
      row   http.request.uri.path             in         /admin

Rows say less than the language does. A value is one field, with its indexes, perhaps inside
functions whose other arguments are literals. Reading an expression as rows is in row_reading.py,
writing rows as a text in row_writing.py; the one grammar is the parser's. A text that is read,
shown and written again is the same expression (tests/properties/test_rows_properties.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.rules.ast import Logic, Operator

if TYPE_CHECKING:
    from authz.rules.ast import Quantity, Step
    from authz.rules.types import Type

#: More than this is a text for people, too, and none that they would build by clicking.
MAX_ROWS: Final = 200
#: Groups in groups.
MAX_GROUPS: Final = 8


class RowOperator(StrEnum):
    """What a row asks of its value. Those of the language have their names."""

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
    IN = "in"
    IN_LIST = "in list"
    #: A value of type Bool, as it is and turned around.
    IS_TRUE = "is true"
    IS_FALSE = "is false"
    #: Functions that answer yes or no about a value and one literal: people think of operators.
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    HAS_KEY = "has_key"
    HAS_VALUE = "has_value"


#: Those that are operators of the language.
COMPARISONS: Final = {
    one: Operator(one.value) for one in RowOperator if one.value in {op.value for op in Operator}
} | {RowOperator.IN_LIST: Operator.IN}
#: Those that are functions.
TESTS: Final = frozenset(
    (RowOperator.STARTS_WITH, RowOperator.ENDS_WITH, RowOperator.HAS_KEY, RowOperator.HAS_VALUE)
)


#: An index; None where a key or a position is not filled in yet.
RowStep: TypeAlias = "Step | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLiteral:
    """A literal as people type it into an input: without quotes.

    Args:
        type: Bytes, Int or Ip.
        text: a text as it is; a number or an address, in a set also a range or a network.
        escaped: the text has escapes as between quotes (`\\x0a`), for bytes that an input cannot
            hold.
    """

    type: Type
    text: str
    escaped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFunction:
    """A function around the value, its further arguments, and what is indexed of its result."""

    name: str
    arguments: tuple[RowLiteral, ...] = ()
    steps: tuple[RowStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValue:
    """The left side: a field, its indexes, and the functions around it, the innermost first."""

    field: str
    steps: tuple[RowStep, ...] = ()
    functions: tuple[RowFunction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One condition: `not any(value operator literals)`, the first two where they are wanted.

    Args:
        value: None while no field is chosen.
        literals: one; with `in` any number; none with `in list` and those about a truth. None of
            them also while nothing is typed.
        list_name: with `in list`.
        quantity: for a value with `[*]`.
    """

    value: RowValue | None
    operator: RowOperator
    literals: tuple[RowLiteral, ...] = ()
    list_name: str | None = None
    negated: bool = False
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Rows and groups under one operator: `not any((a and b))`, the first two where wanted.

    A group of one is that one; its operator says nothing.
    """

    rows: tuple[RowItem, ...]
    logic: Logic = Logic.AND
    negated: bool = False
    quantity: Quantity | None = None


RowItem: TypeAlias = "Row | RowGroup"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRows:
    """Why an expression cannot be shown as rows, in words, and which part of it is the reason."""

    reason: str
    span: tuple[int, int]
