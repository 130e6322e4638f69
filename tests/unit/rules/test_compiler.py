# SPDX-License-Identifier: Apache-2.0
"""Filters read lazily, name their fields and survive a nearly full stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.rules import Filter, compile_expression, evaluate, format_expression, parse
from tests.factories.schemes import SCHEME, field_values

if TYPE_CHECKING:
    from authz.rules import Value


class _Recording(dict[str, "Value"]):
    """Values that are made when they are first read."""

    def __missing__(self, name: str) -> Value:
        value = self[name] = field_values({})[name]
        return value


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ('ssl and http.host eq "a"', {"ssl"}),
        ('not ssl or http.host eq "a"', {"ssl"}),
        ('ssl or http.host eq "a"', {"ssl", "http.host"}),
        ('ssl and any(http.request.headers.names[*] eq "a")', {"ssl"}),
    ],
)
def test_only_the_fields_that_matter_are_computed(source: str, read: set[str]) -> None:
    values = _Recording()

    compile_expression(parse(source, SCHEME)).matches(values)

    assert set(values) == read


def test_a_filter_names_its_fields_and_its_expression() -> None:
    expression = parse('ssl or http.host eq "a"', SCHEME)
    compiled = compile_expression(expression)

    assert isinstance(compiled, Filter)
    assert compiled.expression is expression
    assert compiled.fields == {"ssl", "http.host"}


@pytest.mark.parametrize("word", ["true", "false"])
def test_a_constant_reads_nothing(word: str) -> None:
    compiled = compile_expression(parse(word, SCHEME))

    assert compiled.matches({}) is (word == "true")
    assert not compiled.fields


def test_an_expression_is_compiled_even_when_the_stack_is_almost_full() -> None:
    expression = parse("(ssl xor " * 128 + "ssl" + ")" * 128, SCHEME)

    def deep(frames: int) -> Filter:
        return compile_expression(expression) if frames == 0 else deep(frames - 1)

    values = field_values({"ssl": True})
    assert deep(500).matches(values) is evaluate(expression, values)


@pytest.mark.parametrize("depth", [1, 40, 128])
def test_every_legal_depth_evaluates(depth: int) -> None:
    values: dict[str, Value] = {"ssl": True, "http.host": b"A"}
    for source in (
        "(" * depth + "ssl" + ")" * depth,
        "not " * depth + "ssl",
        "lower(" * depth + "http.host" + ")" * depth + ' eq "a"',
        "(ssl xor " * depth + "ssl" + ")" * depth,
    ):
        expression = parse(source, SCHEME)
        assert compile_expression(expression).matches(values) is evaluate(expression, values)
        assert parse(format_expression(expression), SCHEME) == expression
