# SPDX-License-Identifier: Apache-2.0
"""Policies of API tokens: which permission groups, for which resources, as Cloudflare writes them.

    {"id": …, "permission_groups": ["…"], "resources": {"com.cloudflare.api.account.…": "*"}}

is how the store keeps one; the API says besides that its effect is `allow`, and what the groups are
called. What a policy allows is worked out each time from the groups that this program knows: one
that it does not know, or a resource that it cannot read, allows nothing. Whether what somebody
asks for can be kept at all is checked in `token_drafts`.
https://developers.cloudflare.com/fundamentals/api/how-to/create-via-api/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EVERY_ZONE,
    GROUP_OF,
    PERMISSION_GROUPS,
    Grant,
    Level,
    PermissionGroup,
    Scope,
    allows,
    grants_of_group,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: What stands for all of a kind, and the only value that a resource has.
EVERY: Final = "*"

_KEY: Final = re.compile(
    r"com\.cloudflare\.api\.(?P<kind>account\.zone|account|user)\.(?P<id>[0-9a-f]{32}|\*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDraft:
    """A policy as somebody asked for it; nothing of it is checked yet."""

    groups: tuple[str, ...]
    resources: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy of a token.

    Args:
        groups: identifiers of permission groups.
        resources: as the API has them.
    """

    id: str
    groups: tuple[str, ...]
    resources: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceName:
    """One entry of a policy's resources.

    Args:
        keys: its key, and that of what it is in, the outermost first.
        scope: None when it is none that there is.
        id: 32 hexadecimal digits or EVERY.
    """

    keys: tuple[str, ...]
    scope: Scope | None
    id: str = ""


def grants_of(policies: Iterable[Policy]) -> frozenset[Grant]:
    """What policies allow."""
    return frozenset(
        grant
        for policy in policies
        for name in names_in(policy.resources)
        for group in (GROUP_OF.get(one) for one in policy.groups)
        if group is not None and group.scope is name.scope
        for grant in grants_of_group(group, name.id if name.scope is Scope.ZONE else ACCOUNT_WIDE)
    )


def names_in(resources: Mapping[str, Any]) -> Iterator[ResourceName]:
    """Each resource that a policy names: zones can be named inside an account."""
    for key, value in resources.items():
        if not isinstance(value, dict):
            yield _named((key,), *(_read(key) if value == EVERY else (None, "")))
            continue
        outer, _ = _read(key)
        for inner, below in value.items():
            scope, identifier = _read(inner)
            if outer is not Scope.ACCOUNT or scope is not Scope.ZONE or below != EVERY:
                scope = None
            yield _named((key, inner), scope, identifier)


def id_in(key: str) -> str:
    """Of which account, zone or user a key is; empty for one that is none."""
    return _read(key)[1]


def stored(policies: Iterable[Policy]) -> tuple[dict[str, Any], ...]:
    """Policies as the store keeps them."""
    return tuple(
        {"id": one.id, "permission_groups": list(one.groups), "resources": dict(one.resources)}
        for one in policies
    )


def policies_of(scopes: Iterable[Mapping[str, Any]]) -> tuple[Policy, ...]:
    """Policies out of the store; what does not look like one is left out, and allows nothing."""
    return tuple(
        Policy(
            id=str(one.get("id", "")),
            groups=tuple(str(group) for group in one["permission_groups"]),
            resources=one["resources"],
        )
        for one in scopes
        if isinstance(one.get("permission_groups"), list) and isinstance(one.get("resources"), dict)
    )


def policy_object(policy: Policy) -> dict[str, Any]:
    """A policy as the API gives it."""
    groups = (
        {"id": one, "name": GROUP_OF[one].name} if one in GROUP_OF else {"id": one}
        for one in policy.groups
    )
    return {
        "id": policy.id,
        "effect": "allow",
        "permission_groups": list(groups),
        "resources": dict(policy.resources),
    }


def drafts_for(grants: Iterable[Grant], account_id: str) -> list[PolicyDraft]:
    """The fewest permission groups that allow these; a group may allow a little more.

    Raises:
        InvalidInputError: no group allows one of them.
    """
    # What goes further comes first, so that it makes the rest superfluous.
    order = sorted(
        set(grants),
        key=lambda one: (
            one.level is Level.READ,
            one.place not in {EVERY_ZONE, ACCOUNT_WIDE},
            one.place,
            one.resource,
        ),
    )
    chosen: dict[tuple[Scope, str], list[PermissionGroup]] = {}
    covered: frozenset[Grant] = frozenset()
    for grant in order:
        if allows(covered, grant):
            continue
        group, place = _group_for(grant)
        chosen.setdefault((group.scope, place), []).append(group)
        covered |= grants_of_group(group, place)
    return [
        PolicyDraft(
            groups=tuple(one.id for one in PERMISSION_GROUPS if one in groups),
            resources=_resources(scope, place, account_id),
        )
        for (scope, place), groups in sorted(chosen.items())
    ]


def _named(keys: tuple[str, ...], scope: Scope | None, identifier: str) -> ResourceName:
    return ResourceName(keys=keys, scope=scope, id=identifier)


def _read(key: str) -> tuple[Scope | None, str]:
    found = _KEY.fullmatch(key)
    if found is None:
        return None, ""
    return Scope(f"com.cloudflare.api.{found['kind']}"), found["id"]


def _group_for(grant: Grant) -> tuple[PermissionGroup, str]:
    """The group that allows a grant and the least besides, and where it has to be given."""
    fitting = []
    for group in PERMISSION_GROUPS:
        place = grant.place
        if group.scope is Scope.ZONE and place == ACCOUNT_WIDE:
            # What is the account's can come with every zone: making one.
            place = EVERY_ZONE
        elif group.scope is not Scope.ZONE and place != ACCOUNT_WIDE:
            continue
        given = grants_of_group(group, place)
        if allows(given, grant):
            fitting.append((len(given), place, group))
    if not fitting:
        where = "the account" if grant.place == ACCOUNT_WIDE else "zones"
        raise InvalidInputError(
            f"no permission group allows to {grant.level} {grant.resource} of {where}",
            hint="GET /user/tokens/permission_groups lists what there is",
        )
    _, place, group = min(fitting, key=lambda one: one[0])
    return group, place


def _resources(scope: Scope, place: str, account_id: str) -> dict[str, Any]:
    if scope is not Scope.ZONE:
        return {f"{scope}.{account_id}": EVERY}
    if place == EVERY_ZONE:
        return {f"{Scope.ACCOUNT}.{account_id}": {f"{Scope.ZONE}.{EVERY}": EVERY}}
    return {f"{Scope.ZONE}.{place}": EVERY}
