# SPDX-License-Identifier: Apache-2.0
"""What all tables are made of."""

from __future__ import annotations

from authz.store import metadata as module


def test_a_column_of_identifiers_is_never_empty() -> None:
    column = module.identifier("zone_id")

    assert (column.name, column.nullable, column.primary_key) == ("zone_id", False, False)
    assert module.identifier(primary_key=True).primary_key
