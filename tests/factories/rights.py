# SPDX-License-Identifier: Apache-2.0
"""Every kind of token that there is, for tests of who may do what.

The verdict (`may`) is worked out here once more, from the words of the table alone, so that a
mistake in the service's own comparison of permissions would be seen.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.dashboard.token_offer import PRESETS
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EDITING,
    EVERY_ZONE,
    EVERYTHING,
    GROUP_OF,
    PERMISSION_GROUPS,
    READING,
    Grant,
    Scope,
    grants_of_group,
)
from authz.services.privileges import Of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authz.services.privileges import Privilege, Row

#: For parameters of a path that are no zone's or account's: nothing is there of this name.
NOTHING: Final = "f" * 32

#: Stands for the zone that is asked for in the grants below, and this one for another one.
HERE: Final = "here"
ELSEWHERE: Final = "elsewhere"


def filled(path: str) -> str:
    """A path with its parameters; zone and account are left to the bench, nothing else is there."""
    path = path.replace("{zone_id}", "{zone}").replace("{account_id}", "{account}")
    return re.sub(r"\{(?!zone\}|account\})[^}]*\}", NOTHING, path)


def _kinds() -> Mapping[str, frozenset[Grant]]:
    """What people are given together, the edges, and each permission group in each place."""
    elsewhere = _every(Scope.ZONE, ELSEWHERE)
    account = _every(Scope.ACCOUNT, ACCOUNT_WIDE) | _every(Scope.USER, ACCOUNT_WIDE)
    found = {
        "role reader": READING,
        "role editor": EDITING,
        "role admin": EVERYTHING,
        "another zone's": elsewhere,
        "another zone's and the account's": elsewhere | account,
        "everything of this zone": _every(Scope.ZONE, HERE),
        "everything of the account": account,
        **{f"preset {key}": _of_groups(groups) for key, (_, _, groups) in PRESETS.items()},
    }
    for group in PERMISSION_GROUPS:
        # A token is given groups: nothing smaller.
        for place in (HERE, EVERY_ZONE) if group.scope is Scope.ZONE else (ACCOUNT_WIDE,):
            found[f"{group.name} of {place}"] = grants_of_group(group, place)
    # Several names allow the same: the first of each.
    first = {grants: name for name, grants in reversed(found.items())}
    return MappingProxyType({name: one for name, one in found.items() if first[one] == name})


def _every(scope: Scope, place: str) -> frozenset[Grant]:
    groups = (one for one in PERMISSION_GROUPS if one.scope is scope)
    return frozenset(grant for one in groups for grant in grants_of_group(one, place))


def _of_groups(groups: Iterable[str]) -> frozenset[Grant]:
    found: frozenset[Grant] = frozenset()
    for group in (GROUP_OF[one] for one in groups):
        place = EVERY_ZONE if group.scope is Scope.ZONE else ACCOUNT_WIDE
        found |= grants_of_group(group, place)
    return found


#: Names of tokens, and what each may.
KINDS: Final = _kinds()


def placed(grants: Iterable[Grant], here: str, elsewhere: str) -> frozenset[Grant]:
    """Grants with real zones."""
    zones = {HERE: here, ELSEWHERE: elsewhere}
    return frozenset(
        Grant(resource=one.resource, level=one.level, place=zones.get(one.place, one.place))
        for one in grants
    )


def may(row: Row, grants: Iterable[Grant]) -> bool:
    """Whether the table lets a token with these grants do this in HERE."""
    held = {(one.resource.value, one.level.value, one.place) for one in grants}
    return all(_held(one, held) for one in row.needs or ())


def _held(needed: Privilege, held: set[tuple[str, str, str]]) -> bool:
    places = (HERE, EVERY_ZONE) if needed.of is Of.ZONE else (ACCOUNT_WIDE,)
    levels = ("write",) if needed.level.value == "write" else ("read", "write")
    return any((needed.resource.value, how, where) in held for how in levels for where in places)
