# SPDX-License-Identifier: Apache-2.0
"""Rules that are tried before they are deployed: a zone's rules with something changed in them.

What comes of it are rules as the API takes them, for `simulate`; they are checked there as a
deployment would check them, and nothing is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rules = Sequence[Mapping[str, Any]]

#: The name of a rule that is tried in front of the others.
TRIED: Final = "tried"


def with_rule_in_front(
    rules: Rules, expression: str, *, action: str = "block"
) -> list[dict[str, Any]]:
    """These rules behind another one."""
    taken = {ref_of(one) for one in rules}
    ref = TRIED
    while ref in taken:
        ref += "_"
    return [
        {"ref": ref, "description": "", "expression": expression, "action": action},
        *map(dict, rules),
    ]


def with_expression(rules: Rules, rule_id: str, expression: str) -> list[dict[str, Any]]:
    """These rules with another expression in one of them, which is enabled.

    Raises:
        InvalidInputError: there is no rule of this identifier.
    """
    if all(one.get("id") != rule_id for one in rules):
        raise InvalidInputError(
            "the rule whose expression is tried is not there any more",
            hint="choose another one, or try the expression in front of all rules",
        )
    return [
        {**one, "expression": expression, "enabled": True}
        if one.get("id") == rule_id
        else dict(one)
        for one in rules
    ]
