# SPDX-License-Identifier: Apache-2.0
"""Every token and session ends, and one new token is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from authz.services.authentication import status_of
from authz.services.lock_out import NAME, end_everything
from authz.services.permissions import EVERYTHING, READING
from authz.services.sign_ins import every_session
from authz.services.tokens import create_token, list_tokens
from authz.store.records import SignIn
from tests.factories.pki import AT

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from authz.store.engine import Store
    from authz.store.session import Session
    from tests.unit.services.conftest import World


def test_only_the_new_token_is_left(world: World) -> None:
    for name, grants in (("admin", EVERYTHING), ("reader", READING)):
        create_token(world.store, name, grants, actor="tester", at=AT)
    sign_in(world.store)

    done = end_everything(world.store, actor="tester", at=AT)

    (left,) = list_tokens(world.store)
    assert (left.id, left.name, status_of(left, AT)) == (done.made.token.id, NAME, "active")
    assert (done.tokens, done.sessions) == (2, 1)
    assert every_session(world.store, idle=9999.0, at=AT) == []


def test_people_are_out_before_the_first_token_ends(world: World) -> None:
    """Whoever is signed in can make tokens as long as that lasts."""
    create_token(world.store, "admin", EVERYTHING, actor="tester", at=AT)
    sign_in(world.store)

    end_everything(world.store, actor="tester", at=AT)

    actions = [one.action for one in reversed(world.audited())]
    assert [one for one in actions if one in ("sign out", "token.revoke")] == [
        "sign out",
        "token.revoke",
    ]


class Racing:
    """A store in which the leaked token makes one more before each change, three times in all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left = 3

    def read(self) -> AbstractContextManager[Session]:
        return self._store.read()

    def note(self) -> AbstractContextManager[Session]:
        if self._left:
            self._left -= 1
            create_token(self._store, f"made {self._left}", EVERYTHING, actor="thief", at=AT)
        return self._store.note()


def test_what_a_leaked_token_makes_meanwhile_ends_too(world: World) -> None:
    create_token(world.store, "leaked", EVERYTHING, actor="tester", at=AT)

    done = end_everything(cast("Store", Racing(world.store)), actor="tester", at=AT)

    assert [one.id for one in list_tokens(world.store)] == [done.made.token.id]
    assert done.tokens == 4


def sign_in(store: Store) -> None:
    with store.note() as session:
        session.sign_ins.add(
            SignIn(
                id="a" * 32,
                sha256="b" * 64,
                name="somebody",
                token_id=None,
                subject="somebody",
                grants=(),
                address="",
                agent="",
                created_at=AT,
                last_used_at=AT,
                expires_at=AT + 9999,
            )
        )
