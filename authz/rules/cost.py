# SPDX-License-Identifier: Apache-2.0
"""What evaluating an expression costs at most, as a function of the sizes of what it reads.

The cost is a polynomial over field sizes: `{(): 0.3, ("http.cookie",): 0.003}` is 0.3 µs and 3 µs
for each kibibyte of cookie. Nearly all expressions are linear; `concat(a[*], b)` is not. Its units
are microseconds of one core where the weights were measured (benchmarks/rules.py), always of the
worst input found; the absolute time belongs to the machine, the proportions do not. Short circuits
are not counted on: every condition is taken to be evaluated.

The size of a field is its bytes, plus `ELEMENT` for each element of an array or map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.rules.ast import (
    EACH,
    Access,
    Combination,
    Comparison,
    FieldRef,
    Literal,
    Not,
    Operator,
    Quantifier,
    RegexLiteral,
    Truth,
    WildcardLiteral,
)
from authz.rules.regex_cost import microseconds_per_kibibyte

if TYPE_CHECKING:
    from authz.rules.ast import Argument, Call, Expression, Logical
    from authz.rules.types import Value

#: Products of field sizes -> coefficient.
Cost: TypeAlias = Mapping[tuple[str, ...], float]

#: What an element of an array counts for in the size of a field, in bytes.
ELEMENT: Final = 64

#: A field or function whose size is no longer told apart, after too many products.
ANYTHING: Final = "*"
_MOST_TERMS: Final = 32

_KIB: Final = 1024
# Microseconds of a node whatever it reads, of an element visited, and of a fixed-size result.
_NODE: Final = 0.15
_VISIT: Final = 0.06
_SMALL_RESULT: Final = 8.0


@dataclass(frozen=True, slots=True)
class Weight:
    """Microseconds of one call, and of each kibibyte that it is given."""

    call: float
    kibibyte: float


#: Of each function. Measured over texts of 60 KB and over 20,000 texts of two bytes.
FUNCTION_WEIGHTS: Final[Mapping[str, Weight]] = {
    "cidr": Weight(1.0, 0.0),
    "cidr6": Weight(1.0, 0.0),
    "coalesce": Weight(0.2, 0.0),
    "concat": Weight(0.4, 0.5),
    "decode_base64": Weight(0.6, 4.0),
    "ends_with": Weight(0.1, 0.1),
    "has_key": Weight(0.1, 0.5),
    "has_value": Weight(0.1, 2.5),
    "is_timed_hmac_valid_v0": Weight(5.0, 250.0),
    "join": Weight(0.2, 2.5),
    "len": Weight(0.1, 0.0),
    "lookup_json_integer": Weight(7.0, 200.0),
    "lookup_json_string": Weight(7.0, 200.0),
    "lower": Weight(0.1, 0.5),
    "remove_bytes": Weight(0.2, 0.7),
    "starts_with": Weight(0.1, 0.1),
    "substring": Weight(0.2, 0.3),
    "upper": Weight(0.1, 0.5),
    "url_decode": Weight(0.6, 400.0),
}
# A function that nobody has measured yet.
_UNKNOWN: Final = Weight(5.0, 250.0)

_CONTAINS: Final = Weight(0.1, 3.5)
_WILDCARD: Final = Weight(0.8, 4.0)
_EQUALITY: Final = Weight(0.05, 0.5)


def cost_of(expression: Expression) -> Cost:
    """The most that evaluating the expression may cost."""
    counter = _Counter()
    counter.condition(expression.root)
    return _limited(counter.cost)


def total(costs: list[Cost]) -> Cost:
    """The cost of all of them together."""
    cost: dict[tuple[str, ...], float] = {}
    for one in costs:
        _add(cost, one)
    return cost


def value_of(cost: Cost, sizes: Mapping[str, float]) -> float:
    """Microseconds for fields of these sizes."""
    result = 0.0
    for names, coefficient in cost.items():
        term = coefficient
        for name in names:
            term *= sizes[name]
        result += term
    return result


def size_of(value: Value) -> int:
    """The size of a field's value."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + size_of(item) + ELEMENT for key, item in value.items())
    if isinstance(value, (tuple, list)):
        return sum(size_of(item) + ELEMENT for item in value)
    return int(_SMALL_RESULT)


@dataclass(frozen=True, slots=True)
class _Shape:
    """At most how many bytes, in at most how many values."""

    size: Cost
    count: Cost


_ONE: Final[Cost] = {(): 1.0}


