# SPDX-License-Identifier: Apache-2.0
"""All vectors of the Rules language, each parsed with the scheme and the lists that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.policy import fields
from authz.rules import ListKind, ListModel, compile_list, parse
from tests.factories.rule_vectors import RuleVector, read_rule_vectors
from tests.factories.schemes import SCHEME, SCHEMES

if TYPE_CHECKING:
    from authz.rules import Expression, Scheme

FILES: Final = sorted((Path(__file__).parents[1] / "vectors" / "rules").glob("*.rules"))
VECTORS: Final = [vector for file in FILES for vector in read_rule_vectors(file)]
BY_NAME: Final = {"small": SCHEME, "product": fields.SCHEME}


def scheme_for(vector: RuleVector) -> Scheme:
    """The scheme that schemes.json names for the file, the small one where it names none."""
    return BY_NAME[SCHEMES["files"].get(vector.id.partition("/")[0], "small")]


def parsed(vector: RuleVector, source: str | None = None) -> Expression:
    """The vector's expression, or another one in its place. Raises ExpressionError."""
    lists = {
        name: compile_list(ListModel(name=name, kind=ListKind(kind), items=tuple(items)))
        for name, (kind, items) in vector.lists.items()
    }
    return parse(vector.source if source is None else source, scheme_for(vector), lists)
