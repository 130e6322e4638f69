# SPDX-License-Identifier: Apache-2.0
"""What has to be so for an expression to be true: a value among a few constants, or in a list.

`necessary` reads it off the tree; policy.rule_index finds rules by it. Nothing is said where
nothing is certain. What is said holds for every request for which the expression is true, whatever
the other fields are, and for made-up values as well: the shapes of real ones (lint_truth) are not
relied on. Why: ADR 0022.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from authz.rules.ast import (
    Access,
    Call,
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
    Truth,
    WildcardLiteral,
)
from authz.rules.functions.text import ENDS_WITH, LOWER, STARTS_WITH, UPPER
from authz.rules.types import Bytes, Int, Ip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authz.rules.ast import Expression, Logical
    from authz.rules.lists import NamedList
    from authz.rules.types import Address

#: What a key reads: a text, a number, the packed bytes of an address, or an answer of a list.
Known: TypeAlias = bytes | int

# A longer run of numbers or addresses is not worth a constant for each.
_LONGEST_RUN: Final = 64


class Reading(Enum):
    """How a field's value is made comparable."""

    AS_IS = "as is"
    LOWER = "lower"
    UPPER = "upper"
    # Addresses hash slowly, and one with a zone (fe80::1%eth0) equals no other; rules compare
    # family and number only.
    PACKED = "packed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Something to read from a request.

    Args:
        cut: only so many bytes from the beginning, or from the end when negative; 0 is all of it.
        list: whether the value is in this list, instead of the value.
        folded: the list ignores the case of ASCII letters.
    """

    field: str
    reading: Reading = Reading.AS_IS
    cut: int = 0
    list: NamedList | None = None
    folded: bool = False

    def reader(self) -> Callable[[Any], Known] | None:
        """From the field's value to what is compared; None when that is the value itself."""
        convert = _CONVERT[self.reading]
        if self.list is not None:
            has = self.list.has_folded() if self.folded else self.list.has
            return has if convert is None else lambda value: has(convert(value))
        if not self.cut:
            return convert
        part = slice(self.cut) if self.cut > 0 else slice(self.cut, None)
        if convert is None:
            return lambda value: cast("bytes", value[part])
        return lambda value: convert(value[part])


_CONVERT: Final[Mapping[Reading, Callable[[Any], Known] | None]] = {
    Reading.AS_IS: None,
    Reading.LOWER: bytes.lower,
    Reading.UPPER: bytes.upper,
    Reading.PACKED: lambda address: cast("bytes", address.packed),
}

#: True when what one of the keys reads is among its constants; of no keys, never.
Condition: TypeAlias = Mapping[Key, frozenset[Known]]
#: Conditions that all are necessary: to look at one of them is enough. None: nothing is known.
Conditions: TypeAlias = tuple[Condition, ...]

_NOTHING: Final[Conditions] = ()
_NEVER: Final[Conditions] = ({},)


def necessary(expression: Expression, fields: frozenset[str]) -> Conditions:
    """Conditions on `fields`, each of which holds whenever the expression is true."""
    return _Deriver(fields).of(expression.root, wanted=True)


class _Deriver:
    """Walks a tree of type Bool; arrays of answers are below quantifiers, where it does not go."""

    def __init__(self, fields: frozenset[str]) -> None:
        self._fields = fields

    def of(self, node: Logical, *, wanted: bool) -> Conditions:
        """What holds whenever the answer of `node` is `wanted`."""
        while isinstance(node, Not):
            node, wanted = node.operand, not wanted
        if isinstance(node, Constant):
            return _NOTHING if node.value is wanted else _NEVER
        if isinstance(node, Combination):
            if node.logic is Logic.XOR:
                return _NOTHING
            parts = [self.of(operand, wanted=wanted) for operand in node.operands]
            # De Morgan: `not (a or b)` is `not a and not b`.
            return _all_of(parts) if (node.logic is Logic.AND) is wanted else _any_of(parts)
        if isinstance(node, Comparison):
            return self._true(node) if wanted else self._false(node)
        if isinstance(node, Truth) and wanted:
            return self._affix(node.operand)
        return _NOTHING

    def _key(self, access: Access) -> Key | None:
        """A field of a simple type, or lower() or upper() of one. None of these can be missing."""
        base = access.base
        if access.steps:
            return None
        if isinstance(base, FieldRef):
            if base.field.name not in self._fields or base.type not in (Bytes, Int, Ip):
                return None
            return Key(field=base.field.name)
        reading = _CASE.get(base.function.name)
        if reading is None or base.mapped:
            return None
        inner = base.arguments[0]
        key = self._key(inner) if isinstance(inner, Access) else None
        # The inner of two case changes is lost in the outer: ASCII letters have two cases.
        return None if key is None else replace(key, reading=reading)

    def _true(self, node: Comparison) -> Conditions:
        key, right = self._key(node.left), node.right
        if key is None:
            return _NOTHING
        if isinstance(right, ListRef):
            return ({replace(key, list=right.list, folded=node.left.hex): frozenset([True])},)
        if isinstance(right, WildcardLiteral):
            return _wildcard(key, right)
        if isinstance(right, ItemSet):
            return _items(node.left, key, right)
        if node.operator is Operator.EQ:
            return _equal(node.left, key, cast("Literal", right))
        return _NOTHING

    def _false(self, node: Comparison) -> Conditions:
        """`not x ne "a"`: the value is not missing, so it is the literal."""
        key = self._key(node.left)
        if key is None or node.operator is not Operator.NE:
            return _NOTHING
        return _equal(node.left, key, cast("Literal", node.right))

    def _affix(self, operand: Access) -> Conditions:
        """`starts_with` and `ends_with` with a literal."""
        call = operand.base
        if not isinstance(call, Call) or call.mapped or operand.steps:
            return _NOTHING
        if call.function.name not in (STARTS_WITH.name, ENDS_WITH.name):
            return _NOTHING
        source, affix = call.arguments
        key = self._key(source) if isinstance(source, Access) else None
        if key is None or not isinstance(affix, Literal) or not affix.value:
            return _NOTHING
        text = cast("bytes", affix.value)
        cut = len(text) if call.function.name == STARTS_WITH.name else -len(text)
        return ({replace(key, cut=cut): frozenset([text])},)


