# SPDX-License-Identifier: Apache-2.0
"""Tokens of two nodes that share a store, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from authz.errors import ConflictError, UnauthenticatedError
from authz.services.authentication import authenticate
from authz.services.first_token import first_token
from authz.services.permissions import EVERYTHING
from authz.services.token_use import TokenUse
from authz.services.tokens import (
    create_token,
    has_manager,
    list_tokens,
    revoke_token,
    roll_token,
    update_token,
)
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.store.engine import Store
    from tests.contract.conftest import Place


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What calls return or raise that begin at the same time."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except ConflictError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_one_of_two_nodes_makes_the_first_token(place: Place, store: Store, tmp_path: Path) -> None:
    nodes = [tmp_path / name for name in "ab"]
    for node in nodes:
        node.mkdir()
    with closing(place.open()) as other:
        made = at_once(
            lambda: first_token(store, nodes[0], at=AT),
            lambda: first_token(other, nodes[1], at=AT),
        )

    assert len(list_tokens(store)) == 1
    assert [one for one in made if one is not None] == [
        node / "admin-token" for node in nodes if (node / "admin-token").exists()
    ]
    assert made.count(None) == 1


@pytest.mark.parametrize("_again", range(3))
def test_two_nodes_together_do_not_lock_everybody_out(
    place: Place, store: Store, _again: int
) -> None:
    ids = [create_token(store, n, EVERYTHING, actor="t", at=AT).token.id for n in "ab"]
    with closing(place.open()) as other:
        ended = at_once(
            lambda: revoke_token(store, ids[0], within=EVERYTHING, actor="t", at=AT),
            lambda: revoke_token(other, ids[1], within=EVERYTHING, actor="t", at=AT),
        )

    assert [isinstance(one, ConflictError) for one in ended].count(True) == 1
    assert has_manager(store, AT)


def test_what_one_node_does_counts_in_the_next_call_of_the_other(
    place: Place, store: Store
) -> None:
    with closing(place.open()) as other:
        made = create_token(store, "x", EVERYTHING, actor="t", at=AT)
        assert authenticate(other, made.secret, at=AT).token_id == made.token.id

        rolled = roll_token(store, made.token.id, actor="t", at=AT)
        with pytest.raises(UnauthenticatedError, match="not known"):
            authenticate(other, made.secret, at=AT)

        update_token(
            store, made.token.id, name="x", granted=EVERYTHING, disabled=True, actor="t", at=AT
        )
        with pytest.raises(UnauthenticatedError, match="disabled"):
            authenticate(other, rolled.secret, at=AT)

        revoke_token(store, made.token.id, actor="t", at=AT)
        with pytest.raises(UnauthenticatedError, match="revoked"):
            authenticate(other, rolled.secret, at=AT)


def test_of_two_moments_of_use_the_later_one_stays(place: Place, store: Store) -> None:
    token = create_token(store, "x", EVERYTHING, actor="t", at=AT).token
    with closing(place.open()) as other:
        for node, at in ((other, AT + 9), (store, AT + 5)):
            use = TokenUse(lambda node=node: node)  # type: ignore[misc]  # the loop's
            use.used(token, at)
            use.settle()

    assert [one.last_used_at for one in list_tokens(store)] == [AT + 9]
