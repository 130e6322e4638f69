# SPDX-License-Identifier: Apache-2.0
"""Ending every way into the management API and the dashboard, but one that is new."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.errors import NotFoundError
from authz.services.permissions import EVERYTHING
from authz.services.sign_ins import end_sessions, every_session
from authz.services.tokens import create_token, list_tokens, revoke_token

if TYPE_CHECKING:
    from authz.services.tokens import MadeToken
    from authz.store.engine import Store

#: What people will know the new token by.
NAME = "after an incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOut:
    """What was ended, and the token that may do everything from now on."""

    tokens: int
    sessions: int
    made: MadeToken


def end_everything(store: Store, *, actor: str, at: float) -> LockOut:
    """End every token and session, and make one new token.

    The new one comes first, so that there is always somebody who may manage. Sessions end before
    tokens, for a person who is signed in may make tokens as well; and whoever makes one while
    others end, finds that ended, too: it goes on until nothing is left. What a token does while it
    is being ended is judged once more when it is its turn to write.
    """
    made = create_token(store, NAME, EVERYTHING, actor=actor, at=at)
    sessions = tokens = 0
    while True:
        open_here = every_session(store, idle=math.inf, at=at)
        sessions += len(end_sessions(store, open_here, actor=actor, at=at))
        there = [one for one in list_tokens(store) if one.id != made.token.id]
        if not there and not open_here:
            return LockOut(tokens=tokens, sessions=sessions, made=made)
        for token in there:
            try:
                revoke_token(store, token.id, actor=actor, at=at)
            except NotFoundError:
                # Its holder ended it meanwhile.
                continue
            tokens += 1
