# SPDX-License-Identifier: Apache-2.0
"""What is refused of changes to tokens: going further than whoever asks, times without sense, and
locking everybody out.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError, ForbiddenError, InvalidInputError
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EVERY_ZONE,
    EVERYTHING,
    Grant,
    Level,
    Resource,
    exceeding,
    group_for,
)
from authz.services.times import rfc3339_seconds
from authz.services.token_policies import grants_of, policies_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.records import Token
    from authz.store.session import Session

#: Of who may manage tokens.
_MANAGES: Final = Grant(resource=Resource.TOKENS, level=Level.WRITE, place=ACCOUNT_WIDE)

#: The last moment that can be written down (RFC 3339): the end of the year 9999.
_LAST: Final = 253_402_300_799.0

#: What a place that is no zone's identifier is called.
_PLACES: Final[Mapping[str, str]] = MappingProxyType(
    {EVERY_ZONE: "every zone", ACCOUNT_WIDE: "the account"}
)


def check_within(within: frozenset[Grant] | None, wanted: frozenset[Grant]) -> None:
    """Make sure that a token may do no more than whoever makes or manages it.

    Also before one is rolled: whoever gets the secret of a token may do what it may.

    Args:
        within: None for whoever has the store, and may do anything.

    Raises:
        ForbiddenError: it may.
    """
    if within is None:
        return
    more = exceeding(within, wanted)
    if more:
        first = more[0]
        raise ForbiddenError(
            f'the token may not do that itself: it lacks "{group_for(first).name}" of '
            f"{_PLACES.get(first.place, first.place)}",
            hint="a token manages only those that may do no more than it may; use another one, or "
            "authz token",
        )


def check_end(until: float | None, expires_at: float | None) -> None:
    """Make sure that a token lasts no longer than whoever makes, changes or rolls it.

    Or one that was given for a day would make itself, or another one, that stays.

    Args:
        until: when the token of whoever asks ends (Unix seconds), None for never.

    Raises:
        InvalidInputError: it would last longer.
    """
    if until is not None and (expires_at is None or expires_at > until):
        raise InvalidInputError(
            "the token would last longer than the one that asks",
            hint=f"expires_on has to be {rfc3339_seconds(until)} or before, or use a token that "
            "lasts longer",
            where="/expires_on",
        )


def check_times(
    not_before: float | None, expires_at: float | None, at: float, before: Token | None = None
) -> None:
    """Make sure that a token will be valid at some time.

    Args:
        before: the token as it was.

    Raises:
        InvalidInputError: it never would, or the moment cannot be written down.
    """
    for name, moment in (("not_before", not_before), ("expires_on", expires_at)):
        if moment is not None and not 0 <= moment <= _LAST:
            raise InvalidInputError(
                f"{name} is no moment to write down", hint="1970 to 9999", where=f"/{name}"
            )
    if expires_at is None:
        return
    # What has expired may be changed otherwise without being asked for another end.
    if expires_at <= at and (before is None or before.expires_at != expires_at):
        raise InvalidInputError(
            "expires_on is in the past", hint="name a later moment", where="/expires_on"
        )
    if not_before is not None and not_before >= expires_at:
        raise InvalidInputError(
            "the token would never be valid",
            hint="not_before has to be before expires_on",
            where="/not_before",
        )


def keep_a_manager(
    session: Session, changed: Token, within: frozenset[Grant] | None, at: float
) -> None:
    """Make sure that the API does not lock everybody out, now or on some later day.

    One that expires is not enough, and neither is one that may only write tokens where there is one
    that may do everything: it could give nobody anything else. Whoever has the command can
    always make another, and must be able to end one that leaked, whichever it is.

    Raises:
        ConflictError: it would.
    """
    if within is None:
        return
    now = session.tokens.all()
    then = [changed if one.id == changed.id else one for one in now]
    for needed, what in (
        (EVERYTHING, "do everything"),
        (frozenset({_MANAGES}), "write API tokens"),
    ):
        if any(manages_on(one, at, needed) for one in now) and not any(
            manages_on(one, at, needed) for one in then
        ):
            raise ConflictError(
                f"it is the last token without an end that may {what}",
                hint="make another one first, or use authz token",
            )


def manages_on(token: Token, at: float, needed: frozenset[Grant] = frozenset({_MANAGES})) -> bool:
    """Whether a token may manage tokens, and goes on to.

    Args:
        needed: what it has to be allowed, managing tokens among it.
    """
    return (
        token.revoked_at is None
        and token.disabled_at is None
        and token.expires_at is None
        and (token.not_before is None or token.not_before <= at)
        and not exceeding(grants_of(policies_of(token.scopes)), needed)
    )