_CASE: Final = {LOWER.name: Reading.LOWER, UPPER.name: Reading.UPPER}


def _equal(left: Access, key: Key, literal: Literal) -> Conditions:
    if left.type == Ip:
        return _one_of(left, key, [cast("Address", literal.value).packed])
    return _one_of(left, key, [cast("Known", literal.value)])


def _items(left: Access, key: Key, right: ItemSet) -> Conditions:
    if left.type == Bytes:
        return _one_of(left, key, cast("tuple[bytes, ...]", right.items))
    intervals = cast("tuple[Interval, ...]", right.items)
    lengths = [int(one.last) - int(one.first) + 1 for one in intervals]
    if max(lengths, default=0) > _LONGEST_RUN:
        return _NOTHING
    if left.type == Int:
        return _one_of(left, key, [n for one in intervals for n in _run(one)])
    return _one_of(
        left,
        key,
        [
            n.to_bytes(cast("Address", one.first).max_prefixlen // 8, "big")
            for one in intervals
            for n in _run(one)
        ],
    )


def _run(interval: Interval) -> range:
    return range(int(interval.first), int(interval.last) + 1)


def _one_of(left: Access, key: Key, items: Iterable[Known]) -> Conditions:
    constants = frozenset(items)
    if not constants:
        return _NEVER
    if left.type == Ip:
        key = replace(key, reading=Reading.PACKED)
    elif left.hex:
        # Architecture 4.13: either case of the digits.
        key = replace(key, reading=Reading.LOWER)
        constants = frozenset(cast("bytes", text).lower() for text in constants)
    return ({key: constants},)


def _wildcard(key: Key, right: WildcardLiteral) -> Conditions:
    """What stands before the first star, and behind the last one."""
    parts = right.wildcard.parts
    if not right.wildcard.strict:
        key = replace(key, reading=Reading.LOWER)
    if len(parts) == 1:
        return ({key: frozenset(parts)},)
    ends = ((len(parts[0]), parts[0]), (-len(parts[-1]), parts[-1]))
    return tuple({replace(key, cut=cut): frozenset([text])} for cut, text in ends if text)


def _all_of(parts: Iterable[Conditions]) -> Conditions:
    """What is necessary when all parts hold: what any of them needs."""
    alone: dict[Key, frozenset[Known]] = {}
    several: list[Condition] = []
    for condition in (condition for conditions in parts for condition in conditions):
        if len(condition) == 1:
            ((key, constants),) = condition.items()
            alone[key] = alone[key] & constants if key in alone else constants
        else:
            several.append(condition)
    if {} in several or frozenset() in alone.values():
        return _NEVER
    return (*({key: constants} for key, constants in alone.items()), *several)


def _any_of(parts: Iterable[Conditions]) -> Conditions:
    """What is necessary when one part holds: what all of them need, of one key if possible."""
    possible = [conditions for conditions in parts if conditions != _NEVER]
    if not possible:
        return _NEVER
    if _NOTHING in possible:
        return _NOTHING
    by_key = [
        {key: one[key] for one in conditions if len(one) == 1 for key in one}
        for conditions in possible
    ]
    first, *others = by_key
    shared = [key for key in first if all(key in other for other in others)]
    if shared:
        return tuple(
            {key: frozenset[Known]().union(*(one[key] for one in by_key))} for key in shared
        )
    mixed: dict[Key, frozenset[Known]] = {}
    for conditions in possible:
        for key, constants in min(conditions, key=_size).items():
            mixed[key] = mixed.get(key, frozenset()) | constants
    return (mixed,)


def _size(condition: Condition) -> int:
    return sum(map(len, condition.values()))
