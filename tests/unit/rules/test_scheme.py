# SPDX-License-Identifier: Apache-2.0
"""Schemes refuse names that no expression could use."""

from __future__ import annotations

import pytest

from authz.rules import Bytes, Field, Int, Scheme


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("a", Field("b", Bytes)),
        ("a b", Field("a b", Bytes)),
        ("a..b", Field("a..b", Bytes)),
        ("notary", Field("notary", Bytes)),
        ("serial", Field("serial", Int, hex=True)),
    ],
)
def test_an_unusable_field_is_a_bug(key: str, field: Field) -> None:
    with pytest.raises(ValueError, match=r"."):
        Scheme({key: field})


def test_the_functions_of_custom_rules_are_there_unless_told_otherwise() -> None:
    assert "lower" in Scheme({}).functions
    assert "sha256" not in Scheme({}).functions
    assert "lower" not in Scheme({}, functions={}).functions
