# SPDX-License-Identifier: Apache-2.0
"""A zone's rules with something changed in them."""

from __future__ import annotations

import pytest

from authz.errors import InvalidInputError
from authz.services.simulation_drafts import (
    TRIED,
    with_expression,
    with_rule_in_front,
)

_RULES = [
    {"id": "1", "ref": "a", "expression": "ssl", "action": "block", "enabled": False},
    {"id": "2", "ref": "b", "expression": "ssl", "action": "log"},
]


def test_a_rule_stands_in_front_of_the_others() -> None:
    first, *others = with_rule_in_front(_RULES, "not ssl", action="log")

    assert (first["ref"], first["expression"], first["action"]) == (TRIED, "not ssl", "log")
    assert others == _RULES


def test_it_has_a_name_of_its_own() -> None:
    taken = [{"ref": TRIED, "id": "1"}, {"ref": f"{TRIED}_", "id": "2"}]

    assert with_rule_in_front(taken, "ssl")[0]["ref"] == f"{TRIED}__"


def test_an_expression_is_another_one_and_counts() -> None:
    changed, same = with_expression(_RULES, "1", "not ssl")

    assert changed == {**_RULES[0], "expression": "not ssl", "enabled": True}
    assert same == _RULES[1]


def test_a_rule_that_is_gone_is_told() -> None:
    with pytest.raises(InvalidInputError, match="not there any more"):
        with_expression(_RULES, "3", "ssl")
