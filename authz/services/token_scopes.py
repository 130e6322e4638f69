# SPDX-License-Identifier: Apache-2.0
"""What a token may do, as people write it for the command: `certificates:write@example.com`.

    WHAT:read|write           wherever there is such a thing: in every zone, and in the account
    WHAT:read|write@ZONE      in one zone, by its name or identifier
    WHAT:read|write@*         in every zone, those made later as well
    WHAT:read|write@account   what is the account's and no zone's

The API has permission groups and policies instead (`token_policies`); this becomes those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError
from authz.services.context import zone_of
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EVERY_ZONE,
    EVERYTHING,
    PERMISSION_GROUPS,
    Grant,
    Level,
    Resource,
    Scope,
    exceeding,
)
from authz.settings.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authz.store.engine import Store
    from authz.store.session import Session

#: What there is, as people call it.
WORDS: Final = {one.name.lower(): one for one in Resource}
_FORM: Final = "write WHAT:read or WHAT:write, and @ZONE behind it for one zone"


def grants_of_scopes(store: Store, scopes: Iterable[str]) -> frozenset[Grant]:
    """What these scopes allow.

    Raises:
        InvalidInputError: one cannot be read, or there is no such permission there.
        NotFoundError: there is no such zone.
    """
    with store.read() as session:
        return frozenset(grant for scope in scopes for grant in _read(session, scope))


def scopes_of(grants: frozenset[Grant], zone_names: Mapping[str, str]) -> list[str]:
    """The same the other way round, for people; what write includes is left out.

    Args:
        zone_names: names of zones by identifier.
    """
    if not exceeding(grants, EVERYTHING):
        return ["everything"]
    shown = [one for one in grants if not _included(grants, one)]
    words = {resource: word for word, resource in WORDS.items()}
    return sorted(
        f"{words[one.resource]}:{one.level}@{zone_names.get(one.place, one.place)}" for one in shown
    )


def _read(session: Session, scope: str) -> list[Grant]:
    permission, at, place = scope.partition("@")
    word, _, level = permission.partition(":")
    if word not in WORDS:
        raise InvalidInputError(
            f'"{word}" is nothing that a token can be for', hint=did_you_mean(word, WORDS)
        )
    if level not in list(Level) or (at and not place):
        raise InvalidInputError(f'the scope "{scope}" cannot be read', hint=_FORM)
    resource = WORDS[word]
    there = _places_of(resource, Level(level))
    if not there:
        raise InvalidInputError(
            f"there is no permission to {level} {word}", hint=f"{word}:read is all that there is"
        )
    if at and place not in {EVERY_ZONE, ACCOUNT_WIDE}:
        place = zone_of(session, place).id
    kind = place if place == ACCOUNT_WIDE else EVERY_ZONE
    if at and kind not in there:
        other = "of the account" if kind == EVERY_ZONE else "in zones"
        raise InvalidInputError(
            f'"{scope}": {word} are only {other}', hint=f"write {word}:{level} alone"
        )
    return [
        Grant(resource=resource, level=Level(level), place=one)
        for one in ([place] if at else sorted(there))
    ]


def _places_of(resource: Resource, level: Level) -> set[str]:
    """Whether something is in zones, in the account, or in both."""
    return {
        EVERY_ZONE if group.scope is Scope.ZONE else ACCOUNT_WIDE
        for group in PERMISSION_GROUPS
        if (resource, level) in group.permits
    }


def _included(grants: frozenset[Grant], one: Grant) -> bool:
    """Whether the others say it already."""
    return not exceeding(grants - {one}, [one]) or (
        # Making zones comes with every zone.
        one.place == ACCOUNT_WIDE
        and EVERY_ZONE in _places_of(one.resource, one.level)
        and ACCOUNT_WIDE not in _places_of(one.resource, one.level)
    )
