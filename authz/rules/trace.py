# SPDX-License-Identifier: Apache-2.0
"""An expression with the value of every part of it: what `explain` shows.

`trace` gives a tree of `Traced`, one for each condition, comparison, call, index and field. Values
come from the reference evaluator, so a part that the whole does not come to (`false and …`) has its
value, too, and is marked as not reached. How the tree is written is the business of trace_json and
of the command. Never on the check path: every part is evaluated anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, cast

from authz.rules.ast import (
    EACH,
    Access,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    Literal,
    Logic,
    Not,
    Truth,
)
from authz.rules.evaluator import (
    apply_call,
    compare,
    evaluate_argument,
    evaluate_node,
    read_access,
)
from authz.rules.formatter import format_argument, format_bytes, format_logical, format_right
from authz.rules.partial import UnknownMap, UnknownValueError, partial_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from authz.rules.ast import Argument, Call, Expression, Logical, Quantifier, Step
    from authz.rules.types import MaybeValue, Type, Value

    Values = Mapping[str, Value]


T = TypeVar("T")


class Kind(StrEnum):
    """What a part of an expression is."""

    CONSTANT = "constant"
    FIELD = "field"
    INDEX = "index"
    CALL = "call"
    TEST = "test"
    COMPARISON = "comparison"
    NOT = "not"
    AND = "and"
    OR = "or"
    XOR = "xor"
    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element that a part with `[*]` visited.

    Args:
        at: its indexes, `[0]` or `["name"][0]`; a position for the rows of a combination.
        value: the element itself; None for the rows of a combination, which have none.
        result: what the part gives for it; None is a result that is missing and left out.
    """

    at: str
    value: MaybeValue
    result: MaybeValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A part of an expression and its value.

    Args:
        kind: a `test` is a Bool that is missing, or an array of them, standing as a condition.
        text: its canonical text.
        value: what it gives; None if that is missing, or of a condition with an answer for each
            element.
        reached: whether evaluation of the whole comes to it; false behind what decided an `and` or
            an `or` already.
        elements: what was visited and came of it; None for a part without `[*]`.
        literal: the right side of a comparison, in canonical text.
        operator: its operator.
        unknown: the value that it depends on and nobody knows (partial.py); `""` as a rule.
    """

    kind: Kind
    text: str
    type: Type
    value: MaybeValue
    reached: bool
    parts: tuple[Traced, ...] = ()
    elements: tuple[Element, ...] | None = None
    operator: str | None = None
    literal: str | None = None
    unknown: str = ""

    @property
    def missing(self) -> bool:
        """Whether there is no value at all: an index beyond the end, a key that is not there."""
        absent = self.value is None and (self.elements is None or self.kind is Kind.CALL)
        return absent and not self.unknown


def trace(expression: Expression, values: Mapping[str, Value]) -> Traced:
    """Every part of `expression` with its value; the root's is that of `evaluate`."""
    return _condition(expression.root, values, reached=True)


# Conditions.


def _condition(node: Logical, values: Values, *, reached: bool) -> Traced:
    if isinstance(node, Truth):
        return _truth(node, values, reached=reached)
    if isinstance(node, Comparison):
        return _comparison(node, values, reached=reached)
    answer, unknown = _answer(node, values)
    kind: Kind
    parts: tuple[Traced, ...]
    if isinstance(node, Constant):
        kind, parts = Kind.CONSTANT, ()
    elif isinstance(node, Not):
        kind, parts = Kind.NOT, (_condition(node.operand, values, reached=reached),)
    elif isinstance(node, Combination):
        kind, parts = Kind(node.logic.value), tuple(_operands(node, values, reached=reached))
    else:
        kind, parts = Kind(node.quantity.value), _quantified(node, values, reached=reached)
    return Traced(
        kind=kind,
        text=format_logical(node),
        type=node.type,
        value=None if isinstance(answer, list) else answer,
        reached=reached,
        parts=parts,
        elements=_rows(answer) if isinstance(answer, list) else None,
        unknown=unknown,
    )


def _answer(node: Logical, values: Values) -> tuple[bool | list[bool] | None, str]:
    """What a node gives, and which value it depends on when nobody knows."""
    if node.type.element is not None:
        return _known(lambda: evaluate_node(node, values))
    reads: set[str] = set()
    answer = partial_answer(node, values, reads)
    return answer, "" if answer is not None else min(reads)


