# SPDX-License-Identifier: Apache-2.0
"""`If-Match` and `If-None-Match`: a call honours them, or refuses them; none passes over them.

Whoever sends one counts on it that nothing of somebody else's is replaced. Calls that honour
`If-Match` take `Matching` (rulesets: api.rulesets); all others depend on `unconditional`.
https://www.rfc-editor.org/rfc/rfc9110#section-13.1
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, Header, Request

from authz.api.problems import INVALID_REQUEST, ApiError
from authz.services.preconditions import Precondition

if TYPE_CHECKING:
    from fastapi import Response

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = ("If-Match", "If-None-Match", "If-Unmodified-Since")

_CHARACTERS: Final = r"[\x21\x23-\x7e\x80-\xff]*"
_TAG: Final = re.compile(rf'(W/)?"({_CHARACTERS})"')
_TAGS: Final = re.compile(rf'[\s,]*(?:(?:W/)?"{_CHARACTERS}"\s*(?:,[\s,]*|$))+')


def strong_tags(if_match: str) -> frozenset[str] | None:
    """The entity tags of `If-Match`, without quotes; None for `*`, which any matches.

    Weak ones are left out: they never match here (RFC 9110 §13.1.1).

    Raises:
        ApiError: these are no entity tags (400).
    """
    if if_match.strip() == "*":
        return None
    if not _TAGS.fullmatch(if_match):
        raise ApiError(
            400,
            INVALID_REQUEST,
            'If-Match has no entity tags, in quotes, as ETag gave them: "7", or "7", "8"',
        )
    return frozenset(tag for weak, tag in _TAG.findall(if_match) if not weak)


def unconditional(request: Request) -> None:
    """Of calls that honour no precondition; raises ApiError where one is set (400)."""
    if request.method not in _READING:
        _refuse(request, _HEADERS)


def _precondition(
    request: Request,
    if_match: Annotated[
        str | None, Header(description="The entity tag of what is to be replaced; `*` for any.")
    ] = None,
) -> Precondition | None:
    _refuse(request, _HEADERS[1:])
    return None if if_match is None else Precondition(tags=strong_tags(if_match))


def _refuse(request: Request, headers: tuple[str, ...]) -> None:
    for name in headers:
        if name in request.headers:
            raise ApiError(
                400,
                INVALID_REQUEST,
                f"this call does not support {name}: leave it out (whoever writes last wins)",
            )


def tagged(response: Response, tag: str) -> None:
    """Name the state of what is answered with."""
    response.headers["ETag"] = f'"{tag}"'


#: What a call must find there; None: anything.
Matching = Annotated[Precondition | None, Depends(_precondition)]
