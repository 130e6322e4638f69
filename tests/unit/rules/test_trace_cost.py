# SPDX-License-Identifier: Apache-2.0
"""What a trace costs grows with what is read, with nesting and with the text."""

from __future__ import annotations

from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.trace_cost import trace_cost


def _cost(source: str, cookie: bytes = b"") -> float:
    return trace_cost(parse(source, SCHEME, {}), {"http.cookie": cookie, "ssl": True})


def test_longer_values_and_longer_texts_cost_more() -> None:
    plain = _cost('http.cookie contains "a"')

    assert _cost('http.cookie contains "a"', b"x" * 60_000) > plain
    assert _cost('http.cookie contains "' + "a" * 1000 + '"') > plain


def test_each_level_costs_as_much_again() -> None:
    expression = 'ssl and http.cookie eq "a"'

    assert _cost("not (" * 20 + expression + ")" * 20) > 20 * _cost(expression)
