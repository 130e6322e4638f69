# SPDX-License-Identifier: Apache-2.0
"""Nobody is locked out by the API; the rest of token_checks is tested with tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError
from authz.services.permissions import EVERYTHING, Grant, Level, Resource
from authz.services.tokens import create_token, has_manager, revoke_token, update_token
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

READS = Grant(resource=Resource.TOKENS, level=Level.READ, place="account")


def manager(world: World, **more: Any) -> str:
    return create_token(world.store, "m", EVERYTHING, actor="t", at=AT, **more).token.id


def change(world: World, token_id: str, **more: Any) -> None:
    given: dict[str, Any] = {"name": "m", "granted": EVERYTHING, "within": EVERYTHING, **more}
    update_token(world.store, token_id, actor="t", at=AT, **given)


@pytest.mark.parametrize(
    "more",
    [
        {"disabled": True},
        {"expires_at": AT + 9},
        {"not_before": AT + 9},
        {"granted": [READS]},
    ],
)
def test_the_last_that_may_write_tokens_goes_on_to(world: World, more: dict[str, Any]) -> None:
    last = manager(world)
    # Neither of them is enough: one ends by itself, one may only read.
    manager(world, expires_at=AT + 100)
    create_token(world.store, "r", [READS], actor="t", at=AT)

    with pytest.raises(ConflictError, match="last token"):
        change(world, last, **more)
    with pytest.raises(ConflictError, match="last token"):
        revoke_token(world.store, last, within=EVERYTHING, actor="t", at=AT)
    assert has_manager(world.store, AT)

    manager(world)
    change(world, last, **more)
    assert has_manager(world.store, AT)


def test_one_that_may_only_write_tokens_is_not_enough(world: World) -> None:
    last = manager(world)
    manages = Grant(resource=Resource.TOKENS, level=Level.WRITE, place="account")
    weak = create_token(world.store, "w", [manages], actor="t", at=AT).token.id

    with pytest.raises(ConflictError, match="last token without an end that may do everything"):
        change(world, last, granted=[manages])
    with pytest.raises(ConflictError, match="may do everything"):
        revoke_token(world.store, last, within=EVERYTHING, actor="t", at=AT)

    # Where there is none that may do everything, the weaker one is what is left.
    revoke_token(world.store, last, actor="t", at=AT)
    with pytest.raises(ConflictError, match="may write API tokens"):
        revoke_token(world.store, weak, within=EVERYTHING, actor="t", at=AT)


def test_whoever_has_the_store_ends_the_last_one_too(world: World) -> None:
    last = manager(world)

    revoke_token(world.store, last, actor="t", at=AT)

    assert not has_manager(world.store, AT)


def test_where_there_is_no_lasting_one_nothing_is_refused(world: World) -> None:
    only = manager(world, expires_at=AT + 9)

    revoke_token(world.store, only, within=EVERYTHING, actor="t", at=AT)
