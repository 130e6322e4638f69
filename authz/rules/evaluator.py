# SPDX-License-Identifier: Apache-2.0
"""The reference evaluator: what an expression means, written to be obvious, not fast.

It walks the tree and follows the text of the specification. The compiler must answer the same; a
property test compares the two. It is also what the compiler falls back to for trees that are too
deep for generated code.

A missing value is None: comparisons with it are false, `ne` too (Cloudflare's documentation of
production; the public engine says true). An array of answers, one per element of a `[*]`, is a
list.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, cast

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
    Operator,
    Quantity,
    RegexLiteral,
    Truth,
    WildcardLiteral,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authz.rules.ast import Argument, Call, Expression, Logical, Step
    from authz.rules.types import Address, MaybeValue, Value

    Values = Mapping[str, Value]


def evaluate(expression: Expression, values: Mapping[str, Value]) -> bool:
    """The verdict of an expression over field values."""
    return _truth(expression.root, values)


def _truth(node: Logical, values: Values) -> bool:
    """The answer of a node of type Bool."""
    answer = evaluate_node(node, values)
    assert isinstance(answer, bool)
    return answer


def evaluate_node(node: Logical, values: Values) -> bool | list[bool]:
    """The answer of a node, or its answers, one per element."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Truth):
        return _test(node.operand, values)
    if isinstance(node, Comparison):
        if node.left.each:
            elements = _elements(node.left, values) or []
            return [compare(node, element) for element in elements]
        return compare(node, read_access(node.left, values))
    if isinstance(node, Not):
        answer = evaluate_node(node.operand, values)
        return [not one for one in answer] if isinstance(answer, list) else not answer
    if isinstance(node, Combination):
        return _combination(node, values)
    return _quantifier(node.quantity, node.argument, values)


def _test(operand: Access, values: Values) -> bool | list[bool]:
    if operand.each:
        return [element is True for element in _elements(operand, values) or []]
    value = read_access(operand, values)
    if isinstance(value, bool):
        return value
    # Missing: false for a Bool, no answers at all for an Array(Bool).
    if value is None:
        return False if operand.type.element is None else []
    return [element is True for element in cast("Sequence[Value]", value)]


def _combination(node: Combination, values: Values) -> bool | list[bool]:
    if node.type.element is None:
        if node.logic is Logic.AND:
            return all(_truth(operand, values) for operand in node.operands)
        if node.logic is Logic.OR:
            return any(_truth(operand, values) for operand in node.operands)
        return sum(_truth(operand, values) for operand in node.operands) % 2 == 1
    columns = [cast("list[bool]", evaluate_node(operand, values)) for operand in node.operands]
    # Position by position, as long as the shortest (surprise 46).
    rows = zip(*columns, strict=False)
    if node.logic is Logic.AND:
        return [all(row) for row in rows]
    if node.logic is Logic.OR:
        return [any(row) for row in rows]
    return [sum(row) % 2 == 1 for row in rows]


def _quantifier(quantity: Quantity, argument: Access | Logical, values: Values) -> bool:
    if isinstance(argument, Access):
        value = read_access(argument, values)
        if value is None:
            # A missing array given directly makes even all() false (surprise 49).
            return False
        answers = [element is True for element in cast("Sequence[Value]", value)]
    else:
        answers = cast("list[bool]", evaluate_node(argument, values))
    return any(answers) if quantity is Quantity.ANY else all(answers)


# Values.


def read_access(access: Access, values: Values) -> MaybeValue:
    """The value of an access without `[*]`."""
    value = _base(access, values)
    for step in access.steps:
        value = _index(value, step)
    return value


def _elements(access: Access, values: Values) -> list[Value] | None:
    """The values that an access with `[*]` visits, or None if its array is missing."""
    value = _base(access, values)
    first = access.steps.index(EACH)
    for step in access.steps[:first]:
        value = _index(value, step)
    return None if value is None else list(_visit(value, access.steps[first:]))


def _visit(value: MaybeValue, steps: tuple[Step, ...]) -> Iterator[Value]:
    if value is None:
        # An element without the index is skipped, not false (surprise 50).
        return
    if not steps:
        yield value
    elif steps[0] is EACH:
        for child in _children(value):
            yield from _visit(child, steps[1:])
    else:
        yield from _visit(_index(value, steps[0]), steps[1:])


