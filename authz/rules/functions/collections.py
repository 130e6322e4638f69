# SPDX-License-Identifier: Apache-2.0
"""Functions over arrays and maps: len, join, has_key, has_value; and coalesce."""

from __future__ import annotations

from typing import Final, cast

from authz.rules.functions.model import ArgumentError, Family, Function, Parameter, plain
from authz.rules.types import Array, Bool, Bytes, Int, Ip, MaybeValue, Type, Value


def _has_value_type(arguments: tuple[Type, ...]) -> Type:
    held = arguments[0].element
    if held != arguments[1]:
        nested = held is not None and held.element is not None
        raise ArgumentError(
            1,
            f"has_value looks for {held} here, this is {arguments[1]}",
            "look into one of them: has_value(field[…], value)" if nested else None,
        )
    return Bool


def _has_value(holder: tuple[Value, ...] | dict[bytes, Value], wanted: Value) -> bool:
    return wanted in (holder.values() if isinstance(holder, dict) else holder)


def _coalesce_type(arguments: tuple[Type, ...]) -> Type:
    for position, kind in enumerate(arguments):
        if kind != arguments[0]:
            raise ArgumentError(
                position,
                f"coalesce chooses between values of one type: this is {kind}, "
                f"the first argument is {arguments[0]}",
            )
    return arguments[0]


def _coalesce(*arguments: MaybeValue) -> MaybeValue:
    return next((argument for argument in arguments if argument is not None), None)


LEN: Final = Function(
    name="len",
    parameters=(Parameter(name="value", accepts=(Bytes, Family.ARRAY)),),
    returns=Int,
    bind=plain(len),
    doc="The number of bytes of a byte string, or of elements of an array.",
)
JOIN: Final = Function(
    name="join",
    parameters=(
        Parameter(name="items", accepts=(Array(Bytes),)),
        Parameter(name="separator", accepts=(Bytes,)),
    ),
    returns=Bytes,
    bind=plain(lambda items, separator: cast("bytes", separator).join(items)),
    doc="The items of an array with the separator between them.",
)
HAS_KEY: Final = Function(
    name="has_key",
    parameters=(
        Parameter(name="map", accepts=(Family.MAP,)),
        Parameter(name="key", accepts=(Bytes,)),
    ),
    returns=Bool,
    bind=plain(lambda holder, key: key in holder),
    doc="Whether a map has the key; header names are lower case.",
)
HAS_VALUE: Final = Function(
    name="has_value",
    parameters=(
        Parameter(name="holder", accepts=(Family.ARRAY, Family.MAP)),
        Parameter(name="value", accepts=(Bytes, Int, Bool, Ip)),
    ),
    returns=_has_value_type,
    bind=plain(_has_value),
    doc="Whether some element of an array, or some value of a map, equals the value.",
    limits="The value has the type that the array or map holds.",
)
COALESCE: Final = Function(
    name="coalesce",
    variadic=Parameter(name="alternative", accepts=(Family.ANYTHING,)),
    variadic_minimum=1,
    returns=_coalesce_type,
    bind=plain(_coalesce),
    handles_missing=True,
    doc="The first argument that is not missing.",
    limits="All arguments have one type.",
)
