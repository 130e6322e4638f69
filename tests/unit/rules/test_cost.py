# SPDX-License-Identifier: Apache-2.0
"""What an expression may cost: a bound in the sizes of the fields it reads."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from authz.rules import parse
from authz.rules.cost import (
    ANYTHING,
    ELEMENT,
    FUNCTION_WEIGHTS,
    cost_of,
    size_of,
    total,
    value_of,
)
from authz.rules.functions import CUSTOM_RULES_FUNCTIONS
from tests.factories.schemes import SCHEME

_COOKIE = "http.cookie"
_NAMES = "http.request.headers.names"


def _cost(source: str, **sizes: float) -> float:
    return value_of(
        cost_of(parse(source, SCHEME)),
        {name: sizes.get(name.rpartition(".")[2], 0.0) for name in SCHEME.fields},
    )


def test_every_function_has_a_weight() -> None:
    assert FUNCTION_WEIGHTS.keys() == CUSTOM_RULES_FUNCTIONS.keys()


def test_searching_costs_as_much_as_is_searched() -> None:
    once = _cost('http.cookie contains "a"', cookie=60_000)

    assert 100 < once < 500
    assert _cost('http.cookie contains "a"', cookie=120_000) == pytest.approx(2 * once, rel=0.01)
    assert _cost('http.cookie contains "a" or http.cookie contains "b"', cookie=60_000) > 1.9 * once


def test_a_constant_condition_costs_nothing_that_grows() -> None:
    assert set(
        cost_of(parse("ssl and cf.edge.server_port in {1..5} or ip.src in {::/0}", SCHEME))
    ) == {()}


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ('http.cookie wildcard "*a*"', {(_COOKIE,)}),
        ('any(http.request.headers.names[*] matches "a")', {(_NAMES,)}),
        ('http.request.headers["a"][0] eq "x"', {("http.request.headers",)}),
        ('any(starts_with(http.request.headers.names[*], "a"))', {(_NAMES,)}),
        (
            "len(concat(http.request.headers.names[*], http.cookie)) eq 1",
            {(_NAMES,), (_COOKIE, _NAMES)},
        ),
        ('join(http.request.headers.names, http.cookie) eq "a"', {(_NAMES,), (_COOKIE, _NAMES)}),
        ("any(not (test.flags[*] and test.flags[*]))", {("test.flags",)}),
        ("all(test.flags)", {("test.flags",)}),
        ("len(concat(test.numbers, test.numbers)) eq 1", {("test.numbers",)}),
    ],
)
def test_what_the_cost_depends_on(source: str, variables: set[tuple[str, ...]]) -> None:
    assert set(cost_of(parse(source, SCHEME))) - {()} == variables


def test_a_condition_given_to_a_function_is_counted() -> None:
    plain, inner = _cost("coalesce(ssl)"), _cost('coalesce((http.cookie contains "a"))', cookie=9e6)

    assert inner > 1000 * plain


def test_too_many_products_are_no_longer_told_apart() -> None:
    texts = ["http.host", _COOKIE, "http.user_agent", "http.request.uri", "http.request.method"]
    arrays = [_NAMES, "http.request.headers.values", "http.request.uri.args.names"]
    inner = f"concat({', '.join(texts)})"
    for array in arrays:
        inner = f'concat({inner}, join(concat({array}[*], {inner}), "-"))'

    cost = cost_of(parse(f'{inner} eq "a"', SCHEME))

    assert any(ANYTHING in names for names in cost)
    assert len(cost) < 200


def test_costs_add_up() -> None:
    assert total([{(): 1.0, ("a",): 2.0}, {("a",): 3.0}]) == {(): 1.0, ("a",): 5.0}


def test_sizes_count_bytes_and_elements() -> None:
    assert size_of(b"abc") == 3
    assert size_of((b"abc", b"")) == 3 + 2 * ELEMENT
    assert size_of({b"k": (b"v",)}) == 2 + 2 * ELEMENT
    assert size_of(True) == size_of(ip_address("::")) == 8
