# SPDX-License-Identifier: Apache-2.0
"""The round trip over all vectors is in tests/conformance/test_rule_rows.py."""

from __future__ import annotations

from authz.rules.ast import Operator
from authz.rules.rows import COMPARISONS, TESTS, RowOperator


def test_every_operator_of_the_language_is_one_of_rows() -> None:
    assert set(COMPARISONS.values()) == set(Operator)


def test_every_operator_of_rows_is_of_one_kind() -> None:
    kinds = (set(COMPARISONS), set(TESTS), {RowOperator.IS_TRUE, RowOperator.IS_FALSE})

    assert sum(map(len, kinds)) == len(RowOperator)
    assert set().union(*kinds) == set(RowOperator)
