# SPDX-License-Identifier: Apache-2.0
"""Columns that are known before their lines are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.demo.table import Table

if TYPE_CHECKING:
    import pytest


def test_columns_are_as_wide_as_what_is_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(("#", "a"), [("10", "long"), ("1", "")])

    table.print_head()
    table.print_row(("1", "x"))
    table.print_row(("100", "longer"))

    assert capsys.readouterr().out.splitlines() == [
        "#   a",
        "--  ----",
        "1   x",
        "100  longer",
    ]
