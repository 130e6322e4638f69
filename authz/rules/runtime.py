# SPDX-License-Identifier: Apache-2.0
"""What generated code calls: indexing, arrays of answers, addresses, ranges of numbers."""

from __future__ import annotations

from bisect import bisect_right
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from authz.rules.ast import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authz.rules.types import Address, MaybeValue, Value


def at(array: Sequence[Value] | None, position: int) -> MaybeValue:
    """An element, or None."""
    return array[position] if array is not None and position < len(array) else None


def key(mapping: dict[bytes, Value] | None, name: bytes) -> MaybeValue:
    """The value of a key, or None."""
    return None if mapping is None else mapping.get(name)


def sorted_values(mapping: dict[bytes, Value] | None) -> list[Value]:
    """The values of a map in the byte order of its keys (surprise 51)."""
    return [mapping[name] for name in sorted(mapping)] if mapping else []


def all_present(answers: Sequence[bool] | None) -> bool:
    """all() of an array given directly: false if it is missing (surprise 49)."""
    return answers is not None and all(answers)


def odd(*answers: bool) -> bool:
    """Whether an odd number is true: xor."""
    return sum(answers) % 2 == 1


def zip_and(*answers: Sequence[bool]) -> list[bool]:
    """Position by position, as long as the shortest (surprise 46)."""
    return [all(row) for row in zip(*answers, strict=False)]


def zip_or(*answers: Sequence[bool]) -> list[bool]:
    """Position by position, as long as the shortest."""
    return [any(row) for row in zip(*answers, strict=False)]


def zip_xor(*answers: Sequence[bool]) -> list[bool]:
    """Position by position, as long as the shortest."""
    return [sum(row) % 2 == 1 for row in zip(*answers, strict=False)]


def address_test(operator: Operator, literal: object) -> Callable[[Address], bool]:
    """A comparison with an address; addresses of two families are only ever different."""
    family, number = type(literal), int(cast("Address", literal))
    tests: dict[Operator, Callable[[Address], bool]] = {
        Operator.EQ: lambda value: type(value) is family and int(value) == number,
        Operator.NE: lambda value: type(value) is not family or int(value) != number,
        Operator.GE: lambda value: type(value) is family and int(value) >= number,
        Operator.LE: lambda value: type(value) is family and int(value) <= number,
        Operator.GT: lambda value: type(value) is family and int(value) > number,
        Operator.LT: lambda value: type(value) is family and int(value) < number,
    }
    return tests[operator]


def number_test(intervals: list[tuple[int, int]]) -> Callable[[int], bool]:
    """Membership in several intervals of numbers."""
    firsts: list[int] = []
    lasts: list[int] = []
    for first, last in sorted(intervals):
        if not lasts or first > lasts[-1] + 1:
            firsts.append(first)
            lasts.append(last)
        else:
            lasts[-1] = max(lasts[-1], last)

    def has(number: int) -> bool:
        place = bisect_right(firsts, number)
        return place > 0 and number <= lasts[place - 1]

    return has


# Generated code sees these names and its own constants, nothing else.
HELPERS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "__builtins__": {},
        "all": all,
        "all_present": all_present,
        "any": any,
        "at": at,
        "key": key,
        "len": len,
        "odd": odd,
        "sorted_values": sorted_values,
        "zip_and": zip_and,
        "zip_or": zip_or,
        "zip_xor": zip_xor,
    }
)
