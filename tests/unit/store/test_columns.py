# SPDX-License-Identifier: Apache-2.0
"""What one of the databases would not take is refused for both."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from authz.errors import InvalidInputError
from authz.store.columns import CheckedInteger, CheckedText

SQLITE = sqlite.dialect()
POSTGRESQL = postgresql.dialect()


@pytest.mark.parametrize("text", [None, "", "ü", "x" * 5, "\U0010ffff"])
def test_text_as_it_is(text: str | None) -> None:
    assert CheckedText(5).process_bind_param(text, SQLITE) == text


@pytest.mark.parametrize("text", ["\0", "a\0", "x" * 6, "\ud800"])
def test_text_that_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        CheckedText(5).process_bind_param(text, POSTGRESQL)
    assert error.value.hint


def test_text_of_any_length() -> None:
    assert CheckedText().process_bind_param("x" * 10_000, SQLITE)
    assert CheckedText(5).coerce_compared_value(None, "").length is None


@pytest.mark.parametrize("bits", [32, 64])
def test_integers(bits: int) -> None:
    column = CheckedInteger(bits)
    most = 2 ** (bits - 1)
    for number in (None, 0, most - 1, -most):
        assert column.process_bind_param(number, SQLITE) == number
    for number in (most, -most - 1):
        with pytest.raises(InvalidInputError, match=f"{bits} bits"):
            column.process_bind_param(number, SQLITE)


@pytest.mark.parametrize(
    ("column", "on_sqlite", "on_postgresql"),
    [
        (CheckedText(), "TEXT", "TEXT"),
        (CheckedText(9), "VARCHAR(9)", "VARCHAR(9)"),
        (CheckedInteger(), "BIGINT", "BIGINT"),
        (CheckedInteger(32), "INTEGER", "INTEGER"),
        (CheckedInteger(counted=True), "INTEGER", "BIGINT"),
    ],
)
def test_what_they_are_in_the_databases(
    column: CheckedText | CheckedInteger, on_sqlite: str, on_postgresql: str
) -> None:
    assert column.compile(SQLITE) == on_sqlite
    assert column.compile(POSTGRESQL) == on_postgresql