class _Counter:
    """Walks a tree and adds up what its parts cost."""

    def __init__(self) -> None:
        self.cost: dict[tuple[str, ...], float] = {}

    def condition(self, node: Logical) -> Cost:
        """Add a condition; how many answers it gives."""
        self._charge(_ONE, _NODE)
        if isinstance(node, Truth):
            return self._value(node.operand).count
        if isinstance(node, Comparison):
            return self._comparison(node)
        if isinstance(node, Not):
            count = self.condition(node.operand)
            self._charge(count, _VISIT)
            return count
        if isinstance(node, Combination):
            counts = [self.condition(operand) for operand in node.operands]
            for count in counts:
                self._charge(count, _VISIT)
            # As long as the shortest: any one of them is a bound.
            return counts[0]
        if isinstance(node, Quantifier):
            argument = node.argument
            self._charge(
                self._value(argument).count
                if isinstance(argument, Access)
                else self.condition(argument),
                _VISIT,
            )
        return _ONE

    def _charge(self, amount: Cost, weight: float) -> None:
        _add(self.cost, amount, weight)

    def _work(self, shape: _Shape, weight: Weight) -> None:
        self._charge(shape.count, weight.call)
        self._charge(shape.size, weight.kibibyte / _KIB)

    def _comparison(self, node: Comparison) -> Cost:
        left = self._value(node.left)
        right = node.right
        if isinstance(right, RegexLiteral):
            self._work(left, Weight(0.1, microseconds_per_kibibyte(right.pattern)))
        elif isinstance(right, WildcardLiteral):
            self._work(left, _WILDCARD)
        elif node.operator is Operator.CONTAINS:
            self._work(left, _CONTAINS)
        else:
            self._work(left, _EQUALITY)
        return left.count

    def _value(self, access: Access) -> _Shape:
        """The values that an access gives: one, or those that its `[*]` visits."""
        base = access.base
        if isinstance(base, FieldRef):
            name: tuple[str, ...] = (base.field.name,)
            size: Cost = {name: 1.0} if _has_size(base) else {(): _SMALL_RESULT}
            count: Cost = _ONE if base.type.element is None else {name: 1 / ELEMENT}
            shape = _Shape(size, count)
        else:
            shape = self._call(base)
        if access.each:
            self._charge(shape.count, _VISIT)
            return shape
        if access.steps and EACH not in access.steps and access.type.element is None:
            # One of the values; how many bytes it has of them all is not known.
            return _Shape(shape.size, _ONE)
        return shape

    def _call(self, call: Call) -> _Shape:
        shapes = [self._argument(argument) for argument in call.arguments]
        weight = FUNCTION_WEIGHTS.get(call.function.name, _UNKNOWN)
        self._charge(_ONE, _NODE)
        if call.mapped:
            first, *others = shapes
            rest = total([other.size for other in others])
            calls: Cost = first.count
            size = total([first.size, _product(first.count, rest)])
        else:
            calls = _ONE
            size = total([shape.size for shape in shapes])
        if call.function.name == "join" and not call.mapped:
            # The separator stands between all of them.
            items, separator = shapes
            size = total([items.size, _product(items.count, separator.size)])
        self._charge(calls, weight.call + (_VISIT if call.mapped else 0))
        self._charge(size, weight.kibibyte / _KIB)
        if call.mapped:
            return _Shape(_limited(size), calls)
        if call.type.element is not None:
            return _Shape(_limited(size), total([shape.count for shape in shapes]))
        return _Shape(_limited(size), _ONE)

    def _argument(self, argument: Argument) -> _Shape:
        if isinstance(argument, Literal):
            value = argument.value
            size = float(len(value)) if isinstance(value, bytes) else _SMALL_RESULT
            return _Shape({(): size}, _ONE)
        if isinstance(argument, Access):
            return self._value(argument)
        count = self.condition(argument)
        return _Shape(_scaled(count, _SMALL_RESULT), count)


def _has_size(reference: FieldRef) -> bool:
    return reference.type.element is not None or reference.type.name == "Bytes"


def _add(cost: dict[tuple[str, ...], float], other: Cost, weight: float = 1.0) -> None:
    for names, coefficient in other.items():
        cost[names] = cost.get(names, 0.0) + coefficient * weight


def _scaled(cost: Cost, weight: float) -> Cost:
    return {names: coefficient * weight for names, coefficient in cost.items()}


def _product(left: Cost, right: Cost) -> Cost:
    cost: dict[tuple[str, ...], float] = {}
    for names, coefficient in left.items():
        for others, factor in right.items():
            key = tuple(sorted(names + others))
            cost[key] = cost.get(key, 0.0) + coefficient * factor
    return _limited(cost)


def _limited(cost: Cost) -> Cost:
    """The same bound in few terms: beyond a number of them, fields are no longer told apart."""
    if len(cost) <= _MOST_TERMS:
        return cost
    merged: dict[tuple[str, ...], float] = {}
    for names, coefficient in cost.items():
        key = (ANYTHING,) * len(names)
        merged[key] = merged.get(key, 0.0) + coefficient
    return merged
