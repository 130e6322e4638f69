# SPDX-License-Identifier: Apache-2.0
"""What other languages write where an operator stands here."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME
from authz.rules import Array, Bool, Bytes, Int, Ip, Map, Type, evaluate, parse
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
        (Array(Int), "not {left} contains …", "not any(x[*] == …)"),
        (Map(Bytes), "{left} ne …", 'not x["name"] eq …'),
        (Map(Array(Bytes)), "{left} != …", 'not x["name"][0] == …'),
        (Map(Bytes), "{left} contains …", 'x["name"] contains …'),
        (Map(Array(Int)), "{left} matches …", 'x["name"][0] == …'),
    ],
)
def test_an_operator_is_kept_where_elements_have_it(kind: Type, said: str, shown: str) -> None:
    assert (hint_for_type("x", kind, said) or "").partition(": ")[2] == shown


@pytest.mark.parametrize(
    ("lines", "unlike"), [([], True), (["a"], True), (["a", "c"], True), (["a", "b"], False)]
)
def test_what_is_shown_for_unlike_means_that_no_element_is_it(
    lines: list[str], unlike: bool
) -> None:
    shown = (hint_of('http.request.headers["x"] != "b"') or "").partition(": ")[2]
    headers = {b"x": [line.encode() for line in lines]} if lines else {}

    expression = parse(shown.replace("…", '"b"'), SCHEME)

    assert evaluate(expression, {"http.request.headers": headers}) is unlike


def test_what_is_shown_for_unlike_is_true_of_a_missing_key() -> None:
    shown = (hint_of('http.request.headers != "b"') or "").partition(": ")[2]

    expression = parse(shown.replace("…", '"b"'), SCHEME)

    assert evaluate(expression, {"http.request.headers": {}})
