# SPDX-License-Identifier: Apache-2.0
"""Vectors for every field that there is or that is refused, and for every operator on every type.

What the text of an expression shows is looked for by test_language_coverage; here expressions are
parsed.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import pytest

from authz.policy.fields import SCHEME
from authz.rules.ast import (
    Access,
    Call,
    Combination,
    Comparison,
    FieldRef,
    Not,
    Operator,
    Quantifier,
    Truth,
)
from authz.rules.literals import NOTATIONS
from tests.factories.vector_expressions import VECTORS, parsed, scheme_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.rules.ast import Argument, Logical

TYPES = ("Bool", "Int", "Bytes", "Ip", "Array", "Map")
_NO_OPERATOR = re.compile(r'"(?P<operator>[^"]+)" does not work on a value of type (?P<type>\w+)')
_AFTER_BOOL = re.compile(r'unexpected "(?P<operator>\S+)" after the end of the expression')


def _parts(node: Logical | Argument) -> Iterator[Logical | Argument]:
    """A part of an expression and everything below it."""
    yield node
    below: tuple[Logical | Argument, ...] = ()
    if isinstance(node, Combination):
        below = node.operands
    elif isinstance(node, Not | Truth):
        below = (node.operand,)
    elif isinstance(node, Quantifier):
        below = (node.argument,)
    elif isinstance(node, Comparison):
        below = (node.left,)
    elif isinstance(node, Access) and isinstance(node.base, Call):
        below = node.base.arguments
    for one in below:
        yield from _parts(one)


def _kind(type_name: str) -> str:
    return type_name.partition("(")[0]


#: Parts of the expressions that have a verdict, with the verdict and the name of the scheme.
PARTS = [
    (part, vector.verdict, scheme_for(vector) is SCHEME)
    for vector in VECTORS
    if vector.verdict is not None
    for part in _parts(parsed(vector).root)
]
#: Messages of the expressions that are errors.
MESSAGES = [vector.error.partition(" ")[2] for vector in VECTORS if vector.error is not None]
READ_WHERE_TRUE = {
    part.base.field.name
    for part, verdict, of_the_product in PARTS
    if verdict and of_the_product and isinstance(part, Access) and isinstance(part.base, FieldRef)
}
#: Operator and type of the left side, by verdict.
COMPARED = {
    (part.operator, _kind(str(part.left.type)), verdict)
    for part, verdict, _ in PARTS
    if isinstance(part, Comparison)
}
_OPERATORS = {text: operator for operator, texts in NOTATIONS.items() for text in texts}
# Behind a Bool a message shows the first word.
_OPERATORS["strict"] = Operator.STRICT_WILDCARD
REFUSED = {
    (_OPERATORS[found["operator"]], found.groupdict().get("type", "Bool"))
    for message in MESSAGES
    for pattern in (_NO_OPERATOR, _AFTER_BOOL)
    if (found := pattern.match(message)) and found["operator"] in _OPERATORS
}


@pytest.mark.parametrize("name", SCHEME.fields)
def test_a_field_is_read_by_a_vector_that_is_true(name: str) -> None:
    assert name in READ_WHERE_TRUE


@pytest.mark.parametrize("name", [name for name in SCHEME.refused if not name.endswith(".*")])
def test_a_refused_field_has_a_vector(name: str) -> None:
    assert f'the field "{name}" does not exist here: {SCHEME.refused[name]}' in MESSAGES


@pytest.mark.parametrize("family", [name for name in SCHEME.refused if name.endswith(".*")])
def test_a_refused_family_has_a_vector_for_a_name_of_its_own(family: str) -> None:
    reason = SCHEME.refused[family]
    pattern = re.compile(
        rf'the field "({re.escape(family[:-1])}[a-z0-9_.]+)" does not exist here: '
        + re.escape(reason)
    )
    names = {found[1] for message in MESSAGES if (found := pattern.fullmatch(message))}

    assert names - SCHEME.refused.keys()


@pytest.mark.parametrize(
    ("operator", "kind"),
    [*product(Operator, TYPES)],
    ids=lambda value: value if isinstance(value, str) else value.value,
)
def test_an_operator_has_vectors_for_each_type(operator: Operator, kind: str) -> None:
    """Both verdicts where it works on the type, an error where it does not."""
    if (operator, kind) in REFUSED:
        assert not {(operator, kind, True), (operator, kind, False)} & COMPARED
        return
    assert {(operator, kind, True), (operator, kind, False)} <= COMPARED


def test_bytes_that_are_no_text_are_given_wherever_bytes_can_be() -> None:
    kinds = {
        str(scheme_for(vector).fields[name].type)
        for vector in VECTORS
        for name, value in vector.given.items()
        if "'base64'" in str(value)
    }

    assert {"Bytes", "Array(Bytes)", "Map(Array(Bytes))"} <= kinds
