# SPDX-License-Identifier: Apache-2.0
"""Ending every way into the management API and the dashboard, but one that is new."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

    The new one comes first, so that there is always somebody who may manage; who was signed in by
    a token is out with it, and sessions of a provider's people end last. What a token does while it
    is being ended is judged once more when it is its turn to write.
    """
    there = list_tokens(store)
    made = create_token(store, NAME, EVERYTHING, actor=actor, at=at)
    for token in there:
        revoke_token(store, token.id, actor=actor, at=at)
    sessions = end_sessions(store, every_session(store, idle=math.inf, at=at), actor=actor, at=at)
    return LockOut(tokens=len(there), sessions=len(sessions), made=made)
