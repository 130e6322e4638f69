# SPDX-License-Identifier: Apache-2.0
"""Every vector of tests/vectors/rules, on both evaluators.

The reference evaluator, the compiled filter and the formatter's output must all give the vector's
verdict; errors must stand at the vector's place with its message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authz.errors import ExpressionError
from authz.policy import fields
from authz.rules import (
    ListKind,
    ListModel,
    compile_expression,
    compile_list,
    evaluate,
    format_expression,
    parse,
)
from tests.factories.rule_vectors import RuleVector, read_rule_vectors
from tests.factories.schemes import SCHEME, field_values

if TYPE_CHECKING:
    from authz.rules import Expression, Scheme

_FILES = sorted((Path(__file__).parents[1] / "vectors" / "rules").glob("*.rules"))
_VECTORS = [vector for file in _FILES for vector in read_rule_vectors(file)]


def _parsed(vector: RuleVector, source: str) -> Expression:
    lists = {
        name: compile_list(ListModel(name=name, kind=ListKind(kind), items=tuple(items)))
        for name, (kind, items) in vector.lists.items()
    }
    return parse(source, _scheme(vector), lists)


def _scheme(vector: RuleVector) -> Scheme:
    """The product's for the vectors of its fields, the small one of the tests for all others."""
    return fields.SCHEME if vector.id.startswith("fields/") else SCHEME


def _place(error: ExpressionError) -> str:
    """`line:column-column`, both included; with the last line if it is another one."""
    last = max(error.span[0], error.span[1] - 1)
    begin = error.source.rfind("\n", 0, last) + 1
    line = error.source.count("\n", 0, last) + 1
    end = f"{last - begin + 1}" if line == error.line else f"{line}:{last - begin + 1}"
    return f"{error.line}:{error.column}-{end}"


@pytest.mark.parametrize("vector", _VECTORS, ids=lambda vector: vector.id)
def test_vector(vector: RuleVector) -> None:
    values = field_values(vector.given, _scheme(vector))
    if vector.error is not None:
        with pytest.raises(ExpressionError) as caught:
            _parsed(vector, vector.source)
        assert f"{_place(caught.value)} {caught.value.message}" == vector.error
        return
    expression = _parsed(vector, vector.source)
    assert evaluate(expression, values) is vector.verdict
    assert compile_expression(expression).matches(values) is vector.verdict
    again = _parsed(vector, format_expression(expression))
    assert again == expression
    assert evaluate(again, values) is vector.verdict


def test_ids_are_unique() -> None:
    ids = [vector.id for vector in _VECTORS]

    assert len(ids) == len(set(ids))


def test_every_statement_of_the_reference_has_vectors() -> None:
    numbers = {
        int(vector.id.partition("/")[2].partition(".")[0])
        for vector in _VECTORS
        if "." in vector.id
    }

    assert numbers == set(range(1, 74))


def test_the_observations_of_the_engine_are_complete() -> None:
    assert sum("." in vector.id for vector in _VECTORS) >= 325
    assert len(_VECTORS) >= 400
