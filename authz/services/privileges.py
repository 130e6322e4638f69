# SPDX-License-Identifier: Apache-2.0
"""What calls of the API and pages of the dashboard say that they need.

Whatever checks a permission before a call or a page begins is marked with it, and everything that
lists privileges, or tests them, reads the marks: docs/reference/privileges.md, and the tests of
rights, which try every kind of token on every route.

    check = needing(check, Privilege(resource=Resource.RULES, level=Level.READ, of=Of.ZONE))
    needs(route.dependant, route.path)

What a call asks for beyond that, because of what is in it, it asks for while it works (a token that
is made may do no more than the one that makes it), and each such thing has a test of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MARK: Final = "__privilege__"
_ZONE: Final = "{zone_id}"

_Check = TypeVar("_Check", bound="Callable[..., Any]")


class Of(StrEnum):
    """Whose permission it is."""

    ZONE = "zone"
    ACCOUNT = "account"
    #: The zone's where the path names one, else the account's.
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Privilege:
    """One permission, of the zone in the path or of the account."""

    resource: Resource
    level: Level
    of: Of

    def grant(self, zone_id: str) -> Grant:
        """As a token has it, where this zone is in the path."""
        assert self.of is not Of.PATH, "`needs` settles it"
        place = zone_id if self.of is Of.ZONE else ACCOUNT_WIDE
        return Grant(resource=self.resource, level=self.level, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one method of one path needs.

    Args:
        needs: every permission of it; () where a valid token is enough, None where none is needed.
    """

    method: str
    path: str
    needs: tuple[Privilege, ...] | None


class Dependant(Protocol):
    """What a route depends on, as FastAPI knows it."""

    @property
    def call(self) -> Callable[..., Any] | None:
        """What is called."""

    @property
    def dependencies(self) -> Sequence[Dependant]:
        """What that depends on."""


def needing(check: _Check, privilege: Privilege) -> _Check:
    """Mark a function that makes sure that somebody has a permission."""
    vars(check)[_MARK] = privilege
    return check


def row(method: str, path: str, dependant: Dependant | None, known: Callable[..., Any]) -> Row:
    """The row of a route.

    Args:
        dependant: None for one that asks nothing.
        known: what makes sure that somebody is known.
    """
    if dependant is None or not depends_on(dependant, known):
        return Row(method=method, path=path, needs=None)
    return Row(method=method, path=path, needs=needs(dependant, path))


def needs(dependant: Dependant, path: str) -> tuple[Privilege, ...]:
    """Every permission that a route needs, each once; none where a valid token is enough."""
    has_zone = _ZONE in path
    return tuple(
        dict.fromkeys(
            Privilege(
                resource=one.resource,
                level=one.level,
                of=(Of.ZONE if has_zone else Of.ACCOUNT) if one.of is Of.PATH else one.of,
            )
            for one in _marks(dependant)
        )
    )


def depends_on(dependant: Dependant, check: Callable[..., Any]) -> bool:
    """Whether a route calls this function before it begins, at any depth."""
    return any(one.call is check or depends_on(one, check) for one in dependant.dependencies)


def _marks(dependant: Dependant) -> Iterator[Privilege]:
    for one in dependant.dependencies:
        mark = getattr(one.call, _MARK, None)
        if mark is not None:
            yield mark
        yield from _marks(one)
