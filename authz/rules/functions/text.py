# SPDX-License-Identifier: Apache-2.0
"""Functions over byte strings: concat, case, prefixes and suffixes, substring, remove_bytes.

Everything is bytes: case changes ASCII letters only, positions count bytes (Cloudflare,
"Functions"; surprises 25 and 57).
"""

from __future__ import annotations

from typing import Final, cast

from authz.rules.functions.model import (
    ArgumentError,
    ArgumentKind,
    Family,
    Function,
    Parameter,
    plain,
)
from authz.rules.types import Bool, Bytes, Int, MaybeValue, Type, Value


def _concat_type(arguments: tuple[Type, ...]) -> Type:
    first = arguments[0]
    for position, kind in enumerate(arguments):
        if kind != first:
            raise ArgumentError(
                position,
                f"concat joins values of one type: this is {kind}, the first argument is {first}",
            )
    return first


def _concat(*arguments: MaybeValue) -> MaybeValue:
    # Missing arguments are left out; the result is missing only if all are (surprise 56).
    present = [argument for argument in arguments if argument is not None]
    if not present:
        return None
    if isinstance(present[0], bytes):
        return b"".join(cast("list[bytes]", present))
    return tuple(item for part in present for item in cast("tuple[Value, ...]", part))


def _substring(text: bytes, start: int, end: int | None = None) -> bytes:
    # Python's slices have the semantics asked for: end exclusive, negatives from the end.
    return text[start:end]


_TEXT: Final = Parameter(name="text", accepts=(Bytes,))
_SOURCE: Final = Parameter(name="source", accepts=(Bytes,), kind=ArgumentKind.NOT_LITERAL)
_PART: Final = Parameter(name="concatenated value", accepts=(Bytes, Family.ARRAY))

CONCAT: Final = Function(
    name="concat",
    variadic=_PART,
    variadic_minimum=2,
    returns=_concat_type,
    bind=plain(_concat),
    handles_missing=True,
    doc="Joins two or more byte strings, or two or more arrays of one type, into one.",
    limits="All arguments have one type.",
)
LOWER: Final = Function(
    name="lower",
    parameters=(_TEXT,),
    returns=Bytes,
    bind=plain(bytes.lower),
    doc="The text with ASCII letters in lower case.",
)
UPPER: Final = Function(
    name="upper",
    parameters=(_TEXT,),
    returns=Bytes,
    bind=plain(bytes.upper),
    doc="The text with ASCII letters in upper case.",
)
STARTS_WITH: Final = Function(
    name="starts_with",
    parameters=(_SOURCE, Parameter(name="prefix", accepts=(Bytes,))),
    returns=Bool,
    bind=plain(bytes.startswith),
    doc="Whether the source starts with the prefix, byte for byte.",
)
ENDS_WITH: Final = Function(
    name="ends_with",
    parameters=(_SOURCE, Parameter(name="suffix", accepts=(Bytes,))),
    returns=Bool,
    bind=plain(bytes.endswith),
    doc="Whether the source ends with the suffix, byte for byte.",
)
SUBSTRING: Final = Function(
    name="substring",
    parameters=(_TEXT, Parameter(name="start", accepts=(Int,))),
    optional=(Parameter(name="end", accepts=(Int,)),),
    returns=Bytes,
    bind=plain(_substring),
    doc="The bytes from start up to, not including, end; negative positions count from the end.",
)
REMOVE_BYTES: Final = Function(
    name="remove_bytes",
    parameters=(_TEXT, Parameter(name="unwanted", accepts=(Bytes,))),
    returns=Bytes,
    bind=plain(lambda text, unwanted: text.translate(None, unwanted)),
    doc="The text without any of the bytes listed in the second argument.",
)
