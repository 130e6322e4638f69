# SPDX-License-Identifier: Apache-2.0
"""The types of the Rules language and the Python values that stand for them.

Six types: Bool, Int (signed 64 bits), Bytes, Ip, Array and Map. Maps have byte-string keys. There
is no string type: everything textual is bytes (rules-language.md, surprise 25). Which fields have
which type is the scheme's business (scheme.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

# Bool -> bool, Int -> int, Bytes -> bytes, Ip -> an address, Array -> tuple (functions may give a
# list), Map -> dict. A missing value is None and arises only inside evaluation.
Address: TypeAlias = IPv4Address | IPv6Address
Value: TypeAlias = (
    "bool | int | bytes | IPv4Address | IPv6Address | tuple[Value, ...] | list[Value] "
    "| dict[bytes, Value]"
)
MaybeValue: TypeAlias = "Value | None"

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Type:
    """A type; the simple ones are the constants `Bool`, `Int`, `Bytes` and `Ip`."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def element(self) -> Type | None:
        """What an element is, or None for a type without elements."""
        return None


@dataclass(frozen=True, slots=True, init=False)
class Array(Type):
    """An ordered sequence of one type."""

    of: Type

    def __init__(self, of: Type) -> None:
        object.__setattr__(self, "name", f"Array({of})")
        object.__setattr__(self, "of", of)

    def __str__(self) -> str:
        return self.name

    @property
    def element(self) -> Type:
        """What an element is."""
        return self.of


@dataclass(frozen=True, slots=True, init=False)
class Map(Type):
    """A mapping of byte strings to one type."""

    of: Type

    def __init__(self, of: Type) -> None:
        object.__setattr__(self, "name", f"Map({of})")
        object.__setattr__(self, "of", of)

    def __str__(self) -> str:
        return self.name

    @property
    def element(self) -> Type:
        """What a value of the map is."""
        return self.of


Bool: Final = Type("Bool")
Int: Final = Type("Int")
Bytes: Final = Type("Bytes")
Ip: Final = Type("Ip")

BOOLS: Final = Array(Bool)


def default_value(kind: Type) -> Value:
    """The value of a field that nothing sets: "", false, 0, 0.0.0.0 or empty."""
    if isinstance(kind, Array):
        return ()
    if isinstance(kind, Map):
        return {}
    if kind == Bool:
        return False
    if kind == Int:
        return 0
    return b"" if kind == Bytes else IPv4Address(0)
