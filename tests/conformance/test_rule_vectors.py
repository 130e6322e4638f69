# SPDX-License-Identifier: Apache-2.0
"""Every vector of tests/vectors/rules, on both evaluators.

The reference evaluator, the compiled filter and the formatter's output must all give the vector's
verdict; errors must stand at the vector's place with its message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import ExpressionError
from authz.rules import compile_expression, evaluate, format_expression
from tests.factories.schemes import SCHEMES, field_values
from tests.factories.vector_expressions import BY_NAME, FILES, VECTORS, parsed, scheme_for
from tests.vectors.build_schemes import described

if TYPE_CHECKING:
    from tests.factories.rule_vectors import RuleVector


def _place(error: ExpressionError) -> str:
    """`line:column-column`, both included; with the last line if it is another one."""
    last = max(error.span[0], error.span[1] - 1)
    begin = error.source.rfind("\n", 0, last) + 1
    line = error.source.count("\n", 0, last) + 1
    end = f"{last - begin + 1}" if line == error.line else f"{line}:{last - begin + 1}"
    return f"{error.line}:{error.column}-{end}"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.id)
def test_vector(vector: RuleVector) -> None:
    values = field_values(vector.given, scheme_for(vector))
    if vector.error is not None:
        with pytest.raises(ExpressionError) as caught:
            parsed(vector)
        assert f"{_place(caught.value)} {caught.value.message}" == vector.error
        return
    expression = parsed(vector)
    assert evaluate(expression, values) is vector.verdict
    assert compile_expression(expression).matches(values) is vector.verdict
    again = parsed(vector, format_expression(expression))
    assert again == expression
    assert evaluate(again, values) is vector.verdict


def test_the_types_that_are_data_are_those_of_the_product() -> None:
    # After a change of the catalogue: python -m tests.vectors.build_schemes
    assert SCHEMES["schemes"] == {name: described(scheme) for name, scheme in BY_NAME.items()}


def test_a_vector_is_in_the_file_that_its_id_names() -> None:
    assert all(one.id.partition("/")[0] == one.place.partition(".")[0] for one in VECTORS)
    assert set(SCHEMES["files"]) <= {file.stem for file in FILES}


def test_ids_are_unique() -> None:
    ids = [vector.id for vector in VECTORS]

    assert len(ids) == len(set(ids))


def test_every_statement_of_the_reference_has_vectors() -> None:
    numbers = {
        int(vector.id.partition("/")[2].partition(".")[0]) for vector in VECTORS if "." in vector.id
    }

    assert numbers == set(range(1, 74))


def test_the_observations_of_the_engine_are_complete() -> None:
    assert sum("." in vector.id for vector in VECTORS) >= 325
    assert len(VECTORS) >= 400
