# SPDX-License-Identifier: Apache-2.0
"""Every token and session ends, and one new token is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.authentication import status_of
from authz.services.lock_out import NAME, end_everything
from authz.services.permissions import EVERYTHING, READING
from authz.services.sign_ins import every_session
from authz.services.tokens import create_token, list_tokens
from authz.store.records import SignIn
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_only_the_new_token_is_left(world: World) -> None:
    for name, grants in (("admin", EVERYTHING), ("reader", READING)):
        create_token(world.store, name, grants, actor="tester", at=AT)
    with world.store.note() as session:
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

    done = end_everything(world.store, actor="tester", at=AT)

    (left,) = list_tokens(world.store)
    assert (left.id, left.name, status_of(left, AT)) == (done.made.token.id, NAME, "active")
    assert (done.tokens, done.sessions) == (2, 1)
    assert every_session(world.store, idle=9999.0, at=AT) == []
