# SPDX-License-Identifier: Apache-2.0
"""What other languages write where an operator stands here."""

from __future__ import annotations

import pytest

from authz.rules import Array, Bool, Bytes, Int, Ip, Map, Type
from authz.rules.operator_suggestions import hint_for_type
from tests.factories.slips import SLIPS, hint_of


@pytest.mark.parametrize(("source", "hint"), SLIPS["operators"])
def test_a_slip_gets_its_hint(source: str, hint: str | None) -> None:
    assert hint_of(source) == hint


@pytest.mark.parametrize(
    ("kind", "said", "shown"),
    [
        (Array(Int), "{left} gt …", "any(x[*] gt …)"),
        (Array(Int), "{left} & …", "any(x[*] & …)"),
        (Array(Int), "{left} contains …", "any(x[*] == …)"),
        (Array(Ip), "{left} in {{…}}", "any(x[*] in {…})"),
        (Array(Ip), 'starts_with({left}, "…")', "any(x[*] == …)"),
        (Array(Bytes), "{left} bitwise_and …", "any(x[*] == …)"),
        (Array(Bool), "{left} contains …", "any(x[*] == …)"),
        (Map(Bytes), "{left} contains …", 'x["name"] contains …'),
        (Map(Array(Int)), "{left} matches …", 'x["name"][0] == …'),
    ],
)
def test_an_operator_is_kept_where_elements_have_it(kind: Type, said: str, shown: str) -> None:
    assert (hint_for_type("x", kind, said) or "").partition(": ")[2] == shown
