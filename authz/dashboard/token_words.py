# SPDX-License-Identifier: Apache-2.0
"""What a token may do, in words: names of permission groups, and where they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.services.permissions import EVERYTHING, GROUP_OF, Scope, exceeding
from authz.services.token_policies import EVERY, grants_of, names_in, policies_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.services.token_policies import Policy
    from authz.store.records import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Some permissions in one place.

    Args:
        where: "every zone", "the zone example.com", "the account".
        groups: names, and what each allows.
    """

    where: str
    groups: tuple[tuple[str, str], ...]


def words_of(token: Token, zone_names: Mapping[str, str]) -> tuple[Words, ...]:
    """What a token may do, place by place; nothing for one that may do nothing.

    Args:
        zone_names: names of zones by identifier; others are called by theirs.
    """
    found: dict[str, dict[str, str]] = {}
    for policy in policies_of(token.scopes):
        for where, groups in _of_policy(policy, zone_names):
            found.setdefault(where, {}).update(groups)
    return tuple(
        Words(where=where, groups=tuple(groups.items())) for where, groups in found.items()
    )


def may_do_everything(token: Token) -> bool:
    """Whether there is nothing that it may not do."""
    return not exceeding(grants_of(policies_of(token.scopes)), EVERYTHING)


def _of_policy(policy: Policy, zone_names: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    found = []
    for name in names_in(policy.resources):
        groups = [GROUP_OF[one] for one in policy.groups if one in GROUP_OF]
        fitting = {one.name: one.description for one in groups if one.scope is name.scope}
        if fitting:
            found.append((_place(name.scope, name.id, zone_names), fitting))
    return found


def _place(scope: Scope | None, identifier: str, zone_names: Mapping[str, str]) -> str:
    if scope is Scope.ZONE:
        if identifier == EVERY:
            return "every zone"
        return f"the zone {zone_names.get(identifier, identifier)}"
    return "the account" if scope is Scope.ACCOUNT else "API tokens"