def _children(value: Value) -> Sequence[Value]:
    if isinstance(value, dict):
        # In the byte order of the keys (surprise 51).
        return [value[key] for key in sorted(value)]
    return cast("Sequence[Value]", value)


def _index(value: MaybeValue, step: Step) -> MaybeValue:
    if isinstance(value, dict):
        return value.get(cast("bytes", step))
    if value is None:
        return None
    array, position = cast("Sequence[Value]", value), cast("int", step)
    return array[position] if position < len(array) else None


def _base(access: Access, values: Values) -> MaybeValue:
    base = access.base
    return values[base.field.name] if isinstance(base, FieldRef) else _call(base, values)


def _call(call: Call, values: Values) -> MaybeValue:
    if not call.mapped:
        return apply_call(
            call, [evaluate_argument(argument, values) for argument in call.arguments]
        )
    first, *others = call.arguments
    elements = _elements(cast("Access", first), values)
    if elements is None:
        return None
    rest = [evaluate_argument(argument, values) for argument in others]
    results = (apply_call(call, [element, *rest]) for element in elements)
    return tuple(result for result in results if result is not None)


def apply_call(call: Call, arguments: list[MaybeValue]) -> MaybeValue:
    """The result of a function for the arguments of one element."""
    if None in arguments and not call.function.handles_missing:
        return None
    return call.implementation(*arguments)


def evaluate_argument(argument: Argument, values: Values) -> MaybeValue:
    """The value of an argument that has no `[*]`; answers, if it is a condition that has one."""
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Access):
        return read_access(argument, values)
    answer = evaluate_node(argument, values)
    return tuple(answer) if isinstance(answer, list) else answer


# Comparisons.


def compare(node: Comparison, value: MaybeValue) -> bool:
    """The answer of a comparison whose left side has this value; the value itself is not read."""
    if value is None:
        return False
    right = node.right
    if isinstance(right, ItemSet):
        return any(_is_item(node, value, item) for item in right.items)
    if isinstance(right, ListRef):
        return (right.list.has_folded() if node.left.hex else right.list.has)(value)
    if isinstance(right, RegexLiteral):
        return right.regex.is_match(cast("bytes", value))
    if isinstance(right, WildcardLiteral):
        return right.wildcard.matches(cast("bytes", value))
    return _ordered(node, value, right.value)


def _is_item(node: Comparison, value: Value, item: bytes | Interval) -> bool:
    if isinstance(item, Interval):
        if isinstance(value, int):
            return cast("int", item.first) <= value <= cast("int", item.last)
        address = cast("Address", value)
        first, last = cast("Address", item.first), cast("Address", item.last)
        return type(address) is type(first) and int(first) <= int(address) <= int(last)
    return _folded(node, cast("bytes", value)) == _folded(node, item)


def _folded(node: Comparison, text: bytes) -> bytes:
    # Architecture 4.13: eq, ne and in match a hex field in either case.
    return text.lower() if node.left.hex else text


def _ordered(node: Comparison, value: Value, literal: Value) -> bool:
    operator = node.operator
    if isinstance(value, bytes):
        text = cast("bytes", literal)
        if operator is Operator.CONTAINS:
            return text in value
        if operator in (Operator.EQ, Operator.NE):
            equal = _folded(node, value) == _folded(node, text)
            return equal is (operator is Operator.EQ)
        return _order(operator, (value > text) - (value < text))
    if isinstance(value, int):
        number = cast("int", literal)
        if operator is Operator.BITWISE_AND:
            return value & number != 0
        return _order(operator, (value > number) - (value < number))
    left, right = cast("Address", value), cast("Address", literal)
    if isinstance(left, IPv4Address) is not isinstance(right, IPv4Address):
        # Addresses of two families are different and have no order (surprise 33).
        return operator is Operator.NE
    return _order(operator, (int(left) > int(right)) - (int(left) < int(right)))


def _order(operator: Operator, sign: int) -> bool:
    if operator is Operator.EQ:
        return sign == 0
    if operator is Operator.NE:
        return sign != 0
    if operator is Operator.GE:
        return sign >= 0
    if operator is Operator.LE:
        return sign <= 0
    return sign > 0 if operator is Operator.GT else sign < 0
