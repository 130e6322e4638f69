# SPDX-License-Identifier: Apache-2.0
"""Every vector that rows can show is the same expression after it was shown as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from authz.rules.row_reading import rows_of
from authz.rules.row_writing import write_rows
from authz.rules.rows import NotRows
from tests.factories.vector_expressions import VECTORS, parsed

if TYPE_CHECKING:
    from authz.rules import Expression
    from authz.rules.rows import RowGroup
    from tests.factories.rule_vectors import RuleVector

_PARSED: Final = [(vector, parsed(vector)) for vector in VECTORS if vector.error is None]
_SHOWN: Final = [
    (vector, expression, rows)
    for vector, expression in _PARSED
    if not isinstance(rows := rows_of(expression), NotRows)
]


@pytest.mark.parametrize(
    ("vector", "expression", "rows"), _SHOWN, ids=[vector.id for vector, _, _ in _SHOWN]
)
def test_a_vector_that_rows_can_show(
    vector: RuleVector, expression: Expression, rows: RowGroup
) -> None:
    written = write_rows(rows)

    assert written.problems == ()
    again = parsed(vector, written.text)
    assert again == expression
    assert rows_of(again) == rows


def test_rows_can_show_most_of_them() -> None:
    """What they cannot show are functions of several fields, of literals, and odd sizes."""
    print(f"rows can show {len(_SHOWN)} of {len(_PARSED)} expressions")

    assert len(_SHOWN) / len(_PARSED) > 0.9