def _known(read: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return read(), ""
    except UnknownValueError as error:
        return None, error.name


def _rows(answers: list[bool]) -> tuple[Element, ...]:
    return tuple(
        Element(at=f"[{position}]", value=None, result=answer)
        for position, answer in enumerate(answers)
    )


def _operands(node: Combination, values: Values, *, reached: bool) -> Iterator[Traced]:
    # Arrays of answers are combined position by position: nothing is passed over.
    decides = {Logic.AND: False, Logic.OR: True}.get(node.logic)
    for operand in node.operands:
        part = _condition(operand, values, reached=reached)
        yield part
        if decides is not None and part.value is decides and part.elements is None:
            reached = False


def _quantified(node: Quantifier, values: Values, *, reached: bool) -> tuple[Traced, ...]:
    argument = node.argument
    if isinstance(argument, Access):
        return (_access(argument, values, reached=reached),)
    return (_condition(argument, values, reached=reached),)


def _truth(node: Truth, values: Values, *, reached: bool) -> Traced:
    found, unknown = _known(lambda: _known_truth(node, values, reached=reached))
    return found or Traced(
        kind=Kind.TEST,
        text=format_logical(node),
        type=node.type,
        value=None,
        reached=reached,
        parts=(_before_each(node.operand, values, reached=reached),),
        unknown=unknown,
    )


def _known_truth(node: Truth, values: Values, *, reached: bool) -> Traced:
    operand = node.operand
    if not operand.each and operand.type.element is None:
        found = _access(operand, values, reached=reached)
        if found.value is not None or found.unknown:
            return found
    elements: tuple[Element, ...] | None = None
    if operand.each:
        elements = tuple(
            Element(at=at, value=value, result=value is True)
            for at, value in _elements(operand, values)
        )
    else:
        answer = evaluate_node(node, values)
        elements = _rows(answer) if isinstance(answer, list) else None
    return Traced(
        kind=Kind.TEST,
        text=format_logical(node),
        type=node.type,
        # What is left here without elements is a Bool that is missing, which counts as false.
        value=False if elements is None else None,
        reached=reached,
        parts=(_before_each(operand, values, reached=reached),),
        elements=elements,
    )


def _comparison(node: Comparison, values: Values, *, reached: bool) -> Traced:
    left = node.left
    elements = value = None
    if left.each:
        elements, unknown = _known(
            lambda: tuple(
                Element(at=at, value=value, result=compare(node, value))
                for at, value in _elements(left, values)
            )
        )
    else:
        value, unknown = _known(lambda: compare(node, read_access(left, values)))
    return Traced(
        kind=Kind.COMPARISON,
        text=format_logical(node),
        type=node.type,
        value=value,
        unknown=unknown,
        reached=reached,
        parts=(_before_each(left, values, reached=reached),),
        elements=elements,
        operator=node.operator.value,
        literal=format_right(node.right),
    )


# Values.


def _before_each(access: Access, values: Values, *, reached: bool) -> Traced:
    """An access, or what stands before its first `[*]`."""
    if access.each:
        access = _shortened(access, access.steps.index(EACH))
    return _access(access, values, reached=reached)


def _access(access: Access, values: Values, *, reached: bool) -> Traced:
    base = access.base
    kind, parts = Kind.FIELD, tuple[Traced, ...]()
    if not access.steps:
        if not isinstance(base, FieldRef):
            return _call(base, access, values, reached=reached)
    else:
        shorter = _shortened(access, len(access.steps) - 1)
        kind, parts = Kind.INDEX, (_access(shorter, values, reached=reached),)
    value, unknown = _known(lambda: read_access(access, values))
    if isinstance(value, UnknownMap):
        unknown = value.first_unknown()
        value = value.known()
    return Traced(
        kind=kind,
        text=format_argument(access),
        type=access.type,
        value=value,
        unknown=unknown,
        reached=reached,
        parts=parts,
    )


def _call(call: Call, access: Access, values: Values, *, reached: bool) -> Traced:
    value, unknown = _known(lambda: read_access(access, values))
    elements = None
    if call.mapped:
        elements, unknown = _known(lambda: tuple(_results(call, values)))
    return Traced(
        kind=Kind.CALL,
        text=format_argument(access),
        type=call.type,
        value=value,
        unknown=unknown,
        reached=reached,
        parts=tuple(
            _argument(argument, values, reached=reached)
            for argument in call.arguments
            if not isinstance(argument, Literal)
        ),
        elements=elements,
    )


def _argument(argument: Argument, values: Values, *, reached: bool) -> Traced:
    if isinstance(argument, Access):
        return _before_each(argument, values, reached=reached)
    assert not isinstance(argument, Literal)
    return _condition(argument, values, reached=reached)


def _results(call: Call, values: Values) -> Iterator[Element]:
    """What a mapped call gives for each element, the results that it leaves out as well."""
    first, *others = call.arguments
    rest = [evaluate_argument(argument, values) for argument in others]
    for at, value in _elements(cast("Access", first), values):
        yield Element(at=at, value=value, result=apply_call(call, [value, *rest]))


def _shortened(access: Access, steps: int) -> Access:
    """The access with its first so many indexes."""
    kind: Type = access.base.type
    for _ in range(steps):
        assert kind.element is not None
        kind = kind.element
    return replace(access, steps=access.steps[:steps], type=kind)


def _elements(access: Access, values: Values) -> Iterator[tuple[str, Value]]:
    """The elements that an access with `[*]` visits, each with its indexes from there on."""
    first = access.steps.index(EACH)
    yield from _visit(read_access(_shortened(access, first), values), access.steps[first:], "")


def _visit(value: MaybeValue, steps: tuple[Step, ...], at: str) -> Iterator[tuple[str, Value]]:
    if value is None:
        return
    if not steps:
        yield at, value
        return
    step, *rest = steps
    for index, child in _children(value) if step is EACH else [_child(value, step)]:
        text = format_bytes(index) if isinstance(index, bytes) else index
        yield from _visit(child, tuple(rest), f"{at}[{text}]")


def _children(value: Value) -> list[tuple[bytes | int, Value]]:
    if isinstance(value, dict):
        return sorted(value.items(), key=lambda item: item[0])
    assert isinstance(value, tuple | list)
    return list(enumerate(value))


def _child(value: Value, step: int | bytes) -> tuple[bytes | int, MaybeValue]:
    if isinstance(value, dict):
        return step, value.get(cast("bytes", step))
    position = cast("int", step)
    assert isinstance(value, tuple | list)
    return step, value[position] if position < len(value) else None
