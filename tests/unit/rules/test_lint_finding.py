# SPDX-License-Identifier: Apache-2.0
"""What a finding says to do, and which expressions can be proposed."""

from __future__ import annotations

import pytest

from authz.rules import Finding, parse
from authz.rules.ast import Combination, Constant, Logic, Not
from authz.rules.lint_finding import proposal
from tests.factories.schemes import SCHEME


@pytest.mark.parametrize(
    ("suggestion", "hint", "advice"),
    [
        (None, None, None),
        ("ssl", None, "write: ssl"),
        (None, "look", "look"),
        ("ssl", "look", "look; write: ssl"),
    ],
)
def test_the_advice_is_the_hint_and_what_to_write(
    suggestion: str | None, hint: str | None, advice: str | None
) -> None:
    found = Finding(code="c", message="m", span=(0, 1), suggestion=suggestion, hint=hint)

    assert found.advice == advice


def test_an_expression_that_is_too_much_is_not_proposed() -> None:
    leaf = parse("ssl", SCHEME).root
    pattern = parse('http.host matches "a"', SCHEME).root
    deep = leaf
    for _ in range(129):
        deep = Not(operand=deep)

    assert proposal(None) is None
    assert proposal(Constant(value=True)) is None
    assert proposal(leaf) == "ssl"
    assert proposal(deep) is None
    assert proposal(Combination(logic=Logic.OR, operands=(pattern,) * 65)) is None
    assert proposal(Combination(logic=Logic.OR, operands=(leaf,) * 1000)) is None


@pytest.mark.parametrize(
    "source",
    [
        "lower(" * 126 + "http.host" + ")" * 126 + ' eq "a"',
        "any((" + "not " * 120 + 'http.request.headers.names[*] eq "a"))',
        "not " * 127 + "all(test.flags)",
    ],
)
def test_a_deep_expression_is_proposed_as_long_as_it_can_be_parsed(source: str) -> None:
    root = parse(source, SCHEME).root
    text = proposal(root)

    assert text is not None
    assert parse(text, SCHEME).root == root
