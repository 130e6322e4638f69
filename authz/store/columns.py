# SPDX-License-Identifier: Apache-2.0
"""Column types that refuse what one of the databases would not take, and say so.

SQLite takes text of any length and any number of digits, PostgreSQL does not take the character
NUL, and neither takes half a character (a lone surrogate). What goes into one database must go into
the other, and whoever wrote it is told at once, in our words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, String, Text, TypeDecorator

from authz.errors import InvalidInputError

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine


class CheckedText(TypeDecorator[str]):
    """Text of at most `length` characters, or of any length."""

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, _dialect: Dialect) -> TypeEngine[Any]:
        """VARCHAR where it has a length."""
        return Text() if self.length is None else String(self.length)

    def coerce_compared_value(self, _op: Any, _value: Any) -> TypeEngine[Any]:
        """Nothing is as long as what is looked for: that is an answer and no error."""
        return CheckedText()

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """The text as it is.

        Raises:
            InvalidInputError: it is too long, or has a character that is none.
        """
        if value is None:
            return None
        if "\0" in value:
            raise InvalidInputError("the text has a NUL character", hint="leave it out")
        if self.length is not None and len(value) > self.length:
            raise InvalidInputError(
                f"the text has {len(value)} characters, {self.length} are possible",
                hint="write a shorter one",
            )
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InvalidInputError(
                    "the text has half a character (a lone surrogate)", hint="leave it out"
                ) from None
        return value


class CheckedInteger(TypeDecorator[int]):
    """An integer of `bits` bits, sign included.

    A `counted` one is numbered by the database: on SQLite its own row number, which only an
    INTEGER PRIMARY KEY is.
    """

    impl = BigInteger
    cache_ok = True

    def __init__(self, bits: int = 64, *, counted: bool = False) -> None:
        super().__init__()
        self.bits = bits
        self.counted = counted

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """INTEGER or BIGINT."""
        small = self.bits == 32 or (self.counted and dialect.name == "sqlite")
        return Integer() if small else BigInteger()

    def coerce_compared_value(self, _op: Any, _value: Any) -> TypeEngine[Any]:
        """Compared, and added, as the larger one."""
        return CheckedInteger()

    def process_bind_param(self, value: int | None, _dialect: Dialect) -> int | None:
        """The number as it is.

        Raises:
            InvalidInputError: it has more bits.
        """
        if value is not None and not -(1 << (self.bits - 1)) <= value < 1 << (self.bits - 1):
            raise InvalidInputError(
                f"the number has more than {self.bits} bits", hint="write a smaller one"
            )
        return value
